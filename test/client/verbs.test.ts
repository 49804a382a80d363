import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  AlreadyDecided,
  type MissionControl,
  type TaskHandle,
  WrongState,
} from '../../src/client/index.js';
import { type House, openHouse } from '../support/house.js';
import { connectTo, scenario } from './support.js';

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

/** A LEAD's task waits for a person, whatever the policy says. */
const startWaiting = () => mission.tasks.start({ title: 'A plan', assignee: 'lead' });

const auditOf = async (taskId: string) => {
  const rows = await house.database.sql`
    select principal, door, action from audit where subject = ${taskId} order by id`;
  return rows.map(({ principal, door, action }) => `${action} by ${principal}, ${door}`);
};

describe('a task that waits in the inbox', () => {
  let task: TaskHandle;
  beforeEach(async () => {
    task = await startWaiting();
  });

  test('says so, goes on when it is approved, and the record names who did', async () => {
    const { taskId, ...state } = await task.state();
    expect(state).toMatchObject({ status: 'INBOX', waitingFor: 'approval', assignee: 'lead' });
    const answer = await task.approve({ reason: 'go ahead' });
    expect(answer).toMatchObject({ applied: true, error: null, message: expect.any(String) });
    expect((await task.result()).status).toBe('DONE');
    expect(await auditOf(taskId)).toContain('task.approve by person:ann, sdk');
  });

  test('goes on when a signal approves it', async () => {
    await task.signal.approve({ by: 'person:bob' });
    const { taskId, status } = await task.result();
    expect(status).toBe('DONE');
    expect(await auditOf(taskId)).toContain('task.approve by person:bob, sdk');
  });

  test('is rejected: an outcome, and no verb after it', async () => {
    await task.reject({ reason: 'not now' });
    expect(await task.result()).toMatchObject({ status: 'REJECTED', cycles: 0 });
    await expect(task.approve()).rejects.toBeInstanceOf(AlreadyDecided);
    await expect(task.cancel()).rejects.toMatchObject({
      code: 'WrongState',
      message: 'cancel is not possible: the task is REJECTED',
    });
    await expect(task.signal.pause()).rejects.toBeInstanceOf(WrongState);
  });

  test('is cancelled', async () => {
    await task.cancel();
    expect((await task.result()).status).toBe('CANCELLED');
    await expect(task.approve()).rejects.toMatchObject({ code: 'WrongState' });
  });

  test.each(['retry', 'accept'] as const)('%s is refused, naming what is legal', async (verb) => {
    const error = await task[verb]().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WrongState);
    expect(String(error)).toMatch(
      /not possible while the task is INBOX; possible now: approve, reject, guide, reassign,/,
    );
    expect((await task.state()).status).toBe('INBOX');
  });

  test('is moved, held, let go and given to another', async () => {
    expect(await task.reprioritise('URGENT')).toMatchObject({ priority: 'URGENT' });
    expect(await task.pause()).toMatchObject({ paused: true });
    expect(await task.state()).toMatchObject({ priority: 'URGENT', paused: true });
    expect(await task.resume()).toMatchObject({ paused: false });
    await task.guide('Keep it short.');
    const answer = await task.reassign({ executor: 'implementer' });
    expect(answer).toMatchObject({ applied: true, assignee: 'implementer' });
  });

  test('a message that cannot be used is InvalidMessage', async () => {
    await expect(task.guide(' ')).rejects.toMatchObject({ code: 'InvalidMessage' });
    await expect(task.reassign({})).rejects.toMatchObject({ code: 'InvalidMessage' });
  });

  test('an agent may not decide', async () => {
    const byAgent = { by: 'agent:lead' };
    await expect(task.approve(byAgent)).rejects.toMatchObject({ code: 'NotPermitted' });
    expect((await task.state()).status).toBe('INBOX');
  });

  test('the same message is applied once and answered once', async () => {
    const options = { messageId: 'decision-1' };
    const [first, second] = await Promise.all([
      task.guide('One', options),
      task.guide('One', options),
    ]);
    expect(second).toEqual(first);
    await task.signal.guide('One', options);
    const { taskId } = await task.state();
    const given = (await auditOf(taskId)).filter((line) => line.startsWith('task.guide'));
    expect(given).toEqual(['task.guide by person:ann, sdk']);
  });
});

test('a question blocks the task until it is answered', async () => {
  const task = await mission.tasks.start({
    title: 'Which one?',
    description: scenario({
      executions: [
        {
          turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }],
          report: 'Written',
          faults: { ask: { turn: 2, question: 'Which file?' } },
        },
      ],
      reviews: [{ verdict: { verdict: 'APPROVED', summary: 'Good' } }],
    }),
  });
  for await (const { status, blocked } of task.follow()) {
    if (status !== 'BLOCKED') continue;
    expect(blocked).toBe('question');
    await expect(task.retry()).rejects.toBeInstanceOf(WrongState);
    await task.answer('b.txt');
  }
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
});
