import { readFileSync, readlinkSync } from 'node:fs';
import { ApplicationFailure, type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../../drizzle/db.js';
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

interface InFlight {
  readonly run: string;
  readonly worker: string;
  readonly workflowId: string;
}

/**
 * Hands the attempts of dead workers back to Temporal at once instead of after their heartbeat
 * timeout. Reads each activity again just before, since a failure by id carries no attempt number.
 */
export async function reclaim(client: Client, database: Database): Promise<number> {
  const [row] = await database.sql<{ found: InFlight[] }[]>`select attempts_in_flight() as found`;
  const lost = (row?.found ?? []).filter(({ worker }) => isProvedDead(worker));
  const reclaimed = await Promise.all(lost.map((attempt) => giveBack(client, attempt)));
  return reclaimed.reduce((sum, count) => sum + count, 0);
}

async function giveBack(client: Client, { workflowId, worker }: InFlight): Promise<number> {
  let count = 0;
  try {
    const handle = client.workflow.getHandle(workflowId);
    const { raw } = await handle.describe();
    const runId = raw.workflowExecutionInfo?.execution?.runId ?? null;
    const execution = { workflowId, runId };
    const { namespace } = client.options;
    await client.workflowService.resetStickyTaskQueue({ namespace, execution });
    for (const { activityId, lastWorkerIdentity } of raw.pendingActivities ?? []) {
      if (!activityId || lastWorkerIdentity !== worker) continue;
      const failure = ApplicationFailure.create({
        message: 'its worker has died; another one goes on from the checkpoint',
        type: 'WorkerLost',
        nextRetryDelay: '1ms',
      });
      await client.activity.fail({ workflowId, activityId }, failure);
      count++;
    }
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return count;
}
