import fc from 'fast-check';
import type { Breach } from './breach.js';
import { act, begin, type Deed, deeds } from './deeds.js';
import { Driver } from './driver.js';
import { Model } from './model.js';
import { Watch } from './watch.js';
import { CORE, type Core, Raised } from './world.js';

/** The rules under test: the pure core, and the model of the SQL functions. */
export interface Rules {
  readonly core?: Partial<Core>;
  readonly model?: new () => Model;
  /** Sees how it stands after the last deed. */
  readonly look?: (driver: Driver) => void;
}

/** Rules of which one is broken. */
export interface Mutant extends Rules {
  readonly name: string;
  /** The invariants of the design by which it is seen, any of them. */
  readonly seenBy: readonly number[];
}

/** A promise of the design that did not hold. */
export class Broken extends Error {
  readonly breaches: readonly Breach[];
  constructor(breaches: readonly Breach[]) {
    super(breaches.map(({ number, what }) => `invariant ${number}: ${what}`).join('\n'));
    this.breaches = breaches;
  }
}

/** Plays a sequence; throws at the first statement after which a promise is broken. */
export function simulate(sequence: readonly Deed[], rules: Rules = {}): void {
  const { core, model: Record = Model, look } = rules;
  const driver: Driver = new Driver(new Record(), { ...CORE, ...core }, (call) => {
    const breaches = watch.check(call);
    if (breaches.length > 0) throw new Broken(breaches);
  });
  const watch = new Watch(driver);
  begin(driver);
  try {
    for (const deed of sequence) act(driver, deed);
  } catch (error) {
    if (!(error instanceof Raised)) throw error;
    // It is retried without end, so its task is stranded.
    throw new Broken([{ number: 14, what: `a statement raises: ${error.message}` }]);
  }
  look?.(driver);
}

/** As many sequences of this seed; one that fails is shrunk, and thrown with its seed. */
export function play(numRuns: number, seed: number, each: (deeds: readonly Deed[]) => void): void {
  fc.assert(fc.property(deeds(300), each), { numRuns, seed });
}
