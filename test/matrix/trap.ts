import { type Deferred, deferred } from './deferred.js';

/** Before: the call is withheld. After: the server has done it, and its answer is withheld. */
export const MOMENTS = ['before', 'after'] as const;
export type Moment = (typeof MOMENTS)[number];

/** A call on its way from a worker to one of its servers. */
export interface WireCall {
  readonly server: 'postgres' | 'temporal';
  /** The statement with its values, or the method with its message. */
  readonly text: string;
}

/** Where a fault is to happen. */
export interface Place {
  readonly server: WireCall['server'];
  readonly says: RegExp;
  /** What the answer must say for the step to have happened; asked only after it. */
  readonly answers?: RegExp;
}

/** What becomes of the call or answer that was withheld. */
type Fate = 'goes on' | 'is lost';

/** Withholds one call, or its answer, until whoever set the trap says what becomes of it. */
export class Trap {
  readonly place: Place;
  readonly moment: Moment;
  private readonly spring: Deferred<void> = deferred();
  private readonly fate: Deferred<Fate> = deferred();
  private state: 'unset' | 'set' | 'taken' = 'unset';

  constructor(place: Place, moment: Moment) {
    this.place = place;
    this.moment = moment;
  }

  /** Resolves when the call, or its answer, is withheld. */
  get sprung(): Promise<void> {
    return this.spring.promise;
  }

  set(): void {
    this.state = 'set';
  }

  /** Whether this call is the one; it is from then on, unless `miss` says otherwise. */
  takes({ server, text }: WireCall): boolean {
    const { place, state } = this;
    if (state !== 'set' || server !== place.server || !place.says.test(text)) return false;
    this.state = 'taken';
    return true;
  }

  /** The server refused it or it did nothing: the next one then. */
  miss(): void {
    this.state = 'set';
  }

  didIt(answer: string): boolean {
    return this.place.answers?.test(answer) ?? true;
  }

  /** Called by a proxy that withholds it now; answers when its fate is known. */
  withhold(): Promise<Fate> {
    this.spring.resolve();
    return this.fate.promise;
  }

  /** Also lets everything through from now on. */
  release(fate: Fate): void {
    this.state = 'unset';
    this.fate.resolve(fate);
  }
}
