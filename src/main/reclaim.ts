import { readFileSync, readlinkSync } from 'node:fs';
import {
  ActivityNotFoundError,
  ApplicationFailure,
  type Client,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Database } from '../../drizzle/db.js';
import { UPKEEP_ID } from '../contract.js';
import { findProcess, isAlive, thisProcess } from '../dev/process.js';

/** This host and PID namespace: two containers may share a name, but not these. */
function whereWeRun(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return `${process.platform}/no-namespace`;
  }
}

/** Boot id, PID namespace, pid and start time: with these a death can be proved. */
export function workerIdentity(): string {
  const { pid, startedAt } = thisProcess();
  return JSON.stringify({ where: whereWeRun(), pid, startedAt });
}

/** True only on proof: same host and namespace, and no such process any more. Doubt is no proof. */
function isProvedDead(identity: string): boolean {
  try {
    const { where, pid, startedAt } = JSON.parse(identity);
    if (where !== whereWeRun() || typeof pid !== 'number') return false;
    return findProcess(pid) === null || !isAlive({ pid, startedAt });
  } catch {
    return false;
  }
}

/**
 * Hands what dead workers had in hand back to Temporal at once, instead of after the heartbeat
 * timeout. Only tasks that may have a pending activity are looked at, and upkeep.
 */
export async function reclaim(client: Client, database: Database): Promise<number> {
  const inHand = await database.sql<{ workflowId: string }[]>`
    select distinct t.workflow_id as "workflowId" from tasks t
    left join runs r on r.task_id = t.id and r.state in ('ADMITTED', 'RUNNING')
    where t.ended_at is null and t.first_execution_run_id is not null
      and (r.id is not null or t.status = 'LANDING')`;
  // A worker may also die between the statement that ends a run or a task and its activity's own
  // end; what moved before the heartbeat timeout is Temporal's already.
  const moved = await database.sql<{ workflowId: string }[]>`
    select workflow_id as "workflowId" from tasks
    where first_execution_run_id is not null
      and updated_at > clock_timestamp() - interval '30 seconds'
    order by updated_at desc limit ${MOVED_MAX}`;
  let reclaimed = 0;
  for (const rows of [[{ workflowId: UPKEEP_ID }, ...inHand], moved]) {
    const counts = await Promise.all(rows.map(({ workflowId }) => giveBack(client, workflowId)));
    reclaimed += counts.reduce((sum, count) => sum + count, 0);
  }
  return reclaimed;
}

/** Those that were lost moved last; looking at all would keep the others waiting. */
const MOVED_MAX = 300;

/** Fails by id what is read just before, since a failure by id carries no attempt number. */
async function giveBack(client: Client, workflowId: string): Promise<number> {
  try {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const lost = (raw.pendingActivities ?? []).filter(
      ({ state, lastWorkerIdentity }) =>
        state === STARTED && lastWorkerIdentity && isProvedDead(lastWorkerIdentity),
    );
    if (lost.length === 0) return 0;
    const runId = raw.workflowExecutionInfo?.execution?.runId ?? null;
    const { namespace } = client.options;
    const execution = { workflowId, runId };
    await client.workflowService.resetStickyTaskQueue({ namespace, execution });
    for (const { activityId } of lost) {
      if (activityId) await client.activity.fail({ workflowId, activityId }, WORKER_LOST);
    }
    return lost.length;
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

/** It has ended meanwhile. Calls that are not the client's own say so by gRPC's NOT_FOUND alone. */
const isGone = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError ||
  error instanceof ActivityNotFoundError ||
  (error instanceof Error && 'code' in error && error.code === 5);

/** `PENDING_ACTIVITY_STATE_STARTED` */
const STARTED = 2;

const WORKER_LOST = ApplicationFailure.create({
  message: 'its worker has died; another one goes on from the checkpoint',
  type: 'WorkerLost',
  nextRetryDelay: '1ms',
});
