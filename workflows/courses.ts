import type { ExecutionThen, LandingThen, ReviewThen, RunSpec } from '../src/contract.js';

type Runs = readonly RunSpec[];

/** What may come after each step: SQL applies the row that the outcome names. */

/** `checks` are the machine's, where the repository has any; `round` is what agents review. */
export const afterExecution = (checks: Runs, round: Runs): ExecutionThen => ({
  succeeded: { status: 'REVIEW', next: round },
  toCheck: { status: 'REVIEW', next: checks },
  failed: { status: 'BLOCKED', blocked: 'execution-failed' },
  unprepared: { status: 'BLOCKED', blocked: 'setup-failed' },
});

export const afterReview = (next: Runs): ReviewThen => ({
  accepted: { status: 'LANDING' },
  revision: { status: 'IN_PROGRESS', next },
  atCap: { status: 'BLOCKED', blocked: 'revision-cap' },
  failed: { status: 'BLOCKED', blocked: 'review-failed' },
  unprepared: { status: 'BLOCKED', blocked: 'setup-failed' },
});

/** Only what has passed is worth a reviewer. */
export const afterChecks = (round: Runs, next: Runs): ReviewThen => ({
  ...afterReview(next),
  accepted: { status: 'REVIEW', next: round },
});

export const afterLanding = (next: Runs): LandingThen => ({
  landed: { status: 'DONE' },
  conflict: { status: 'IN_PROGRESS', next },
  atCap: { status: 'BLOCKED', blocked: 'landing-cap' },
  refused: { status: 'BLOCKED', blocked: 'landing-failed' },
});
