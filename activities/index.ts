import type { Landings, Runs, Steps, Upkeep, Withdrawals } from '../src/contract.js';
import type { Deps } from './deps.js';
import { land } from './land.js';
import { performChecks } from './perform-checks.js';
import { performExecution } from './perform-execution.js';
import { performReview } from './perform-review.js';
import { createSteps } from './steps.js';
import { createTurns } from './turns.js';
import { keepUp } from './upkeep.js';
import { withdraw } from './withdraw.js';

export type { Deps } from './deps.js';

/** All that a workflow may ask of the world. */
export function createActivities(deps: Deps): Steps & Runs & Landings & Withdrawals & Upkeep {
  const inTurn = createTurns(deps.checks.atOnce);
  return {
    ...createSteps(deps),
    performChecks: (run, then) => performChecks(deps, inTurn, run, then),
    performExecution: (run, then) => performExecution(deps, run, then),
    performReview: (run, then) => performReview(deps, run, then),
    land: (taskId, number, then) => land(deps, taskId, number, then),
    withdraw: (taskId, number, then) => withdraw(deps, taskId, number, then),
    keepUp: () => keepUp(deps),
  };
}
