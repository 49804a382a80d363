import { setTimeout as pause } from 'node:timers/promises';
import type { Rig } from '../support/rig.js';
import type { Side } from './sides.js';
import { quantile } from './speed.js';

/** How long tasks in flight stand still after `kill -9` of the only worker, in seconds. */
export interface Resume {
  readonly kills: number;
  readonly tasks: number;
  readonly median: number;
  readonly last: number;
}

const IN_FLIGHT = 10;
/** Completed workflow tasks, started and completed activities, and the end. */
const PROGRESS = new Set([7, 11, 12, 2]);

/** Kills the worker with ten tasks in flight, starts another at once, and looks at histories. */
export async function resume(rig: Rig, product: Side, kills: number): Promise<Resume> {
  const stood: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const work = { agentMs: 200, files: false, cycles: 2 } as const;
    const ids = await Promise.all(Array.from({ length: IN_FLIGHT }, () => product.file(work)));
    await begun(rig, ids);
    await pause((kill * 97) % 400); // within another part of their lives each time
    const killed = Date.now();
    await product.stop('SIGKILL');
    await product.start();
    await Promise.all(ids.map((id) => product.done(id)));
    for (const id of ids) stood.push(await standstill(rig, id, killed));
  }
  return {
    ...{ kills, tasks: stood.length },
    median: quantile(stood, 0.5) / 1000,
    last: Math.max(...stood) / 1000,
  };
}

/** Until every one of them has an attempt. */
async function begun({ database }: Rig, ids: readonly string[]): Promise<void> {
  for (;;) {
    const [row] = await database.sql<{ begun: number }[]>`
      select count(distinct t.id)::integer as begun from tasks t join runs r on r.task_id = t.id
      where ${JSON.stringify(ids)}::jsonb ? t.workflow_id and r.attempt > 0`;
    if (row?.begun === ids.length) return;
    await pause(20);
  }
}

/** From the kill to the first thing that a worker has done for it since, in milliseconds. */
async function standstill({ client }: Rig, workflowId: string, killed: number): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const times = (events ?? []).flatMap(({ eventType, eventTime }) => {
    const at = Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6;
    return PROGRESS.has(eventType ?? 0) && at > killed ? [at - killed] : [];
  });
  return times.length === 0 ? 0 : Math.min(...times);
}
