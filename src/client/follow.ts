import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskOutcome, TaskState } from '../contract.js';
import { isTerminal } from '../domain/task.js';
import { type MissionError, TaskFailed, Timeout, Unreachable } from './errors.js';
import { ask, type Call, type Link } from './link.js';

export interface FollowOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** How long an outage is waited out, in milliseconds; 60000 unless set, `Infinity` for ever. */
  readonly patienceMs?: number;
  /** Told about each failing try while an outage is waited out. */
  readonly onTrouble?: (error: MissionError) => void;
}

/** Temporal answers a long poll after some 20 s at the latest; one without an answer is lost. */
const LONG_POLL_MS = 40_000;
/** `HISTORY_EVENT_FILTER_TYPE_*` */
const EVENTS = { any: 1, close: 2 } as const;

/**
 * Yields whenever something happened to the workflow, first at once, and ends when it is closed.
 * A long poll of the history instead of a query every half second: Temporal answers the moment that
 * an event is written, and a task that waits for days costs one empty answer every 20 s. The events
 * themselves are not read: what they come to is the workflow's to say.
 */
async function* happenings(
  link: Link,
  workflowId: string,
  events: keyof typeof EVENTS,
  options: FollowOptions,
): AsyncGenerator<void, void, undefined> {
  const { connection, namespace } = link;
  const call = callOf('the history', workflowId, LONG_POLL_MS);
  const request = {
    namespace,
    execution: { workflowId },
    waitNewEvent: true,
    skipArchival: true,
    historyEventFilterType: EVENTS[events],
  };
  for (let nextPageToken = new Uint8Array(); ; ) {
    const poll = () =>
      connection.workflowService.getWorkflowExecutionHistory({ ...request, nextPageToken });
    const page = await outlasting(options, () => ask(link, call, abortable(link, options, poll)));
    nextPageToken = new Uint8Array(page.nextPageToken ?? []);
    if ((page.history?.events ?? []).length > 0) yield;
    if (nextPageToken.length === 0) return;
  }
}

/** Every change of a task's state; see `TaskHandle.follow`. */
export async function* follow(
  link: Link,
  workflowId: string,
  read: () => Promise<TaskState>,
  options: FollowOptions,
): AsyncGenerator<TaskState, void, undefined> {
  let shown = '';
  try {
    for (;;) {
      for await (const _ of happenings(link, workflowId, 'any', options)) {
        const state = await outlasting(options, read);
        const text = JSON.stringify(state);
        if (text !== shown) yield state;
        shown = text;
        if (isTerminal(state.status)) return;
      }
      // Closed without an end: a reset goes on as another run of the same id, else it failed.
      if (!(await isRunning(link, workflowId, options))) {
        await outlasting(options, () => outcomeNow(link, workflowId));
        return;
      }
    }
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
  }
}

/** How the task ended; see `TaskHandle.result`. */
export async function outcome(
  link: Link,
  workflowId: string,
  options: FollowOptions,
): Promise<TaskOutcome> {
  for (;;) {
    for await (const _ of happenings(link, workflowId, 'close', options));
    try {
      return await outlasting(options, () => outcomeNow(link, workflowId));
    } catch (error) {
      // A reset terminates the run that it replaces, and the task goes on under the same id.
      const isReset = error instanceof TaskFailed && (await isRunning(link, workflowId, options));
      if (!isReset) throw error;
    }
  }
}

const callOf = (what: string, workflowId: string, timeoutMs?: number): Call => ({
  what,
  workflowId,
  timeoutMs,
});

const outcomeNow = (link: Link, workflowId: string) =>
  ask<TaskOutcome>(link, callOf('the result', workflowId), () =>
    link.client.workflow.getHandle(workflowId).result(),
  );

async function isRunning(link: Link, workflowId: string, options: FollowOptions): Promise<boolean> {
  const call = callOf('describe', workflowId);
  const { status } = await outlasting(options, () =>
    ask(link, call, () => link.client.workflow.getHandle(workflowId).describe()),
  );
  return status.name === 'RUNNING';
}

const abortable =
  <T>({ connection }: Link, { signal }: FollowOptions, work: () => Promise<T>) =>
  (): Promise<T> =>
    signal === undefined ? work() : connection.withAbortSignal(signal, work);

/** Tries again while a worker or Temporal itself does not answer: somebody may restart it. */
async function outlasting<T>(options: FollowOptions, work: () => Promise<T>): Promise<T> {
  const { signal, patienceMs = 60_000, onTrouble } = options;
  const since = Date.now();
  for (let waitMs = 250; ; waitMs = Math.min(2 * waitMs, 5_000)) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      const isOutage = error instanceof Unreachable || error instanceof Timeout;
      if (!isOutage || Date.now() - since + waitMs > patienceMs) throw error;
      onTrouble?.(error);
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}
