import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deeds } from './deeds.js';
import { MUTANTS } from './mutants.js';
import { Broken, simulate } from './simulate.js';

/** The same for each, and for the rules as they are. */
const SEQUENCES = fc.sample(deeds(300), { numRuns: 1_000, seed: 121 });

test.each(MUTANTS)(
  '$name: seen',
  ({ seenBy, ...rules }) => {
    const numbers = new Set<number>();
    for (const sequence of SEQUENCES) {
      try {
        simulate(sequence, rules);
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        for (const { number } of error.breaches) numbers.add(number);
      }
      if (seenBy.some((number) => numbers.has(number))) return;
    }
    expect([...numbers], 'the invariants that saw it').toEqual(seenBy);
  },
  120_000,
);
