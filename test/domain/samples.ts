import type { CycleRecord } from '../../src/domain/reviews.js';
import type { FollowUp, Issue, Verdict } from '../../src/domain/verdict.js';

export const verdictOf = (kind: Verdict['kind'], more: Partial<Verdict> = {}): Verdict => ({
  kind,
  summary: '',
  issues: [],
  criteria: [],
  earlier: [],
  followUps: [],
  ...more,
});

export const blocking = (text: string): Issue => ({ severity: 'blocking', text });
export const minor = (text: string): Issue => ({ severity: 'minor', text });

export const followUp = (title: string): FollowUp => ({ title, description: '', acceptance: [] });

/** One cycle whose execution has the cycle's number; reviews are numbered from `first` on. */
export const cycleOf = (
  cycle: number,
  first: number,
  ...verdicts: readonly Verdict[]
): CycleRecord => ({
  cycle,
  execution: { number: cycle, agent: 'Implementer', report: `report ${cycle}`, superseded: false },
  reviews: verdicts.map((verdict, index) => ({
    number: first + index,
    agent: `Reviewer ${index + 1}`,
    verdict,
  })),
});
