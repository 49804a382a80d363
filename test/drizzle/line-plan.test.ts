import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage.js';

const QUEUED = 5_000;
let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
  const { taskId } = await stage.begin({});
  await stage.sql`insert into tasks select (jsonb_populate_record(t, jsonb_build_object(
      'id', gen_random_uuid(), 'workflow_id', 'w' || n, 'number', 10000 + n))).*
    from tasks t, generate_series(1, ${QUEUED}::int) n where t.id = ${taskId}`;
  await stage.sql`insert into decisions (task_id, question, decision, by, door, reason)
    select id, 'admission:implementer', 'admitted', 'policy:auto-approve', 'policy', ''
    from tasks where id <> ${taskId}`;
  await stage.sql`insert into runs (id, task_id, kind, number, cycle, agent_id, state, priority,
      estimate)
    select gen_random_uuid(), id, 'EXECUTION', 1, 1, 'implementer', 'QUEUED', 'HIGH', 1 from tasks
    where id <> ${taskId}`;
  await stage.sql`analyze`;
});
afterAll(() => stage.close());

/** The function's own text, with values for its arguments. */
async function bodyOf(name: string, given: Record<string, string>): Promise<string> {
  const [row] = await stage.sql<{ text: string }[]>`
    select prosrc as text from pg_proc where proname = ${name}`;
  return Object.entries(given).reduce(
    (text, [argument, value]) => text.replaceAll(new RegExp(`\\b${argument}\\b`, 'g'), value),
    row?.text ?? '',
  );
}

test('the first in line is read off the index, however long the queue', async () => {
  const body = await bodyOf('first_in_line', {
    p_agent: `'implementer'`,
    p_now: 'clock_timestamp()',
    p_uncharged: 'true',
  });
  const lines = await stage.sql.unsafe(`explain (analyze, costs off, timing off) ${body}`);
  const plan = lines.map((line) => String(line['QUERY PLAN'])).join('\n');
  expect(plan).toContain('Index Scan using runs_queue');
  expect(plan).not.toContain('Sort');
  expect(plan).toMatch(/Index Scan using runs_queue.*rows=1[. ]/);
});

test('a whole queue is promoted in its order', async () => {
  const { wake } = await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 20 });
  const places = await stage.sql<{ id: string }[]>`
    select id from runs order by priority desc, place limit 20`;
  expect(wake.map(({ run }) => run)).toEqual(places.map(({ id }) => id));
});
