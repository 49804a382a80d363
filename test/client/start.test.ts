import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidTaskInput, type MissionControl, TaskNotFound } from '../../src/client/index.js';
import { type House, openHouse } from '../support/house.js';
import { connectTo } from './support.js';

let house: House;
let mission: MissionControl;
beforeAll(async () => {
  house = await openHouse();
  mission = await connectTo(house);
});
afterAll(async () => {
  await mission.close();
  await house.close();
});

const countTasks = async (title: string): Promise<number> => {
  const rows = await house.database.sql`select 1 from tasks where title = ${title}`;
  return rows.length;
};

describe('start', () => {
  test('files a task that is executed, reviewed and landed', async () => {
    const task = await mission.tasks.start({ title: 'From a program', priority: 'HIGH' });
    expect(task.workflowId).toMatch(/^task\/[0-9a-f-]{36}$/);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1, rehearsed: true });
    expect(await task.state()).toMatchObject({ title: 'From a program', priority: 'HIGH' });
    expect((await task.timeline()).at(-1)).toBe('└─ Status: DONE');
    const [row] = await house.database.sql`
      select owner, workflow_id as id from tasks where title = 'From a program'`;
    expect(row).toEqual({ owner: 'person:ann', id: task.workflowId });
  });

  test('a key files one task, however often and at once', async () => {
    const request = { title: 'Once' };
    const options = { idempotencyKey: 'order-17', source: 'shop' };
    const handles = await Promise.all(
      Array.from({ length: 100 }, () => mission.tasks.start(request, options)),
    );
    const ids = new Set(handles.map(({ workflowId }) => workflowId));
    expect(ids.size).toBe(1);
    const ends = await Promise.all(handles.slice(0, 5).map((task) => task.result()));
    expect(new Set(ends.map(({ taskId }) => taskId)).size).toBe(1);

    // Also after its end, and whatever is asked for under the key now.
    const again = await mission.tasks.start({ title: 'Something else' }, options);
    expect(again.workflowId).toBe(handles[0]?.workflowId);
    expect(await again.result()).toEqual(ends[0]);
    expect(await countTasks('Once')).toBe(1);
    expect(await countTasks('Something else')).toBe(0);
  });

  test('the same key of another source is another task', async () => {
    const one = await mission.tasks.start({ title: 'Mine' }, { idempotencyKey: 'k' });
    const other = await mission.tasks.start(
      { title: 'Yours' },
      { idempotencyKey: 'k', source: 'you' },
    );
    expect(one.workflowId).not.toBe(other.workflowId);
    await Promise.all([one.result(), other.result()]);
    const rows = await house.database.sql`
      select source, key from tasks where title in ('Mine', 'Yours') order by title`;
    expect([...rows]).toEqual([
      { source: 'sdk', key: 'k' },
      { source: 'you', key: 'k' },
    ]);
  });

  test('a title of 200 characters that take four bytes each is a summary too', async () => {
    const title = '🚀'.repeat(200);
    const task = await mission.tasks.start({ title });
    expect((await task.result()).status).toBe('DONE');
  });
});

describe('bad input', () => {
  test('a mistyped field is told at once, and nothing is started', async () => {
    const asked = { title: 'x', titel: 'y' };
    const error = await mission.tasks.start(asked).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidTaskInput);
    expect(error).toMatchObject({ code: 'InvalidTaskInput', field: 'input.titel' });
    expect(String(error)).toContain('did you mean title?');
  });

  test('what only the roster knows is told by state() and result()', async () => {
    const task = await mission.tasks.start({ title: 'For whom?', assignee: 'implementor' });
    const expected = { code: 'InvalidTaskInput', field: 'input.assignee' };
    await expect(task.result()).rejects.toMatchObject(expected);
    await expect(task.state()).rejects.toMatchObject(expected);
    await expect(task.approve()).rejects.toMatchObject({
      code: 'WrongState',
      message: expect.stringContaining('did you mean implementer?'),
    });
    expect(await countTasks('For whom?')).toBe(0);
  });

  test('a key is not used up by a request that could not be filed', async () => {
    const options = { idempotencyKey: 'second-try' };
    const first = await mission.tasks.start({ title: 'Try', assignee: 'nobody' }, options);
    await expect(first.result()).rejects.toBeInstanceOf(InvalidTaskInput);
    const second = await mission.tasks.start({ title: 'Try' }, options);
    expect(second.workflowId).toBe(first.workflowId);
    expect((await second.result()).status).toBe('DONE');
  });

  test('a source and key of a task with another workflow id: DuplicateKey names it', async () => {
    const args = [{ title: 'Mine alone', source: 'sdk', key: 'taken' }];
    const workflowId = 'chosen-by-somebody';
    const { taskQueue } = house;
    await house.client.workflow.execute('task', { taskQueue, workflowId, args });
    const task = await mission.tasks.start({ title: 'x' }, { idempotencyKey: 'taken' });
    await expect(task.result()).rejects.toMatchObject({ code: 'DuplicateKey', workflowId });
  });
});

describe('get', () => {
  test('takes the workflow id, or what follows task/ in it', async () => {
    const task = await mission.tasks.start({ title: 'To be found' });
    const { workflowId } = task;
    for (const id of [workflowId, workflowId.slice('task/'.length)]) {
      expect((await mission.tasks.get(id)).workflowId).toBe(workflowId);
    }
    await task.result(); // a list shows first what has ended last
  });

  test('an unknown id is TaskNotFound, and so is a workflow that is no task', async () => {
    await expect(mission.tasks.get('T-4711')).rejects.toBeInstanceOf(TaskNotFound);
    const { taskQueue } = house;
    const other = await house.client.workflow.start('unheard-of', {
      taskQueue,
      workflowId: `other-${taskQueue}`,
    });
    await expect(mission.tasks.get(other.workflowId)).rejects.toBeInstanceOf(TaskNotFound);
  });
});

describe('list', () => {
  test('by status and by assignee, the newest first', async () => {
    const waiting = await mission.tasks.start({ title: 'A plan', assignee: 'lead' });
    const done = await mission.tasks.start({ title: 'A change', assignee: 'implementer' });
    await done.result();
    const list = (options: Parameters<typeof mission.tasks.list>[0]) => mission.tasks.list(options);
    // Visibility follows within a second.
    const inbox = { workflowId: waiting.workflowId, waitingFor: 'approval', cycles: 0 };
    await expect
      .poll(() => list({ status: 'INBOX', assignee: 'lead' }), { timeout: 10_000 })
      .toContainEqual(expect.objectContaining(inbox));
    await expect
      .poll(() => list({ status: 'DONE', limit: 1 }), { timeout: 10_000 })
      .toMatchObject([{ workflowId: done.workflowId, assignee: 'implementer', cycles: 1 }]);
    expect(await list({ assignee: `o'hara "x" \\` })).toEqual([]);
  });
});
