import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLimitsInHindsight, readWeekVerdicts } from '../../drizzle/read-policies.js';
import { Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

/** A run so many hours ago and so many hours long. */
async function ran(agent: string, ago: number, hours: number, more: object = {}): Promise<void> {
  await stage.sql`insert into runs select (jsonb_populate_record(r, jsonb_build_object(
      'id', gen_random_uuid(), 'agent_id', ${agent}::text, 'number', 100 + ${count++}::int,
      'state', 'SUCCEEDED', 'charged', true, 'rehearsed', false, 'work_tokens', 10,
      'admitted_at', noon.at - make_interval(hours => ${ago}::int),
      'ended_at', noon.at - make_interval(hours => ${ago - hours}::int),
      'day', (noon.at - make_interval(hours => ${ago}::int))::date)
      || ${JSON.stringify(more)}::jsonb)).*
    from runs r, (select date_trunc('day', now() at time zone 'UTC') as at) noon
    where r.number = 1`;
}
let count = 0;

test('last week is measured by the figures of a day, a slot and its tokens', async () => {
  await stage.begin();
  // Midnight is where the hours are counted from: three on one day, of which two overlap.
  for (const ago of [22, 21, 10]) await ran('implementer', ago, 4);
  await ran('implementer', 46, 1);
  await ran('writer', 22, 4);
  await ran('reviewer', 22, 4);
  await ran('reviewer', 21, 4, { rehearsed: true });
  await ran('implementer', 21, 4, { charged: false });
  await ran('implementer', 24 * 9, 4);
  const figures = {
    maxConcurrentPerAgent: 1,
    maxDailyPerAgent: 2,
    maxDailyPerReviewer: 0,
    maxDailyTokens: 50,
  };
  expect(await readLimitsInHindsight(stage.database, figures)).toEqual({
    real: { runs: 7, beyondSlots: 2, beyondDay: 2, daysOutOfTokens: 1 },
    // The one that began just now is among them.
    rehearsed: { runs: 2, beyondSlots: 0, beyondDay: 1, daysOutOfTokens: 0 },
  });
  const most = { maxConcurrentPerAgent: 9, maxDailyPerAgent: 9, maxDailyPerReviewer: 9 };
  const none = { beyondSlots: 0, beyondDay: 0, daysOutOfTokens: 0 };
  const within = await readLimitsInHindsight(stage.database, { ...most, maxDailyTokens: 60 });
  expect(within.real).toEqual({ runs: 7, ...none });
});

test('a verdict is looked at with the tree that it found', async () => {
  const { taskId, run } = await stage.begin({ title: 'Root' });
  const followUps = [{ title: 'Child', description: '', acceptance: [] }];
  await stage.sql`update runs set state = 'SUCCEEDED', ended_at = clock_timestamp(),
      verdict = ${JSON.stringify({ followUps })}::jsonb, rehearsed = false,
      spawned = '{"filed": [{}], "refused": []}' where id = ${run}`;
  for (const [title, origin] of [
    ['Child', run],
    ['Later', null],
  ]) {
    await stage.sql`insert into tasks select (jsonb_populate_record(t, jsonb_build_object(
        'id', gen_random_uuid(), 'number', t.number + 1 + ${origin === null ? 1 : 0}::int,
        'workflow_id', ${title ?? ''}::text, 'title', ${title ?? ''}::text, 'root_id', t.id,
        'origin_run_id', ${origin ?? null}::uuid, 'origin_index', 0,
        'created_at', clock_timestamp()))).* from tasks t where t.id = ${taskId}`;
  }
  expect(await readWeekVerdicts(stage.database)).toEqual([
    { rehearsed: false, depth: 0, followUps, filed: 1, titles: ['Root'] },
  ]);
});
