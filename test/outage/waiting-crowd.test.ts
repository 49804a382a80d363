import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_POLICIES } from '../../src/domain/policy.js';
import { PRIORITIES } from '../../src/domain/task.js';
import { documentOf, run } from '../support/mission.js';
import { openRig, type Rig, type RigWorker } from '../support/rig.js';
import { eventually } from '../support/tasks.js';

const CROWD = process.env.MC_LONG === '1' ? 1_000 : 300;
/** How many of them may go once the limit is raised. */
const RELEASED = 12;

let rig: Rig;
let worker: RigWorker;
beforeAll(async () => {
  rig = await openRig();
  worker = await rig.startWorker();
}, 90_000);
afterAll(() => rig.close());

const mission = (...args: readonly string[]) => run(args, { env: rig.env });
const set = async (...figures: readonly string[]) =>
  expect(await mission('policy', 'set', 'execution-limits', ...figures)).toMatchObject({ code: 0 });

/** Resident memory in MB, where the machine tells it. */
function memoryOf(pid: number): string {
  try {
    const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return `${Math.round(Number(kb) / 1024)} MB`;
  } catch {
    return 'unknown';
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  const result = await work();
  console.log(`${what}: ${((Date.now() - since) / 1000).toFixed(1)} s`);
  return result;
}

const memory = (): string =>
  `worker ${memoryOf(worker.pid)}, Temporal ${memoryOf(rig.temporal().child.process.pid)}`;

const fileOne = (n: number) =>
  rig.client.workflow.start('task', {
    taskQueue: rig.taskQueue,
    workflowId: `waiting/${n}`,
    args: [{ title: `Waiting ${n}`, priority: PRIORITIES[n % PRIORITIES.length] }],
    workflowTaskTimeout: '5s',
  });

const inLine = async (): Promise<number> => {
  const [row] = await rig.database.sql`
    select count(*)::integer as count from runs where state = 'QUEUED'`;
  return row?.count;
};

test(`${CROWD} tasks wait for a limit of 0: listed at once, released in their order`, async () => {
  await set('maxConcurrentPerAgent=0');
  console.log(`memory with nothing to do: ${memory()}`);
  await timed(`${CROWD} filed and in line`, async () => {
    for (let from = 0; from < CROWD; from += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => fileOne(from + n)));
    }
    await eventually(async () => expect(await inLine()).toBe(CROWD), 300_000);
  });
  console.log(`memory with ${CROWD} waiting: ${memory()}`);
  const status = await timed('mission status', () => mission('status', '--json'));
  expect(JSON.stringify(documentOf(status))).toContain('maxConcurrentPerAgent');
  const list = await timed('mission task list', () => mission('task', 'list', '--json'));
  expect(list.code).toBe(0);

  const { maxDailyPerAgent } = DEFAULT_POLICIES['execution-limits'].value;
  expect(maxDailyPerAgent).toBeGreaterThan(RELEASED);
  await set('maxConcurrentPerAgent=1', `maxDailyPerAgent=${RELEASED}`);
  const order = () => rig.database.sql<{ id: string }[]>`
    select task_id as id from runs where kind = 'EXECUTION' and started_at is not null
    order by started_at`;
  await eventually(async () => expect(await order()).toHaveLength(RELEASED), 120_000);
  const expected = await rig.database.sql<{ id: string }[]>`
    select task_id as id from runs where kind = 'EXECUTION'
    order by priority desc, place limit ${RELEASED}`;
  expect(await order()).toEqual(expected);
  expect(await inLine()).toBeGreaterThanOrEqual(CROWD - RELEASED);
}, 600_000);
