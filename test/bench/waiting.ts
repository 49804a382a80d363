import { setTimeout as pause } from 'node:timers/promises';
import type { Rig } from '../support/rig.js';
import type { Plan } from './plan.js';
import { memoryOf } from './processes.js';
import { type Side, setLimits } from './sides.js';
import { cpu, minus } from './speed.js';

/** What tasks cost that only wait for a slot. */
export interface Waiting {
  readonly tasks: number;
  /** How long it took until all of them stood in line. */
  readonly filedInSeconds: number;
  readonly serverMb: number;
  readonly workerMb: number;
  /** Seconds of CPU in a second, of all three processes, while nothing happens. */
  readonly idleCpu: { server: number; worker: number; postgres: number };
}

/** Files tasks that no limit lets run, and looks at the processes while they wait. */
export async function waiting(rig: Rig, product: Side, plan: Plan): Promise<Waiting[]> {
  await setLimits(rig, {
    ...{ maxConcurrentPerAgent: 0, maxDailyPerAgent: 10_000_000 },
    ...{ maxDailyPerReviewer: 10_000_000, maxDailyTokens: 1e15, timeZone: 'UTC' },
  });
  const found = [await lookAt(rig, product, plan, 0)];
  for (const tasks of plan.waiting) found.push(await lookAt(rig, product, plan, tasks));
  return found;
}

const work = { agentMs: 0, files: false, cycles: 1 } as const;

async function lookAt(rig: Rig, product: Side, plan: Plan, tasks: number): Promise<Waiting> {
  const since = Date.now();
  let next = await inLine(rig);
  const lane = async () => {
    while (next++ < tasks) await product.file(work);
  };
  await Promise.all(Array.from({ length: plan.inFlight }, lane));
  while ((await inLine(rig)) < tasks) await pause(100);
  const filedInSeconds = (Date.now() - since) / 1000;
  await pause(Math.min(plan.idleSeconds, 5) * 1000); // what filing them has left over
  const before = cpu(rig, product);
  await pause(plan.idleSeconds * 1000);
  const spent = minus(cpu(rig, product), before);
  return {
    ...{ tasks, filedInSeconds },
    serverMb: memoryOf(rig.temporal().child.process.pid),
    workerMb: memoryOf(product.pid()),
    idleCpu: {
      server: spent.server / plan.idleSeconds,
      worker: spent.worker / plan.idleSeconds,
      postgres: spent.postgres / plan.idleSeconds,
    },
  };
}

async function inLine({ database }: Rig): Promise<number> {
  const [row] = await database.sql<{ queued: number }[]>`
    select count(*)::integer as queued from runs where state = 'QUEUED'`;
  return row?.queued ?? 0;
}
