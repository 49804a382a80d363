import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileTask } from '../../drizzle/steps.js';
import { UPKEEP_ID } from '../../src/contract.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository, type Repository } from '../support/repository.js';
import { setPolicy, setSquadPaused } from '../support/settings.js';
import { eventually, execution, type Filed, file, filed } from '../support/tasks.js';

let house: House;
let repository: Repository;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
  repository = await addRepository(house);
});
afterAll(() => house.close());

const limits = (maxConcurrentPerAgent: number) => ({
  value: {
    maxConcurrentPerAgent,
    maxDailyPerAgent: 50,
    maxDailyPerReviewer: 200,
    maxDailyTokens: 5_000_000,
    timeZone: 'UTC',
  },
});

const slots = async () => {
  const [row] = await house.database.sql<{ count: string }[]>`
    select count(*) from runs where state in ('ADMITTED', 'RUNNING')`;
  return Number(row?.count);
};

/** Refs that keep objects of tasks, in all mirrors. */
const refs = () =>
  readdirSync(join(house.home, 'mirrors'), { recursive: true }).filter((name) =>
    String(name).includes('refs/agents/'),
  );

/** Nothing of an ended task is left: rows, processes, working copies, refs. */
const expectNothingLeft = () =>
  eventually(async () => {
    expect(await slots()).toBe(0);
    expect(await house.workspaces.listCopies()).toEqual([]);
    const [row] = await house.database.sql<{ count: string }[]>`
      select count(*) from tasks where ended_at is not null and cleaned_at is null`;
    expect(row?.count).toBe('0');
    const left = refs().filter((name) => /[0-9a-f]{40}$/.test(String(name)));
    expect(left).toEqual([]);
  }, 30_000);

const checkpointed = (task: Filed, turn = 1) =>
  eventually(async () => {
    const [row] = await house.database.sql<{ turn: number | null }[]>`
      select max((a.checkpoint ->> 'turn')::integer) as turn from attempts a
      join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId}`;
    expect(row?.turn).toBeGreaterThanOrEqual(turn);
  });

const endless = {
  turns: [{ files: { 'a.txt': 'a' } }],
  report: 'never',
  faults: { neverStop: true, onlyAttempt: 1 },
};

describe('pause', () => {
  test('a run at work stops at its next checkpoint, is queued again, goes on there', async () => {
    const task = await file(house, { executions: [endless] });
    await checkpointed(task);
    await task.say('pause');
    await eventually(async () => {
      expect((await task.runs())[0]).toMatchObject({ state: 'QUEUED', attempt: 1 });
      expect(await task.state()).toMatchObject({ waitingFor: 'task-paused', paused: true });
    });
    expect(await slots()).toBe(0);
    await task.say('resume');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect((await task.runs())[0]).toMatchObject({ number: 1, attempt: 2 });
  });

  test('the squad: the same for all, and nobody new begins', async () => {
    const task = await file(house, { executions: [endless] });
    await checkpointed(task);
    await setSquadPaused(house, true);
    await eventually(async () => expect((await task.runs())[0]?.state).toBe('QUEUED'));
    const other = await file(house, {});
    await eventually(async () => expect(await other.told()).toEqual(['EXECUTION 1 QUEUED']));
    await setSquadPaused(house, false);
    await Promise.all([task.result(), other.result()]);
  });
});

describe('cancel', () => {
  const sleeper = `sleep 300 & echo $! > ${'$'}PWD/pid.txt; wait`;
  const cases: [string, object, object, (task: Filed) => Promise<unknown>][] = [
    ['in the inbox', {}, { assignee: 'lead' }, (task) => task.until('INBOX')],
    [
      'while blocked',
      { executions: [{ report: 'x', faults: { ask: { turn: 1, question: '?' } } }] },
      {},
      (task) => task.until('BLOCKED'),
    ],
    [
      'in the middle of a command',
      { executions: [{ turns: [{ files: { a: 'a' } }, { commands: [sleeper] }], report: 'x' }] },
      {},
      (task) => checkpointed(task),
    ],
    [
      'in a review',
      { reviews: [{ turns: [{ say: 'a' }], faults: { hangAtTurn: 2 } }] },
      {},
      (task) => task.until('REVIEW'),
    ],
  ];

  test.each(cases)('%s', async (_, script, input, reach) => {
    const task = await file(house, script, { repository: repository.name, ...input });
    await reach(task);
    await task.say('cancel', { reason: 'enough' });
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
    expect(await task.record()).toMatchObject({ ended_by: 'person:ann', ended_reason: 'enough' });
  });

  test('while queued for a slot, and by Temporal itself', async () => {
    await setPolicy(house, 'execution-limits', limits(0));
    const task = await file(house, {});
    await eventually(async () => expect(await task.state()).toMatchObject({ waitingFor: 'slot' }));
    await task.handle.cancel();
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
    expect(await task.told()).toEqual(['EXECUTION 1 CANCELLED']);
    await setPolicy(house, 'execution-limits', limits(3));
  });

  test('nothing of them is left: no slot, no process, no copy, no ref', async () => {
    await expectNothingLeft();
    const runs = await house.database.sql<{ id: string }[]>`select id from runs`;
    const marked = await house.workspaces.listMarked();
    // Another installation on this machine has processes of its own.
    expect(marked.filter(({ mark }) => runs.some(({ id }) => mark.includes(id)))).toEqual([]);
  });
});

describe('what upkeep heals', () => {
  test('a wake-up that was lost', async () => {
    await setPolicy(house, 'execution-limits', limits(0));
    const task = await file(house, {});
    await eventually(async () => expect(await task.state()).toMatchObject({ waitingFor: 'slot' }));
    await setPolicy(house, 'execution-limits', limits(3), { silent: true });
    const lost = Date.now();
    expect((await task.runs())[0]?.state).toBe('ADMITTED');
    await task.until('DONE');
    expect(Date.now() - lost).toBeLessThan(15_000);
  });

  test('a task that was filed, and whose start was lost', async () => {
    const id = uuidv7();
    const workflowId = `${house.taskQueue}/task/${id}`;
    const request = {
      title: 'Filed while Temporal was away',
      description: '',
      acceptance: [],
      priority: 'HIGH',
      assignee: 'writer',
      reviewers: [],
      repository: null,
      owner: 'person:ann',
      source: null,
      key: null,
    } as const;
    await fileTask(house.database, { id, workflowId, door: 'cli', request } as never);
    const task = filed(house, workflowId);
    await task.until('DONE');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
  });

  test('the record of a workflow that was terminated', async () => {
    const task = await file(house, { executions: [{ ...endless, faults: { neverStop: true } }] });
    await checkpointed(task);
    await task.handle.terminate('by hand');
    await task.until('CANCELLED');
    expect(await task.record()).toMatchObject({
      ended_by: 'system:upkeep',
      ended_reason: 'its workflow ended in Temporal: TERMINATED',
    });
    expect(await task.told()).toEqual(['EXECUTION 1 CANCELLED']);
    await expectNothingLeft();
  });

  test('an inbox that was decided under an older policy', async () => {
    await setPolicy(house, 'auto-approve', { enabled: false });
    const task = await file(house, {});
    await task.until('INBOX');
    await setPolicy(house, 'auto-approve', { enabled: true });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
  });
});

test('an idle house makes no events, and keeps nothing of what has landed', async () => {
  const task = await file(
    house,
    { executions: [execution('work')] },
    { repository: repository.name },
  );
  await task.result();
  await expectNothingLeft();
  const { landed_ref } = await task.record();
  expect(repository.git('show', `${landed_ref}:work.txt`)).toBe('work');
  const upkeep = house.client.workflow.getHandle(UPKEEP_ID);
  const { events } = await upkeep.fetchHistory();
  expect(events?.length).toBeLessThanOrEqual(5);
  expect(existsSync(join(house.home, 'copies'))).toBe(true);
});
