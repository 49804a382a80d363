/** How the invariants of all tasks together are broken by hand, once a branch. */
import { done, type Planted, plant, populate } from './breaches.js';
import type { Stage } from './stage.js';

const tree = (depth: number, cap: string) => async (stage: Stage) => {
  const { id, run } = await done(stage);
  const roots = 'id, number, workflow_id, title, description, acceptance, priority, assignee';
  await stage.sql.unsafe(`insert into policies select name, 2, enabled,
    jsonb_set(value, '{${cap}}', '1'), 'person:ann', 'cli', '', clock_timestamp()
    from policies where name = 'spawn'`);
  await stage.sql.unsafe(`insert into audit (principal, door, action, subject, detail)
    select 'person:ann', 'cli', 'policy.set', 'spawn',
      jsonb_build_object('after', value, 'enabled', enabled)
    from policies where name = 'spawn' and version = 2`);
  await stage.sql.unsafe(`insert into tasks (${roots}, reviewers, owner, door, root_id, parent_id,
      depth, origin_run_id, origin_index, status, created_at)
    select gen_random_uuid(), n + 1, 'task/' || n, 'x', '', '[]', 'NORMAL', 'writer', '{}',
      'agent:reviewer', 'agent', '${id}', '${id}', ${depth}, '${run}', n, 'INBOX',
      clock_timestamp() + interval '20 s' from generate_series(1, 2) n`);
  await stage.sql.unsafe(`insert into audit (principal, door, action, subject)
    select owner, door, 'task.file', id::text from tasks where parent_id is not null`);
};

export const OF_HOUSE: readonly Planted[] = [
  [8, 'too deep', tree(2, 'maxDepth')],
  [8, 'too many of a verdict', tree(1, 'maxPerVerdict')],
  [8, 'too large a tree', tree(1, 'maxPerTree')],
  plant(
    10,
    'a slot too many',
    `update runs set state = 'ADMITTED', admitted_at = clock_timestamp()
     where agent_id = 'researcher' and state = 'QUEUED'`,
  ),
  [
    10,
    'a run too many',
    async (stage) => {
      await populate(stage);
      await stage.setPolicy('execution-limits', { maxDailyPerAgent: 1 });
      await stage.sql`update runs set charged = true, day = day_of(clock_timestamp())
      where agent_id = 'researcher' and state = 'QUEUED'`;
    },
  ],
  plant(
    11,
    'spent in silence',
    `insert into run_events (run_id, attempt, event)
     select id, 1, '{"kind": "usage", "usage": {"input": 1, "output": 2, "cacheWrite": 3}}'
     from runs where agent_id = 'operator'`,
  ),
  plant(
    11,
    'a figure that is not the sum of its rows',
    `update spend set work_tokens = work_tokens + 1 where agent_id = 'operator'`,
  ),
  plant(
    13,
    'a policy in silence',
    `insert into policies select name, 2, enabled, value,
     'person:ann', 'cli', '', clock_timestamp() from policies where name = 'review'`,
  ),
  plant(
    13,
    'a policy back to what it once was, in silence',
    `select set_policy(jsonb_build_object('name', 'review', 'value', v.value || '{"maxCycles": 4}',
       'by', 'person:ann', 'door', 'cli', 'why', ''))
     from policies v where v.name = 'review' and v.version = 1;
     insert into policies select name, 3, enabled, value, by, door, why, clock_timestamp()
     from policies where name = 'review' and version = 2`,
  ),
  plant(13, 'an agent in silence', `update agents set enabled = false where id = 'intern'`),
  plant(
    13,
    'an agent enabled by a script',
    `update agents set enabled = true where id = 'architect'`,
  ),
  plant(
    13,
    'an agent paused in silence',
    `update agents set paused_reason = 'x' where id = 'lead'`,
  ),
  plant(13, 'the squad in silence', 'update installation set squad_paused = true'),
  plant(
    15,
    'acknowledged and gone',
    `insert into audit (principal, door, action, subject)
     values ('person:ann', 'cli', 'task.file', gen_random_uuid()::text)`,
  ),
  plant(
    15,
    'never acknowledged',
    `alter table audit disable trigger all;
     delete from audit where id = (select id from audit where action = 'task.file' limit 1)`,
  ),
  plant(
    15,
    'twice by its key',
    `alter table tasks drop constraint tasks_source_key;
     update tasks set source = 's', key = 'k' where assignee = 'researcher'`,
  ),
  plant(
    15,
    'twice by its verdict',
    `alter table tasks drop constraint tasks_origin;
     update tasks set origin_run_id = root_id, origin_index = 0;
     update tasks set origin_run_id = (select root_id from tasks limit 1)`,
  ),
  plant(
    15,
    'twice by its workflow',
    `alter table tasks drop constraint tasks_workflow_id_unique;
     update tasks set workflow_id = 'one' where assignee = 'researcher'`,
  ),
  plant(
    15,
    'twice by its number',
    `alter table tasks drop constraint tasks_number_unique;
     update tasks set number = 99 where assignee = 'researcher'`,
  ),
  plant(
    17,
    "landed in a person's repository",
    `insert into repositories (id, name, location, target,
     added_by) values (gen_random_uuid(), 'r', '/r', 'main', 'person:ann');
     update tasks set repository_id = (select id from repositories), landed_commit = 'c0ffee'
     where status = 'DONE'`,
  ),
  plant(17, 'passes for real', `update tasks set rehearsed = false where status = 'DONE'`),
];
