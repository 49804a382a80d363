import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Connection } from '@temporalio/client';
import type { TaskOutcome } from '../contract.js';
import { AlreadyDecided, MissionError, TaskFailed, Timeout, WrongState } from './errors.js';
import { type Attempted, meaningOf, unreachable } from './failures.js';

/** One connection to Temporal and what every call over it has in common. */
export interface Link {
  readonly client: Client;
  readonly connection: Connection;
  /** `host:port`, for messages. */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** The principal who acts when a call names nobody. */
  readonly by: string;
  /** How long a call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** One call about one task. */
export interface Call {
  /** The verb or the name of the query, for messages. */
  readonly what: string;
  readonly workflowId: string;
  /** Who has to be there: a worker for verbs (what has a `messageId`), else the server alone. */
  readonly answeredBy?: 'worker' | 'server';
  readonly timeoutMs?: number | undefined;
  /** Of a verb: it may still be applied when the call has timed out. */
  readonly messageId?: string;
}

/**
 * Makes a call with a deadline. What goes wrong comes back as a `MissionError`; anything that is
 * not explained there (a defect, an unknown search attribute) keeps Temporal's own class.
 */
export async function ask<T>(link: Link, call: Call, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + (call.timeoutMs ?? link.timeoutMs);
  for (;;) {
    try {
      return await link.connection.withDeadline(deadline, work);
    } catch (error) {
      const explained = await explain(link, call, error);
      if (explained !== SOON) throw explained;
      if (Date.now() > deadline) throw notRegistered(call, error);
      await sleep(100);
    }
  }
}

/** Its worker is about to register the task, or has not heard the call: asking again helps. */
const SOON = Symbol('soon');

const notRegistered = ({ workflowId }: Call, cause: unknown): Timeout =>
  new Timeout(`${workflowId} is not registered yet: can its worker reach the database?`, null, {
    cause,
  });

const triedBy = (link: Link, { what, workflowId }: Call): Attempted => ({
  what,
  workflowId,
  address: link.address,
  namespace: link.namespace,
});

async function explain(link: Link, call: Call, error: unknown): Promise<unknown> {
  const meaning = meaningOf(error, triedBy(link, call));
  switch (meaning.kind) {
    case 'error':
      return meaning.error;
    case 'silent': {
      const { messageId, answeredBy = messageId === undefined ? 'server' : 'worker' } = call;
      const isWorker = answeredBy === 'worker' && (await answers(link));
      return isWorker ? noWorker(link, call, error) : unreachable(link.address, error);
    }
    case 'ended': // or it went on in a new history at this very moment
      return (await isRunning(link, call)) ? SOON : await howItEnded(link, call);
    case 'unregistered':
      return (await isRunning(link, call)) ? SOON : await endOf(link, call);
    case 'unheard':
      return SOON;
    case 'unknown':
      return error;
    default:
      return meaning satisfies never;
  }
}

/** Whether Temporal itself answers: then it was a worker that did not. */
async function answers({ connection }: Link): Promise<boolean> {
  try {
    await connection.withDeadline(Date.now() + 1_000, () =>
      connection.workflowService.getSystemInfo({}),
    );
    return true;
  } catch {
    return false;
  }
}

function noWorker(link: Link, call: Call, cause: unknown): Timeout {
  const seconds = (call.timeoutMs ?? link.timeoutMs) / 1_000;
  const message =
    `no worker on queue "${link.taskQueue}" answered ${call.what} of ${call.workflowId} ` +
    `within ${seconds} s`;
  const advice =
    call.messageId === undefined
      ? 'is one running? (mission up)'
      : 'it may still be applied as soon as one runs (mission up); to learn the answer, ' +
        `repeat the call with messageId "${call.messageId}"`;
  return new Timeout(`${message}; ${advice}`, call.messageId ?? null, { cause });
}

/** A verb that came after the end: what the end was. */
async function howItEnded(link: Link, call: Call): Promise<unknown> {
  const end = await endOf(link, call);
  if (!(end instanceof Error)) {
    const message = `${call.what} is not possible: the task is ${end.status}`;
    const isDecision = call.what === 'approve' || call.what === 'reject';
    const wasDecided = end.status !== 'CANCELLED';
    return isDecision && wasDecided ? new AlreadyDecided(message) : new WrongState(message);
  }
  if (!(end instanceof MissionError) || end instanceof TaskFailed) return end;
  const message = `${call.what} is not possible, the task was never filed: ${end.message}`;
  return new WrongState(message, { cause: end });
}

async function isRunning(link: Link, { workflowId }: Call): Promise<boolean> {
  const { status } = await ask(link, { what: 'describe', workflowId }, () =>
    link.client.workflow.getHandle(workflowId).describe(),
  );
  return status.name === 'RUNNING';
}

/** The outcome of a workflow that has ended, or why it has none. */
async function endOf(link: Link, call: Call): Promise<TaskOutcome | Error> {
  const deadline = Date.now() + link.timeoutMs;
  try {
    const result = link.connection.withDeadline(deadline, () =>
      link.client.workflow.getHandle(call.workflowId).result(),
    );
    return (await result) as TaskOutcome;
  } catch (error) {
    const meaning = meaningOf(error, triedBy(link, call));
    if (meaning.kind === 'error') return meaning.error;
    return error instanceof Error ? error : new Error(String(error));
  }
}
