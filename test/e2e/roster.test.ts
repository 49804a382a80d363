import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { setPolicy } from '../support/settings.js';
import { eventually, execution, file } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
});
afterAll(() => house.close());

const become = (agent: string, type: 'LEAD' | 'SPC') =>
  house.database.sql`update agents set type = ${type} where id = ${agent}`;
const limit = (maxConcurrentPerAgent: number) =>
  setPolicy(house, 'execution-limits', {
    value: {
      ...{ maxConcurrentPerAgent, maxDailyPerAgent: 50, maxDailyPerReviewer: 50 },
      ...{ maxDailyTokens: 5_000_000, timeZone: 'UTC' },
    },
  });

test('a task that waits for a LEAD goes on by itself when its agent is one no more', async () => {
  const task = await file(house, { executions: [execution('done')] }, { assignee: 'architect' });
  await task.until('INBOX');
  await become('architect', 'SPC');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
});

test('who became a LEAD while its run stood in line is approved there, and goes on', async () => {
  await limit(0);
  const task = await file(house, { executions: [execution('done')] }, { assignee: 'writer' });
  await task.until('ASSIGNED');
  await become('writer', 'LEAD');
  await limit(3);
  await eventually(async () => {
    const [row] = await house.database.sql`
      select run_wait(r) ->> 'reason' as reason from runs r join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId}`;
    expect(row?.reason).toBe('approval');
  });
  expect(await task.say('approve')).toMatchObject({ applied: true, status: 'ASSIGNED' });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  const { events } = await task.handle.fetchHistory();
  // Once the cause of a passing error has gone, nothing waits for minutes on.
  const longest = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [Number(scheduled.retryPolicy?.maximumInterval?.seconds)] : [],
  );
  expect(longest).toEqual([30, 30, 30]);
});
