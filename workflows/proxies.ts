import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Landings, Runs, Steps, Upkeep, Withdrawals } from '../src/contract.js';

/**
 * Small database steps, idempotent by (task, step): a repeat after a crash finds what is there.
 * The longest interval is above the threshold, so a long outage waits on timers, not in history.
 */
export const steps = proxyLocalActivities<Steps>({
  startToCloseTimeout: '10s',
  localRetryThreshold: '2s',
  retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '60s' },
});

/** The step that signals ask for, with no workflow task open meanwhile: see the mailbox. */
export const apart = proxyActivities<Pick<Steps, 'applyVerbs'>>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

/**
 * The agent's work. A repeat resumes from the checkpoint, so Temporal may retry without end: our
 * own function counts, by cause. The wall-clock limit is checked inside and is final. A retry of an
 * activity writes no event, so nothing is gained by waiting for long once the cause has gone.
 */
export const runs = proxyActivities<Runs>({
  startToCloseTimeout: '7 days',
  heartbeatTimeout: '30s',
  // Not the default, whatever the typings say: else the agent works on after the task has ended.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Landing twice is landing once, so it may be repeated for ever. */
export const landings = proxyActivities<Landings>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** For somebody who waits: what the other side does not answer soon, upkeep finds out later. */
export const withdrawals = proxyActivities<Withdrawals>({
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '60s',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '1s', maximumAttempts: 2 },
});

/** One endless heartbeating activity: no events while it works. */
export const housekeeping = proxyActivities<Upkeep>({
  startToCloseTimeout: '3650 days',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});
