import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readForBegin } from '../../drizzle/steps.js';
import { wrongSpend } from './spend.js';
import { course, reviewed, Stage, SUCCEEDED, spec } from './stage.js';

/** Of today, and closed: what a busy house has behind it by the evening. */
const TASKS = 10_000;
const RUNS_EACH = 10;
const QUEUED = 5_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(1);
  await stage.setPolicy('execution-limits', {
    maxConcurrentPerAgent: 3,
    maxDailyPerAgent: 1_000_000,
    maxDailyPerReviewer: 1_000_000,
    maxDailyTokens: 1e12,
  });
  await fill();
}, 120_000);
afterAll(() => stage.close());

async function fill(): Promise<void> {
  const { sql } = stage;
  await sql`insert into tasks (id, number, workflow_id, first_execution_run_id, title, description,
      acceptance, priority, assignee, reviewers, owner, door, root_id, status, ended_at, cleaned_at)
    select id, n, 'task/' || id, 'first', 'Task ' || n, repeat('x', 300), '[]', 'NORMAL',
      'implementer', '{}', 'person:ann', 'cli', id, 'DONE', now(), now()
    from (select gen_random_uuid() as id, n from generate_series(1, ${TASKS}::int) n) s`;
  await sql`insert into decisions (task_id, question, decision, by, door, reason)
    select id, 'admission:implementer', 'admitted', 'policy:auto-approve', 'policy', '' from tasks`;
  await sql`insert into runs (id, task_id, kind, number, cycle, agent_id, state, priority, day,
      charged, work_tokens, estimate, attempt, started_at, ended_at, fault)
    select gen_random_uuid(), t.id, (array['EXECUTION', 'REVIEW'])[k % 2 + 1]::run_kind, k / 2 + 1,
      k / 2 + 1, (array['implementer', 'reviewer'])[k % 2 + 1], 'SUCCEEDED', 'NORMAL',
      day_of(now()), true, 40, 20000, 1, now(), now(), null
    from tasks t, generate_series(0, ${RUNS_EACH - 1}::int) k`;
  await sql`insert into attempts (run_id, number, worker, ended_at, "end")
    select id, 1, 'worker', now(), 'succeeded' from runs where number <> 4`;
  await sql`insert into run_events (run_id, attempt, event) select id, 1, '{}' from runs`;
  await sql`insert into audit (principal, door, action, subject)
    select 'person:ann', 'cli', 'task.file', id::text from tasks`;
  await sql`insert into messages (task_id, message_id, answer) select id, 'one', '{}' from tasks`;
  await sql`insert into landings (task_id, number, kind, detail, outcome)
    select id, 1, 'local', '{}', 'landed' from tasks`;
  await sql`insert into deliverables (task_id, path, mode, sha256)
    select id, 'work.txt', '100644', 'x' from tasks`;
  await sql`vacuum analyze`;
}

/** Rows that one statement looks at, by table: what the plan says, not what the clock says. */
async function rowsRead(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const { sql } = stage;
  const look = async () => {
    const rows = await sql<{ table: string; read: number }[]>`
      select relname as table, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read
      from pg_stat_xact_user_tables`;
    return new Map(rows.map(({ table, read }) => [table, read]));
  };
  await sql.unsafe('begin');
  const before = await look();
  await work();
  const read = [...(await look())].map(
    ([table, rows]) => [table, rows - (before.get(table) ?? 0)] as const,
  );
  await sql.unsafe('commit');
  return Object.fromEntries(read.filter(([, rows]) => rows > 0));
}

/** The steps of a task's life and of upkeep, each as one statement. */
async function steps(): Promise<Record<string, Record<string, number>>> {
  const { sql } = stage;
  const read: Record<string, Record<string, number>> = {};
  const step = async (name: string, work: () => Promise<unknown>) => {
    read[name] = await rowsRead(work);
  };
  const task = { assignee: 'writer', priority: 'URGENT' } as const;
  let { taskId, run } = await stage.begin(task);
  let attempt = 0;
  const [review, again] = [spec('REVIEW', 1), spec('REVIEW', 2)];
  await step('begin', async () => {
    ({ taskId, run } = await stage.begin(task));
  });
  await step('begin, to wait', () => stage.begin({}));
  await step('file', () => stage.call('file_task', filed()));
  await step('read_for_begin', () => readForBegin(stage.database, 'none'));
  await step('start', async () => {
    attempt = await stage.start(run);
  });
  const progress = { workTokens: 3, cacheReadTokens: 0, instructions: null, events: [{}] };
  await step('progress', () =>
    stage.call('save_progress', { run, attempt, checkpoint: { turn: 1 }, ...progress }),
  );
  const then = course({ status: 'REVIEW', next: [review] });
  await step('close', () => stage.closeRun(run, attempt, { ...SUCCEEDED, course: then }));
  await step('start a review', async () => {
    attempt = await stage.start(review.id);
  });
  await step('leave', () => sql`select leave_attempt(${review.id}::uuid, ${attempt}, 'lost')`);
  const landing = course({ status: 'LANDING' });
  await step('close a review', () =>
    stage.closeRun(review.id, attempt, { ...reviewed(run, 'APPROVED'), course: landing }),
  );
  await step('begin_landing', () => sql`select begin_landing(${taskId}::uuid, 1)`);
  const landed = { kind: 'local', detail: {}, outcome: 'landed', landedFrom: 'c0ffee' };
  const done = course({ status: 'DONE' });
  await step('close_landing', () =>
    stage.call('close_landing', { task: taskId, number: 1, ...landed, course: done }),
  );
  await step('read_followups', () => sql`select read_followups(${taskId}::uuid)`);
  const other = await stage.begin(task);
  await step('fail', () => stage.fail(other.run));
  await step('retry', () => stage.verb(other.taskId, 'retry'));
  await step('open', () => stage.openRuns(other.taskId, spec('EXECUTION', 2, 1)));
  await step('cancel', () => stage.call('end_task', ended(other.taskId)));
  const lead = await stage.begin({ assignee: 'lead' });
  await step('approve', () => stage.verb(lead.taskId, 'approve'));
  await step('set_policy', () => stage.setPolicy('review', { maxCycles: again.number }));
  await step('set_agent', () => stage.setAgent('intern', false));
  for (const name of UPKEEP) await step(name, () => sql`select ${sql(name)}()`);
  return read;
}

/** What upkeep asks every five seconds. */
const UPKEEP = [
  ...['promote', 'unheard_grants', 'outdated_inbox', 'unclean_tasks', 'live_attempts'],
  'unstarted_tasks',
];

const filed = () => ({
  id: randomUUID(),
  workflowId: randomUUID(),
  door: 'cli',
  request: {
    title: 'x',
    description: '',
    acceptance: [],
    priority: 'NORMAL',
    reviewers: [],
    assignee: 'writer',
    owner: 'person:ann',
  },
});
const ended = (task: string) => ({
  ...{ task, status: 'CANCELLED', by: 'person:ann', door: 'cli', reason: '' },
});

/** Of any table, in one step: the squad is nine, a task has a few runs, a day has a few rows. */
const FEW = 800;
const many = (read: Record<string, Record<string, number>>) =>
  Object.entries(read).flatMap(([step, tables]) =>
    Object.entries(tables).flatMap(([table, rows]) =>
      rows > FEW ? [`${step}: ${rows} of ${table}`] : [],
    ),
  );

test('no step looks at more rows because the house has done more', async () => {
  expect(many(await steps())).toEqual([]);
});

test('nor because more runs stand in line', async () => {
  await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 3 });
  const { taskId } = await stage.begin({});
  await stage.sql`insert into tasks select (jsonb_populate_record(t, jsonb_build_object(
      'id', gen_random_uuid(), 'workflow_id', 'w' || n, 'number', 20000 + n))).*
    from tasks t, generate_series(1, ${QUEUED}::int) n where t.id = ${taskId}`;
  await stage.sql`insert into runs (id, task_id, kind, number, cycle, agent_id, state, priority)
    select gen_random_uuid(), id, 'EXECUTION', 1, 1, 'implementer', 'QUEUED', 'NORMAL' from tasks
    where number > 20000`;
  await stage.sql`insert into decisions (task_id, question, decision, by, door, reason)
    select id, 'admission:implementer', 'admitted', 'policy:auto-approve', 'policy', ''
    from tasks where number > 20000`;
  await stage.sql`analyze`;
  const { unstarted_tasks: _, ...read } = await steps();
  expect(many(read)).toEqual([]);
});

test('what a day has spent is what its runs say, however they change', async () => {
  const { sql } = stage;
  expect(await wrongSpend(stage)).toEqual([]);
  const few = sql`task_id in (select id from tasks where number <= 20)`;
  await sql`update runs set day = day - 1 where number = 1 and agent_id = 'reviewer' and ${few}`;
  await sql`update runs set charged = false, work_tokens = 7 where number = 2 and ${few}`;
  await sql`update runs set agent_id = 'tester' where number = 3 and kind = 'REVIEW' and ${few}`;
  await sql`delete from runs where number = 4 and ${few}`;
  expect(await wrongSpend(stage)).toEqual([]);
  await sql`update spend set runs = runs + 1 where agent_id = 'tester'`;
  expect(await wrongSpend(stage)).toHaveLength(1);
});
