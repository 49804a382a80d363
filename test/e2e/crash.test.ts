import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { reclaim } from '../../src/main/reclaim.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { approved, eventually, execution, type Filed, file } from '../support/tasks.js';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.js';

let house: House;
let effectsLog: string;
const started: WorkerProcess[] = [];
const startWorker = () => {
  const worker = startWorkerProcess(house, effectsLog);
  started.push(worker);
  return worker;
};

beforeAll(async () => {
  house = await openHouse();
  await house.worker.stop(); // only real processes work here
  effectsLog = join(house.home, 'effects.jsonl');
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
});
afterAll(async () => {
  await house.client.workflow
    .getHandle('upkeep')
    .terminate()
    .catch(() => undefined);
  await house.close();
});

/** What was really performed, in order: `EXECUTION 1 turn 2 (attempt 1)`. */
async function performed(): Promise<string[]> {
  const lines = (await readFile(effectsLog, 'utf8').catch(() => '')).trim().split('\n');
  return lines.filter(Boolean).map((line) => {
    const { kind, number, turn, attempt } = JSON.parse(line);
    return `${kind} ${number} turn ${turn} (attempt ${attempt})`;
  });
}

const attemptsOf = (task: Filed) => house.database.sql<
  { kind: string; number: number; end: string }[]
>`
  select r.kind, a.number, a.end from attempts a join runs r on r.id = a.run_id
  join tasks t on t.id = r.task_id where t.workflow_id = ${task.workflowId}
  order by r.place, a.number`;

test('killed in an execution and in a review, it goes on at the next turn', async () => {
  const dies = { faults: { exitWorker: 2, onlyAttempt: 1 } };
  const task = await file(house, {
    executions: [
      {
        turns: [
          { files: { 'one.txt': 'one' } },
          { files: { 'two.txt': 'two' } },
          { commands: ['cat one.txt two.txt'] },
        ],
        report: 'done in attempt {{attempt}}',
        ...dies,
      },
    ],
    reviews: [{ turns: [{ say: 'reading' }, { say: 'thinking' }], ...approved, ...dies }],
  });
  const first = startWorker();
  expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
  const second = startWorker();
  await second.polling;
  const resumed = Date.now();
  expect(await second.ended).toMatchObject({ signal: 'SIGKILL' });
  // Far less than the heartbeat timeout of 30 s: the dead worker's run was taken over.
  expect(Date.now() - resumed).toBeLessThan(15_000);
  startWorker();
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });

  expect(await performed()).toEqual([
    'EXECUTION 1 turn 1 (attempt 1)',
    'EXECUTION 1 turn 2 (attempt 2)',
    'EXECUTION 1 turn 3 (attempt 2)',
    'REVIEW 1 turn 1 (attempt 1)',
    'REVIEW 1 turn 2 (attempt 2)',
  ]);
  expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
  expect(await attemptsOf(task)).toMatchObject([
    { kind: 'EXECUTION', number: 1, end: 'lost' },
    { kind: 'EXECUTION', number: 2, end: 'succeeded' },
    { kind: 'REVIEW', number: 1, end: 'lost' },
    { kind: 'REVIEW', number: 2, end: 'succeeded' },
  ]);
  // The files are as they were: the second attempt read what the first had written.
  expect(await task.instructions('REVIEW', 1)).toContain('$ cat one.txt two.txt\nonetwo\nexit 0');
  // What upkeep's worker lost with the kill is taken over as well, and clears away.
  await eventually(async () => {
    expect(await house.workspaces.listCopies()).toEqual([]);
    expect(await house.workspaces.listMirrors()).toEqual([]);
  });
}, 90_000);

test('killed while checks run, they begin anew and nothing of them is left', async () => {
  const { name: repository } = await addRepository(house, { recipe: { checks: ['sleep 5'] } });
  const task = await file(house, { executions: [execution('work')] }, { repository });
  const first = startWorker();
  const doing = async () => {
    const [row] = await house.database.sql<{ id: string }[]>`
      select r.id from runs r join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId} and r.by_checks and exists (
        select 1 from run_events e
        where e.run_id = r.id and e.event ->> 'text' like 'checks run%')`;
    const marks = await house.workspaces.listMarked();
    expect(marks.map(({ mark }) => mark)).toContain(`${row?.id}.1`);
    return row;
  };
  const row = await eventually(doing, 60_000);
  first.child.kill('SIGKILL');
  await first.ended;
  startWorker();
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
  expect(await attemptsOf(task)).toMatchObject([
    { kind: 'EXECUTION', number: 1, end: 'succeeded' },
    { kind: 'REVIEW', number: 1, end: 'lost' },
    { kind: 'REVIEW', number: 2, end: 'succeeded' },
    { kind: 'REVIEW', number: 1, end: 'succeeded' },
  ]);
  await eventually(async () => {
    const marks = await house.workspaces.listMarked();
    expect(marks.filter(({ mark }) => mark.startsWith(`${row?.id}`))).toEqual([]);
  });
}, 90_000);

test('a task that ends while it is taken over is let go', async () => {
  const task = await file(house, {
    executions: [
      { turns: [{ say: 'one' }, { say: 'two' }], report: 'done', faults: { exitWorker: 2 } },
    ],
  });
  expect(await startWorker().ended).toMatchObject({ signal: 'SIGKILL' });
  // It ends between what is read of it and what is done about it.
  const { client, database } = house;
  const { workflowService: service } = client;
  const { resetStickyTaskQueue } = service;
  const terminated = new Set<string>();
  const endsFirst = async (request: { execution: { workflowId: string } }) => {
    await client.workflow.getHandle(request.execution.workflowId).terminate();
    terminated.add(request.execution.workflowId);
    return resetStickyTaskQueue.call(service, request);
  };
  Object.assign(service, { resetStickyTaskQueue: endsFirst });
  try {
    expect(await reclaim(client, database)).toBe(0);
  } finally {
    Object.assign(service, { resetStickyTaskQueue });
  }
  expect(terminated).toContain(task.workflowId);
}, 90_000);

test('a worker told to stop leaves its run to the next one: no loss is counted', async () => {
  const hangs = {
    turns: [{ files: { 'one.txt': 'one' } }, { files: { 'two.txt': 'two' } }],
    report: 'done',
    faults: { hangAtTurn: 2, onlyAttempt: 1 },
  };
  const task = await file(house, { executions: [hangs] });
  const first = startWorker();
  await eventually(async () => {
    const [row] = await house.database.sql<{ turn: number | null }[]>`
      select (a.checkpoint ->> 'turn')::integer as turn from attempts a
      join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId}`;
    expect(row?.turn).toBe(1);
  });
  first.child.kill('SIGTERM');
  expect(await first.ended).toMatchObject({ code: 0 });
  startWorker();
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  expect((await attemptsOf(task)).slice(0, 2)).toMatchObject([
    { number: 1, end: 'shutdown' },
    { number: 2, end: 'succeeded' },
  ]);
}, 90_000);
