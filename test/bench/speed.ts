import { performance } from 'node:perf_hooks';
import type { Rig } from '../support/rig.js';
import { type Cpu, cpuOf } from './processes.js';
import type { Side } from './sides.js';
import { mixed, runsOf, type Work } from './work.js';

/** One round of one side: so many tasks, so many of them in flight. */
export interface Round {
  readonly tasks: number;
  readonly seconds: number;
  /** Of each task, from its start to its end, in the order of their ends. */
  readonly milliseconds: readonly number[];
  /** Beyond the time that its agents took. */
  readonly added: readonly number[];
  readonly workflowIds: readonly string[];
  readonly cpu: Cpu;
}

/** The middle and the ends of what was measured. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export interface Asked {
  readonly tasks: number;
  readonly inFlight: number;
  /** Without a number of cycles: every third is revised. */
  readonly work: Omit<Work, 'cycles'> | Work;
  /** Lasts until upkeep has removed what the tasks left: that is their cost as well. */
  readonly untilCleaned: boolean;
}

/** Files tasks so that so many are always in flight; ends when all have ended. */
export async function drive(
  rig: Rig,
  side: Side,
  { tasks, inFlight, work, untilCleaned }: Asked,
): Promise<Round> {
  const before = cpu(rig, side);
  const from = performance.now();
  const milliseconds: number[] = [];
  const added: number[] = [];
  const workflowIds: string[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < tasks; index = next++) {
      const one = 'cycles' in work ? work : mixed(index, work);
      const since = performance.now();
      const workflowId = await side.file(one);
      await side.done(workflowId);
      workflowIds.push(workflowId);
      const took = performance.now() - since;
      milliseconds.push(took);
      added.push(took - runsOf(one) * one.agentMs);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, tasks) }, lane));
  const seconds = (performance.now() - from) / 1000;
  if (untilCleaned && side.name === 'product') await cleaned(rig);
  return { tasks, seconds, milliseconds, added, workflowIds, cpu: minus(cpu(rig, side), before) };
}

async function cleaned({ database }: Rig): Promise<void> {
  for (;;) {
    const [row] = await database.sql<{ left: number }[]>`select count(*)::integer as left
      from tasks where ended_at is not null and cleaned_at is null`;
    if (row?.left === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export function cpu(rig: Rig, side: Side): Cpu {
  const server = cpuOf(rig.temporal().child.process.pid);
  const postgres = cpuOf(rig.postgres().child.process.pid);
  return { server, postgres, worker: cpuOf(side.pid()) };
}

export const minus = (a: Cpu, b: Cpu): Cpu => ({
  server: a.server - b.server,
  worker: a.worker - b.worker,
  postgres: a.postgres - b.postgres,
});
