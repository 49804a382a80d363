import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { eventually, file, filed } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

let count = 0;
/** As any client may start a workflow: the type, the queue, JSON, and nothing else. */
const start = (type: string, ...args: unknown[]) =>
  house.client.workflow.start(type, {
    taskQueue: house.taskQueue,
    workflowId: `${house.taskQueue}/plain ${++count} ü`,
    args,
  });

const stored = async () => {
  const [row] = await house.database.sql<{ count: string }[]>`select count(*) from tasks`;
  return Number(row?.count);
};

test.each([
  [{}, 'input.title'],
  [undefined, 'input.title'],
  ['do it', 'input: expected an object'],
  [{ title: 'x', prority: 'HIGH' }, 'input.prority'],
  [{ title: 'x', priority: 'SOON' }, 'LOW, NORMAL, HIGH, URGENT'],
  [{ title: 'x', assignee: 'implementor' }, '"implementor" is not an agent'],
  [{ title: 'x', assignee: 'reviewer', reviewer: 'reviewer' }, 'nobody reviews his own work'],
  [{ title: 'x', reviewer: 'writer' }, '"writer" does not review'],
  [{ title: 'x', repository: 'nowhere' }, '"nowhere" is not a repository'],
  [{ title: 'x', owner: 'ann' }, 'person:ann'],
  [{ title: 'x', source: 'ci' }, 'input.key'],
])('%j fails at once, for good, and says why', async (input, what) => {
  const before = await stored();
  const handle = await start('task', ...(input === undefined ? [] : [input]));
  const error: WorkflowFailedError = await handle.result().catch((each) => each);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect(error.cause).toMatchObject({ type: 'InvalidTaskInput', nonRetryable: true });
  expect(error.cause?.message).toContain(what);
  expect(await stored()).toBe(before);
});

test('a title alone is enough, under any workflow id', async () => {
  const handle = await start('task', { title: 'x' });
  expect(await handle.result()).toMatchObject({ status: 'DONE', cycles: 1 });
});

test('text that no database can hold is mended, not refused', async () => {
  const handle = await start('task', { title: 'x', description: 'a\u0000b \ud800' });
  expect(await handle.result()).toMatchObject({ status: 'DONE' });
});

test('the same source and key under another id names the task that is there', async () => {
  const input = { title: 'nightly', source: 'ci', key: '7' };
  const first = await start('task', input);
  await first.result();
  const { number } = await filed(house, first.workflowId).record();
  const second = await start('task', input);
  await expect(second.result()).rejects.toMatchObject({
    cause: { type: 'DuplicateKey', message: expect.stringContaining(`T-${number}`) },
  });
});

test('an unknown type of workflow fails at once and names the known ones', async () => {
  const handle = await start('tsk', { title: 'x' });
  await expect(handle.result()).rejects.toMatchObject({
    cause: { type: 'UnknownWorkflowType', message: expect.stringContaining('task') },
  });
});

describe('messages that cannot be used', () => {
  const waiting = async () => {
    const task = await file(house, {}, { assignee: 'lead' });
    await task.until('INBOX');
    return task;
  };

  test('signals are ignored: unknown ones, malformed ones, those out of place', async () => {
    const task = await waiting();
    const raw: [string, ...unknown[]][] = [
      ['aprove', { by: 'person:ann' }],
      ['approve', 'please'],
      ['approve', { by: 7 }],
      ['guide', {}],
      ['reassign', { executor: 'nobody' }],
      ['reassign', { reviewers: 'tester' }],
      ['reprioritise', { priority: 'soon' }],
      ['answer', { text: 'yes' }],
      ['retry'],
      ['runPromoted'],
    ];
    for (const [name, ...args] of raw) await task.handle.signal(name, ...args);
    await task.say('guide', { text: 'heard after all of them \u0000' });
    expect(await task.record()).toMatchObject({ status: 'INBOX' });
    await task.say('approve');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await task.instructions('EXECUTION', 1)).toContain('heard after all of them');
  });

  test('updates are refused with field and value', async () => {
    const task = await waiting();
    for (const [verb, message, type, what] of [
      ['guide', { text: ' ' }, 'InvalidMessage', 'text:'],
      ['approve', { by: 7 }, 'InvalidMessage', 'by: expected text, got 7'],
      ['reprioritise', { priority: 'soon' }, 'InvalidMessage', '"soon"'],
      ['reassign', {}, 'InvalidMessage', 'executor or reviewers'],
      ['reassign', { reviewers: ['tester', 'tester'] }, 'InvalidMessage', 'tester is named twice'],
      ['guide', { text: 'x', door: 'window' }, 'InvalidMessage', 'door: expected one of'],
      ['retry', {}, 'WrongState', 'INBOX; possible now: approve, reject, guide'],
    ] as const) {
      await expect(task.say(verb, message)).rejects.toMatchObject({
        cause: { type, message: expect.stringContaining(what) },
      });
    }
    const unknown = task.handle.executeUpdate('aprove', { args: [{}] });
    await expect(unknown).rejects.toMatchObject({ name: 'WorkflowUpdateFailedError' });
    const [audited] = await house.database.sql`
      select detail ->> 'error' as error from audit a join tasks t on t.id::text = a.subject
      where t.workflow_id = ${task.workflowId} and action = 'task.reassign.refused'`;
    expect(audited).toEqual({ error: 'InvalidMessage' });
    await task.say('cancel');
    await task.result();
  });

  test('a message that is sent again is applied once', async () => {
    const task = await waiting();
    for (const text of ['once', 'twice']) await task.say('guide', { text, messageId: 'm-1' });
    const rows = await house.database.sql`
      select text from guidance g join tasks t on t.id = g.task_id
      where t.workflow_id = ${task.workflowId}`;
    expect(rows).toMatchObject([{ text: 'once' }]);
    await task.handle.cancel();
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
    await eventually(async () =>
      expect(await task.record()).toMatchObject({ ended_reason: 'cancelled in Temporal' }),
    );
  });
});
