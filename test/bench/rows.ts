import type { Rig } from '../support/rig.js';

const RUNS_EACH = 50;

/** Tasks that ended today, and their runs: what a busy house has behind it by the evening. */
export async function fillToday({ database: { sql } }: Rig, runs: number): Promise<void> {
  const tasks = Math.ceil(runs / RUNS_EACH);
  await sql`insert into tasks (id, number, workflow_id, first_execution_run_id, title, description,
      acceptance, priority, assignee, reviewers, owner, door, root_id, status, ended_at, cleaned_at)
    select id, 1000000 + n, 'filled/' || n, 'first', 'Task ' || n, '', '[]', 'NORMAL',
      'implementer', '{}', 'person:bench', 'cli', id, 'CANCELLED', now(), now()
    from (select gen_random_uuid() as id, n from generate_series(1, ${tasks}::int) n) s`;
  await sql`insert into runs (id, task_id, kind, number, cycle, agent_id, state, priority, day,
      charged, work_tokens, attempt, started_at, ended_at)
    select gen_random_uuid(), t.id, (array['EXECUTION', 'REVIEW'])[k % 2 + 1]::run_kind, k / 2 + 1,
      k / 2 + 1, (array['implementer', 'reviewer'])[k % 2 + 1], 'SUCCEEDED', 'NORMAL',
      day_of(now()), true, 40, 1, now(), now()
    from tasks t, generate_series(0, ${RUNS_EACH - 1}::int) k where t.workflow_id like 'filled/%'`;
  await sql`insert into attempts (run_id, number, worker, ended_at, "end")
    select r.id, 1, 'worker', now(), 'succeeded' from runs r join tasks t on t.id = r.task_id
    where t.workflow_id like 'filled/%'`;
  await sql`vacuum analyze`;
}
