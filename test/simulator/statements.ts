import type { Priority } from '../../src/domain/task.js';
import type { Model } from './model.js';
import { CORE, type Core, idOf, type Run } from './world.js';

type Method = (...given: never[]) => unknown;
type Name = {
  [K in keyof Model]: Model[K] extends Method ? K : never;
}[keyof Model];

/** One statement that was asked of the record, and what it answered. */
export interface Call {
  readonly name: string;
  readonly given: readonly unknown[];
  readonly reply: unknown;
}

/** Asks the record, statement by statement, and decides by the core what activities decide. */
export class Statements {
  readonly record: Model;
  readonly core: Core;
  readonly onCall: (call: Call) => void;
  calls = 0;
  private ids = 0;
  private last: { readonly name: Name; readonly given: readonly unknown[] } | null = null;

  constructor(record: Model, core: Core = CORE, onCall: (call: Call) => void = () => {}) {
    this.record = record;
    this.core = core;
    this.onCall = onCall;
  }

  newId(): string {
    this.ids += 1;
    return idOf(this.ids);
  }

  call<N extends Name>(name: N, ...given: GivenTo<N>): ReplyOf<N> {
    this.calls += 1;
    this.last = { name, given };
    const method = this.record[name] as (...given: unknown[]) => unknown;
    const reply = method.apply(this.record, given) as ReplyOf<N>;
    this.onCall({ name, given, reply });
    return reply;
  }
  /** A statement that was done and not answered is asked again. */
  repeat(): void {
    if (this.last) this.call(this.last.name, ...(this.last.given as never));
  }

  admission(assignee: string, priority: Priority) {
    const { type } = this.record.agent(assignee);
    const policy = this.record.policyNow('auto-approve') as never;
    return this.core.decideAdmission({ priority, agentType: type, agentId: assignee, policy });
  }

  /** The bound of cycles, as the brief of a run tells it. */
  bound(task: string): number {
    const { grantedCycles, landingCycles } = this.record.task(task);
    return this.record.figure('review', 'maxCycles') + grantedCycles + landingCycles;
  }

  /** What a round's verdicts come to; of a record that is re-entered, what they came to then. */
  cameTo(reviews: readonly Run[], cycle: number) {
    const ends = ['accepted', 'revision', 'atCap', 'failed'] as const;
    const recorded = ends.find((end) =>
      reviews.some(({ verdict, outcome }) => verdict !== null && outcome === end),
    );
    const settled = this.core.settleReviews(reviews.map(({ verdict }) => verdict)).kind;
    const atCap = cycle >= this.bound(reviews[0]?.task ?? '');
    const now = {
      accepted: 'accepted',
      unreadable: 'failed',
      revision: atCap ? 'atCap' : 'revision',
    };
    const outcome = recorded ?? (now[settled] as (typeof ends)[number]);
    const unprepared =
      outcome === 'failed' && reviews.some(({ cause }) => cause === 'setup-failed');
    return { outcome, unprepared };
  }
}

type GivenTo<N extends Name> = Model[N] extends (...given: infer G) => unknown ? G : never;
type ReplyOf<N extends Name> = Model[N] extends (...given: never[]) => infer R ? R : never;
