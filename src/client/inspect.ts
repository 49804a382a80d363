import { WorkflowNotFoundError } from '@temporalio/client';
import { TASK_WORKFLOW, UPKEEP_ID } from '../contract.js';
import { Timeout } from './errors.js';
import { ask, type Link } from './link.js';

/** What Temporal knows of a workflow that does not go on. */
export interface Inspected {
  readonly state: 'running' | 'closed' | 'missing';
  /** Why its step failed the last times; null: none is known to fail. */
  readonly failing: { readonly step: string; readonly tries: number; readonly why: string } | null;
}

/** So often a step may fail before it is said to fail again and again. */
const TRIES = 3;

/** Looks behind a workflow: at its pending steps, then at what its history says of the last one. */
export const inspect = (link: Link, workflowId: string): Promise<Inspected> =>
  ask(link, { what: 'describe', workflowId }, async () => {
    const handle = link.client.workflow.getHandle(workflowId);
    try {
      const { status, raw } = await handle.describe();
      if (status.name !== 'RUNNING') return { state: 'closed', failing: null };
      const pending = (raw.pendingActivities ?? []).map((activity) => ({
        step: activity.activityType?.name ?? 'a step',
        tries: activity.attempt ?? 1,
        why: activity.lastFailure?.message ?? '',
      }));
      const failing = pending.find(({ tries, why }) => tries >= TRIES && why !== '') ?? null;
      if (failing !== null || pending.length > 0) return { state: 'running', failing };
      const tries = raw.pendingWorkflowTask?.attempt ?? 1;
      if (tries < TRIES) return { state: 'running', failing: await failedHere(link, workflowId) };
      const why = "its code cannot go on; Temporal's Web UI and the worker's log say why";
      return { state: 'running', failing: { step: 'workflow', tries, why } };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { state: 'missing', failing: null };
      throw error;
    }
  });

/** A small step fails inside its worker: only its marks in the history tell. */
async function failedHere({ client }: Link, workflowId: string): Promise<Inspected['failing']> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const marks = (events ?? []).flatMap(({ markerRecordedEventAttributes: mark }) =>
    mark ? [mark.failure?.message ?? null] : [],
  );
  const tries = marks.length - 1 - marks.lastIndexOf(null);
  const why = marks.at(-1) ?? null;
  return why === null ? null : { step: 'step', tries, why };
}

/** A workflow of a task that runs. */
export interface Running {
  readonly workflowId: string;
  readonly ageMs: number;
}

/** The running tasks of this queue; `whole` is false where there are more than were asked for. */
export const runningTasks = (link: Link, most: number) =>
  ask(link, { what: 'list', workflowId: '' }, async () => {
    const query =
      `WorkflowType = '${TASK_WORKFLOW}' AND ExecutionStatus = 'Running' ` +
      `AND TaskQueue = '${link.taskQueue}'`;
    const running: Running[] = [];
    for await (const { workflowId, startTime } of link.client.workflow.list({ query })) {
      if (running.length >= most) return { running, whole: false };
      running.push({ workflowId, ageMs: Date.now() - startTime.getTime() });
    }
    return { running, whole: true };
  });

/** Long enough for a worker whose machine has much else to do. */
const ANSWER_MS = 10_000;

/** Whether a worker answers for upkeep: a poller stays listed for minutes after it was killed. */
export async function isAnswered(link: Link): Promise<boolean> {
  const call = {
    what: 'ask',
    workflowId: UPKEEP_ID,
    answeredBy: 'worker',
    timeoutMs: ANSWER_MS,
  } as const;
  try {
    await ask(link, call, () =>
      link.client.workflow.getHandle(UPKEEP_ID).query('__temporal_workflow_metadata'),
    );
    return true;
  } catch (error) {
    if (error instanceof Timeout) return false;
    throw error;
  }
}
