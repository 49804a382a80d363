import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { call } from '../../drizzle/db.js';
import type { Rig } from '../support/rig.js';
import { titleOf, type Work, writeScenarios } from './work.js';

/** One of the two that are compared: a queue, a worker process, and a way to ask for work. */
export interface Side {
  readonly name: 'bare' | 'product';
  /** Of the worker process that runs now. */
  pid(): number;
  /** Asks for one task; answers the id of its workflow. */
  file(work: Work): Promise<string>;
  /** Resolves when it has ended, and throws unless it is DONE. */
  done(workflowId: string): Promise<void>;
  start(): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

const BARE_WORKER = fileURLToPath(new URL('./bare-worker.ts', import.meta.url));
const BARE_QUEUE = 'bare';

/** Both sides, their workers started and warm enough to answer. */
export async function openSides(rig: Rig): Promise<{ bare: Side; product: Side }> {
  await rig.database.sql`create table bare_runs (task text not null, kind text not null,
    number integer not null, body text not null, primary key (task, kind, number))`;
  const limits = {
    ...{ maxConcurrentPerAgent: 100_000, maxDailyPerAgent: 10_000_000 },
    ...{ maxDailyPerReviewer: 10_000_000, maxDailyTokens: 1e15, timeZone: 'UTC' },
  };
  await setLimits(rig, limits);
  const sides = { bare: bareSide(rig), product: productSide(rig, await writeScenarios(rig.home)) };
  await Promise.all([sides.bare.start(), sides.product.start()]);
  return sides;
}

export async function setLimits({ database }: Rig, value: object): Promise<void> {
  const by = { by: 'person:bench', door: 'cli', why: 'the benchmark' };
  await call(database, 'set_policy', { name: 'execution-limits', value, ...by });
}

function bareSide(rig: Rig): Side {
  let child: ChildProcess | null = null;
  const start = async () => {
    const log = openSync(join(rig.home, 'bare.log'), 'a');
    const args = ['--import', 'tsx', BARE_WORKER, rig.address, rig.databaseUrl, BARE_QUEUE];
    child = spawn(process.execPath, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    await once(child, 'spawn');
  };
  return {
    ...asking(rig.client, 'bare', (work) => ({ type: 'bare', taskQueue: BARE_QUEUE, input: work })),
    pid: () => child?.pid ?? 0,
    start,
    async stop(signal) {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

function productSide(rig: Rig, scenarios: string): Side {
  let worker: Awaited<ReturnType<Rig['startWorker']>> | null = null;
  const { taskQueue } = rig;
  return {
    ...asking(rig.client, 'product', (work, index) => ({
      ...{ type: 'task', taskQueue },
      input: { title: titleOf(work, index) },
    })),
    pid: () => worker?.pid ?? 0,
    async start() {
      worker = await rig.startWorker({ MISSION_SCENARIOS: scenarios });
    },
    stop: async (signal) => worker?.kill(signal),
  };
}

type Order = (work: Work, index: number) => { type: string; taskQueue: string; input: object };

function asking(client: Client, name: Side['name'], order: Order) {
  let count = 0;
  return {
    name,
    async file(work: Work): Promise<string> {
      const { type, taskQueue, input } = order(work, ++count);
      const workflowId = `${name}/${count}`;
      const settings = { taskQueue, workflowId, workflowTaskTimeout: '5s' } as const;
      await client.workflow.start(type, { ...settings, args: [input] });
      return workflowId;
    },
    async done(workflowId: string): Promise<void> {
      const outcome: unknown = await client.workflow.getHandle(workflowId).result();
      const status = typeof outcome === 'object' ? (outcome as { status: string }).status : outcome;
      if (status !== 'DONE') throw new Error(`${workflowId} ended as ${JSON.stringify(outcome)}`);
    },
  };
}
