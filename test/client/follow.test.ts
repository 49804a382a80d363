import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type MissionControl, type TaskState, Timeout } from '../../src/client/index.js';
import { TASK_STATUSES } from '../../src/domain/task.js';
import { type House, openHouse } from '../support/house.js';
import { connectTo, openConnection, scenario } from './support.js';

let house: House;
let mission: MissionControl;
beforeAll(async () => {
  house = await openHouse();
  mission = await connectTo(house, { timeoutMs: 3_000 });
});
afterAll(async () => {
  await mission.close();
  await house.close();
});

/** Long enough in each status that nobody can miss it. */
const slowly = scenario({
  executions: [{ turns: [{ delayMs: 300, files: { 'a.txt': 'a' } }], report: 'Written' }],
  reviews: [{ turns: [{ delayMs: 300 }], verdict: { verdict: 'APPROVED', summary: 'Good' } }],
});

async function all(states: AsyncIterable<TaskState>): Promise<TaskState[]> {
  const seen: TaskState[] = [];
  for await (const state of states) seen.push(state);
  return seen;
}

const withoutRepeats = (values: readonly string[]) =>
  values.filter((value, index) => value !== values[index - 1]);

test('yields each status in order and ends with the last', async () => {
  const task = await mission.tasks.start({
    title: 'Slow',
    description: slowly,
    assignee: 'lead',
  });
  const seen: TaskState[] = [];
  for await (const state of task.follow()) {
    if (state.status === 'INBOX' && !seen.some(({ status }) => status === 'INBOX')) {
      await task.signal.approve();
    }
    seen.push(state);
  }
  const statuses = withoutRepeats(seen.map(({ status }) => status));
  expect(statuses).toEqual(expect.arrayContaining(['INBOX', 'IN_PROGRESS', 'REVIEW', 'DONE']));
  const ranks = statuses.map((status) => TASK_STATUSES.indexOf(status as TaskState['status']));
  expect(ranks, statuses.join()).toEqual(ranks.toSorted((left, right) => left - right));
  expect(statuses.at(-1)).toBe('DONE');
  const texts = seen.map((state) => JSON.stringify(state));
  expect(texts, 'no state is told twice in a row').toEqual(withoutRepeats(texts));

  const [again, ...rest] = await all(task.follow());
  expect(again).toEqual(seen.at(-1));
  expect(rest).toEqual([]);
});

test('asks for the state only when something has happened', async () => {
  const connection = await openConnection();
  const queries = vi.spyOn(connection.workflowService, 'queryWorkflow');
  const pages = vi.spyOn(connection.workflowService, 'getWorkflowExecutionHistory');
  const own = await connectTo(house, { connection });
  const task = await own.tasks.start({ title: 'Slow', description: slowly });
  await all(task.follow());
  expect(pages.mock.calls.length).toBeLessThan(20);
  expect(queries.mock.calls.length).toBeLessThanOrEqual(pages.mock.calls.length);
  await own.close();
  await connection.close();
});

test('ends quietly when its signal aborts, and so may result(), loudly', async () => {
  const task = await mission.tasks.start({ title: 'Waits', assignee: 'lead' });
  const leaving = new AbortController();
  const states = task.follow({ signal: leaving.signal });
  expect((await states.next()).value).toMatchObject({ status: 'INBOX' });
  const next = states.next();
  const outcome = expect(task.result({ signal: leaving.signal })).rejects.toThrow('enough');
  leaving.abort(new Error('enough'));
  expect(await next).toEqual({ done: true, value: undefined });
  await outcome;
});

test('outlasts a worker that goes away and another that comes', async () => {
  const task = await mission.tasks.start({ title: 'Waits', assignee: 'lead' });
  const first = task.follow();
  expect((await first.next()).value).toMatchObject({ status: 'INBOX' });
  await house.worker.stop();
  // Something happens, and nobody is there to say what it comes to.
  await task.signal.approve();
  const seen: string[] = [];
  const trouble = await new Promise((resolve) => {
    const states = task.follow({ onTrouble: resolve });
    void (async () => {
      for await (const { status } of states) seen.push(status);
      resolve('no trouble');
    })();
  });
  expect(trouble).toBeInstanceOf(Timeout);
  await house.startWorker();
  expect((await task.result()).status).toBe('DONE');
  await expect.poll(() => seen.at(-1)).toBe('DONE');
});

test('without patience an outage is an error', async () => {
  const nobody = await connectTo({ taskQueue: `nobody-${process.pid}` }, { timeoutMs: 2_000 });
  const task = await nobody.tasks.start({ title: 'x' });
  await expect(all(task.follow({ patienceMs: 0 }))).rejects.toBeInstanceOf(Timeout);
  await nobody.close();
});

test('a task that could not be filed is followed to its error', async () => {
  const task = await mission.tasks.start({ title: 'x', assignee: 'nobody' });
  await expect(all(task.follow())).rejects.toMatchObject({ code: 'InvalidTaskInput' });
});
