import { Context } from '@temporalio/activity';
import {
  closeRun,
  leaveAttempt,
  type Opening,
  type RunClosing,
  type Started,
  startAttempt,
} from '../drizzle/steps.js';
import type { RunEnd, RunRef } from '../src/contract.js';
import type { FailureCause } from '../src/domain/run.js';
import { FAILURE_CAUSES } from '../src/domain/run.js';
import { clean, firstLine } from '../src/domain/text.js';
import { GitError, RefusedTree, RepositoryError } from '../src/workspace/index.js';
import { type Ended, openWorkplace, refusedHere, SetupFailed, type Workplace } from './attempt.js';
import { cleaned } from './cleaned.js';
import type { Deps } from './deps.js';
import { broken, Defect, leaving, superseded } from './failures.js';
import { type Beating, heartbeating } from './heartbeat.js';
import { Progress } from './progress.js';
import { wake } from './wake.js';

export type Go = Extract<Started, { kind: 'go' }>;
/** The part of a close that the kind of run decides. */
export type Closing = Omit<
  RunClosing,
  'run' | 'attempt' | 'events' | 'workTokens' | 'cacheReadTokens'
>;

/** What an execution and a review differ in. */
export interface Craft {
  /** Does the work; answers how the run is closed. */
  work(go: Go, place: Workplace, beating: Beating, progress: Progress): Promise<Closing>;
  /** The rows of the workflow's table for a run that failed, and for one without a working copy. */
  readonly failed: Opening | null;
  readonly unprepared: Opening | null;
}

/** This many workers in a row may die on a run that makes no progress. */
const LOST_MAX = 10;
/** Characters of what is told of a failure. */
const TOLD = 2000;
/** And this often in a row its backend may break. */
const DEFECTS_MAX = 3;

/** One attempt of a run: started, worked on, closed, and whoever may go next is woken. */
export async function performRun(deps: Deps, ref: RunRef, craft: Craft): Promise<RunEnd> {
  return heartbeating(async (beating) => {
    const started = await startAttempt(deps.database, ref.id, deps.worker);
    // The attempt before may have been lost between its close and its signals.
    if (started.kind !== 'go') await wake(started.wake);
    if (started.kind === 'closed') return started.end;
    if (started.kind === 'queued') {
      return { kind: 'requeued', admitted: false, wait: started.wait, standing: started.standing };
    }
    const { attempt, checkpoint } = started;
    const progress = new Progress(deps.database, ref.id, attempt, checkpoint);
    const closing = await closingOf(deps, started, craft, beating, progress);
    const {
      end,
      stale,
      wake: promoted,
    } = await closeRun(
      deps.database,
      cleaned({ ...closing, ...(await progress.take()), run: ref.id, attempt }),
    );
    await wake(promoted);
    if (stale) throw superseded(ref.id, attempt);
    if (end.kind === 'closed') await deps.workspaces.dropHome(ref.id).catch(() => undefined);
    return end;
  });
}

async function closingOf(
  deps: Deps,
  go: Go,
  craft: Craft,
  beating: Beating,
  progress: Progress,
): Promise<Closing> {
  if (go.lostInARow >= LOST_MAX) {
    return failedBy('lost-workers', `${LOST_MAX} workers in a row were lost on it`, craft);
  }
  let place: Workplace | null = null;
  try {
    const refused = await refusedHere(deps, go);
    if (refused !== null) return unfinished(refused, craft);
    place = await openWorkplace(deps, go, beating.signal, progress);
    return await craft.work(go, place, beating, progress);
  } catch (error) {
    await progress.leave();
    if (error instanceof RefusedTree) return failedBy('refused-tree', error.message, craft);
    if (error instanceof SetupFailed) return setupFailed(error.message, craft);
    if (error instanceof RepositoryError) return failedBy('setup-failed', error.message, craft);
    if (error instanceof GitError && place === null && Context.current().info.attempt >= 3) {
      return failedBy('setup-failed', error.message, craft);
    }
    if (beating.signal.aborted) return await leave(deps, go, beating);
    if (error instanceof Defect) return await afterDefect(deps, go, error, craft);
    // Tried again, on the count of lost workers; what stays in the way is told in its own words.
    if (go.lostInARow < LOST_MAX - 1 || progress.checkpoint !== go.checkpoint) throw error;
    return failedBy('not-kept', error instanceof Error ? error.message : String(error), craft);
  } finally {
    // All of it is in the mirror; what a crash leaves behind is upkeep's.
    if (place !== null && !isLeftOpen(go, beating)) {
      await deps.workspaces.dropCopy(place.copy).catch(() => undefined);
    }
  }
}

/** What a program was at when its worker had to stop: the next attempt goes on with its files. */
const isLeftOpen = ({ brief }: Go, beating: Beating): boolean =>
  brief.agent.backend === 'command' && beating.why()?.workerShutdown === true;

/** The record holds all that the setup said; what is told of it has its first and last lines. */
function setupFailed(said: string, craft: Craft): Closing {
  const told =
    said.length <= TOLD ? said : `${said.slice(0, TOLD / 4)}\n[…]\n${said.slice(-TOLD / 2)}`;
  return { ...failedBy('setup-failed', told, craft), report: clean(said) };
}

/** A backend's defect may pass; one that stays fails the run, in its own words. */
async function afterDefect(deps: Deps, go: Go, error: Defect, craft: Craft): Promise<Closing> {
  const times = await leaveAttempt(deps.database, go.brief.run.id, go.attempt, 'defect');
  if (times < DEFECTS_MAX) throw broken(error.message);
  return failedBy('agent-error', `its backend broke ${times} times: ${error.message}`, craft);
}

/** A shutdown is retried elsewhere and counted as nothing; a cancellation is Temporal's to tell. */
async function leave(deps: Deps, go: Go, beating: Beating): Promise<never> {
  const leaveAs = (end: string) => leaveAttempt(deps.database, go.brief.run.id, go.attempt, end);
  if (beating.why()?.workerShutdown) {
    await leaveAs('shutdown');
    throw leaving();
  }
  // No worker was lost. Where it cannot be noted, the cancellation counts all the same.
  if (beating.why()?.cancelRequested) await leaveAs('cancelled').catch(() => undefined);
  return await beating.cancelled;
}

/** How a run is closed whose agent did not finish; null when it did. */
export function unfinished(ended: Exclude<Ended, { kind: 'finished' }>, craft: Craft): Closing {
  switch (ended.kind) {
    case 'asks': {
      const question = clean(ended.question);
      return { state: 'REQUEUED', hold: 'question', question };
    }
    case 'out-of-budget':
      return { state: 'REQUEUED', hold: 'budget-spent', question: clean(ended.message) };
    case 'later':
      return tryLater(ended);
    case 'stopped':
      if (ended.why === 'paused') return { state: 'REQUEUED' };
      return failedBy('time-limit', 'the run took longer than its agent may take', craft);
    case 'failed':
      return failedBy(ended.cause, ended.message, craft);
    default:
      return ended satisfies never;
  }
}

/** What the house or a provider owes is waited for by name: the agent has not failed. */
function tryLater({ because, message, retryAfterSeconds }: Later): Closing {
  const why = firstLine(clean(message), 300);
  switch (because) {
    case 'limit':
    case 'login':
      return { state: 'REQUEUED', pause: { kind: because, seconds: retryAfterSeconds, why } };
    case 'sandbox':
    case 'program':
    case 'backend': {
      const reason = because === 'sandbox' ? 'no-sandbox' : 'no-backend';
      const delayed = { reason, detail: why } as const;
      return { state: 'REQUEUED', delaySeconds: retryAfterSeconds, delayed };
    }
    case 'delay':
      return { state: 'REQUEUED', delaySeconds: retryAfterSeconds };
    default:
      return because satisfies never;
  }
}

type Later = Extract<Ended, { kind: 'later' }>;

/** A failed run is closed, not thrown: what it means is a person's to decide. */
export function failedBy(
  cause: FailureCause,
  message: string,
  craft: Pick<Craft, 'failed' | 'unprepared'>,
): Closing {
  const { fault, means } = FAILURE_CAUSES[cause];
  const error = clean(message).slice(0, TOLD);
  const summary = `${means}: ${firstLine(error, 200)}`;
  const course = cause === 'setup-failed' ? craft.unprepared : craft.failed;
  return { state: 'FAILED', outcome: 'failed', cause, fault, error, summary, course };
}
