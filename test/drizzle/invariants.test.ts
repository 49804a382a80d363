/** Each invariant is broken by hand, once a branch: it is named, and no other one is. */
import { existsSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { checkInvariants, INVARIANTS } from '../../drizzle/invariants.js';
import { course, reviewed, Stage, spec } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open(2);
  return () => stage.close();
});

const AGO = "clock_timestamp() - interval '2 minutes'";

/** A task that was executed, reviewed and has landed; answers its ids. */
async function done(filed: Parameters<Stage['begin']>[0] = {}) {
  const task = await stage.begin(filed);
  const review = await stage.execute(task.run);
  await stage.review(review, task.run);
  await stage.call('close_landing', {
    task: task.taskId,
    number: 1,
    kind: 'stored',
    detail: { summary: 'stored' },
    outcome: 'landed',
    landedFrom: 'c0ffee',
    course: course({ status: 'DONE' }),
  });
  return { id: task.taskId, run: task.run, review };
}

/** A task in each place where one may stand, all of them rightly. */
async function populate(): Promise<void> {
  await done();
  await stage.begin({ assignee: 'lead' });
  const executed = await stage.begin({ assignee: 'writer' });
  await stage.execute(executed.run);
  const failed = await stage.begin({ assignee: 'operator' });
  await stage.fail(failed.run);
  const again = await stage.begin({ assignee: 'intern' });
  const review = await stage.execute(again.run);
  await stage.perform(review, {
    ...reviewed(again.run, 'REVISION'),
    course: course({ status: 'IN_PROGRESS', next: [spec('EXECUTION', 2)] }),
  });
  await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 1 });
  for (let n = 0; n < 3; n++) await stage.begin({ assignee: 'researcher' });
  await stage.setAgent('architect', false);
  await stage.begin({ reviewers: ['tester'] });
}

type Planted = readonly [number, string, () => Promise<unknown>];

const plant = (text: string) => async () => {
  await populate();
  for (const statement of text.split(';')) await stage.sql.unsafe(statement);
};
const OLD = `update tasks set created_at = ${AGO}, updated_at = ${AGO}, status_since = ${AGO}`;
const tree = (depth: number, cap: string) => async () => {
  const { id, run } = await done();
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

const PLANTED: readonly Planted[] = [
  [
    1,
    'landed something else',
    plant(`update tasks set landed_from = 'other' where status = 'DONE'`),
  ],
  [
    1,
    'unreviewed',
    plant(`update runs set reviewed_commit = 'other' where kind = 'REVIEW'
     and task_id in (select id from tasks where status = 'DONE')`),
  ],
  [
    2,
    'lands by free text',
    plant(`update tasks set status = 'LANDING'
     where assignee = 'writer'`),
  ],
  [
    2,
    'begins again by itself',
    plant(`update runs set verdict = null where verdict_kind = 'REVISION'`),
  ],
  [
    3,
    'a gap',
    plant(`update runs set number = 5 where kind = 'REVIEW' and task_id in
     (select id from tasks where status = 'DONE')`),
  ],
  [
    3,
    'two executions in a row',
    plant(`insert into runs (id, task_id, kind, number, cycle, agent_id,
     state, priority, started_at, ended_at, output_commit) select gen_random_uuid(), task_id, kind, 2, 1,
     agent_id, 'SUCCEEDED', priority, ended_at, ended_at, output_commit from runs
     where agent_id = 'writer' and state = 'SUCCEEDED'`),
  ],
  [
    4,
    'reviews itself',
    plant(`update runs set agent_id = 'intern' where verdict_kind = 'REVISION'`),
  ],
  [
    5,
    'a LEAD by policy',
    plant(`update agents set type = 'LEAD' where id = 'operator';
      update agents set lead_since = '-infinity' where id = 'operator'`),
  ],
  [
    6,
    'decided twice',
    plant(`alter table decisions drop constraint decisions_task_id_question_pk;
     insert into decisions select * from decisions limit 1`),
  ],
  [
    6,
    'by nobody',
    plant(`insert into decisions (task_id, question, decision, by, door, reason)
     select id, 'block:x', 'retry', '', 'cli', '' from tasks limit 1`),
  ],
  [
    6,
    'by no door',
    plant(`insert into decisions (task_id, question, decision, by, door, reason)
     select id, 'block:x', 'retry', 'person:ann', '', '' from tasks limit 1`),
  ],
  [
    6,
    'left the inbox by itself',
    plant(`alter table decisions disable trigger all;
     delete from decisions where task_id = (select id from tasks where assignee = 'operator')`),
  ],
  [
    6,
    'went on after a rejection',
    plant(`insert into decisions (task_id, question, decision, by, door,
     reason) select id, 'admission:lead', 'rejected', 'person:ann', 'cli', '' from tasks
     where assignee = 'operator'`),
  ],
  [
    6,
    'rejected by nobody',
    plant(`update tasks set status = 'REJECTED', ended_at = clock_timestamp()
     where assignee = 'lead'`),
  ],
  [7, 'came back', plant(`update tasks set status = 'REVIEW' where status = 'DONE'`)],
  [
    7,
    'moved later',
    plant(`update tasks set status_since = ended_at + interval '5 s'
     where status = 'DONE'`),
  ],
  [
    7,
    'ran later',
    plant(`update runs set ended_at = ended_at + interval '5 s' where kind = 'REVIEW'
     and task_id in (select id from tasks where status = 'DONE')`),
  ],
  [8, 'too deep', tree(2, 'maxDepth')],
  [8, 'too many of a verdict', tree(1, 'maxPerVerdict')],
  [8, 'too large a tree', tree(1, 'maxPerTree')],
  [
    9,
    'executes twice',
    plant(`drop index runs_one_execution; insert into runs (id, task_id, kind,
     number, cycle, agent_id, state, priority) select gen_random_uuid(), task_id, kind, 2, 1, agent_id,
     'QUEUED', priority from runs where agent_id = 'researcher' limit 1`),
  ],
  [
    9,
    'reviewed before it ended',
    plant(`update runs e set ended_at = r.ended_at - interval '1 us',
     number = e.number from runs r where r.reviewed_run_id = e.id and r.verdict_kind = 'REVISION';
     update runs r set started_at = e.ended_at - interval '1 us' from runs e
     where r.reviewed_run_id = e.id and r.verdict_kind = 'REVISION'`),
  ],
  [
    10,
    'a slot too many',
    plant(`update runs set state = 'ADMITTED', admitted_at = clock_timestamp()
     where agent_id = 'researcher' and state = 'QUEUED'`),
  ],
  [
    10,
    'a run too many',
    async () => {
      await populate();
      await stage.setPolicy('execution-limits', { maxDailyPerAgent: 1 });
      await stage.sql`update runs set charged = true, day = day_of(clock_timestamp())
      where agent_id = 'researcher' and state = 'QUEUED'`;
    },
  ],
  [
    11,
    'spent in silence',
    plant(`insert into run_events (run_id, attempt, event)
     select id, 1, '{"kind": "usage", "usage": {"input": 1, "output": 2, "cacheWrite": 3}}'
     from runs where agent_id = 'operator'`),
  ],
  [
    11,
    'a figure that is not the sum of its rows',
    plant(`update spend set work_tokens = work_tokens + 1 where agent_id = 'operator'`),
  ],
  [
    12,
    'a run that outlives its task',
    plant(`update tasks set status = 'CANCELLED',
     ended_at = clock_timestamp() where number = (select min(t.number) from tasks t join runs r
     on r.task_id = t.id where r.agent_id = 'researcher' and r.state = 'QUEUED')`),
  ],
  [
    12,
    'an attempt that outlives its task',
    plant(`update attempts set ended_at = null
     where run_id in (select r.id from runs r join tasks t on t.id = r.task_id
     where t.status = 'DONE' and kind = 'REVIEW')`),
  ],
  [
    13,
    'a policy in silence',
    plant(`insert into policies select name, 2, enabled, value,
     'person:ann', 'cli', '', clock_timestamp() from policies where name = 'review'`),
  ],
  [13, 'an agent in silence', plant(`update agents set enabled = false where id = 'intern'`)],
  [
    13,
    'an agent enabled by a script',
    plant(`update agents set enabled = true where id = 'architect'`),
  ],
  [
    13,
    'an agent paused in silence',
    plant(`update agents set paused_reason = 'x' where id = 'lead'`),
  ],
  [13, 'the squad in silence', plant('update installation set squad_paused = true')],
  [
    14,
    'blocked by nothing',
    plant(`${OLD}; update tasks set blocked = null where blocked is not null`),
  ],
  [
    14,
    'an approval that was given',
    plant(`insert into decisions (task_id, question, decision, by,
     door, reason) select id, 'admission:lead', 'admitted', 'person:ann', 'cli', '' from tasks
     where assignee = 'lead'; ${OLD}`),
  ],
  [
    14,
    'an approval that policy gives',
    plant(`update tasks set status = 'INBOX',
     assignee = 'writer' where assignee = 'lead'; ${OLD};
     alter table policies disable trigger all; update policies set created_at = ${AGO}`),
  ],
  [
    14,
    'held and not blocked',
    plant(`update runs set hold = 'question' where id =
     (select id from runs where agent_id = 'researcher' and state = 'QUEUED' limit 1); ${OLD}`),
  ],
  [14, 'nothing to do', plant(`delete from runs where agent_id = 'researcher'; ${OLD}`)],
  [
    14,
    'lands for ever',
    plant(`update tasks set status = 'LANDING', landed_from = null,
     ended_at = null where status = 'DONE'; ${OLD};
     update tasks set status_since = clock_timestamp() - interval '2 hours' where status = 'LANDING'`),
  ],
  [
    14,
    'a slot that is free',
    plant(`update runs set state = 'CANCELLED', ended_at = clock_timestamp()
     where state in ('ADMITTED', 'RUNNING'); delete from runs where state = 'CANCELLED';
     update runs set queued_at = ${AGO}, available_at = ${AGO};
     alter table policies disable trigger all; update policies set created_at = ${AGO};
     update runs set charged_at = clock_timestamp()`),
  ],
  [
    14,
    'a reviewer who is there',
    plant(`update runs set agent_id = null, queued_at = ${AGO},
     state = 'QUEUED' where kind = 'REVIEW' and state <> 'SUCCEEDED'`),
  ],
  [
    15,
    'acknowledged and gone',
    plant(`insert into audit (principal, door, action, subject)
     values ('person:ann', 'cli', 'task.file', gen_random_uuid()::text)`),
  ],
  [
    15,
    'never acknowledged',
    plant(`alter table audit disable trigger all;
     delete from audit where id = (select id from audit where action = 'task.file' limit 1)`),
  ],
  [
    15,
    'twice by its key',
    plant(`alter table tasks drop constraint tasks_source_key;
     update tasks set source = 's', key = 'k' where assignee = 'researcher'`),
  ],
  [
    15,
    'twice by its verdict',
    plant(`alter table tasks drop constraint tasks_origin;
     update tasks set origin_run_id = root_id, origin_index = 0;
     update tasks set origin_run_id = (select root_id from tasks limit 1)`),
  ],
  [
    15,
    'twice by its workflow',
    plant(`alter table tasks drop constraint tasks_workflow_id_unique;
     update tasks set workflow_id = 'one' where assignee = 'researcher'`),
  ],
  [
    15,
    'twice by its number',
    plant(`alter table tasks drop constraint tasks_number_unique;
     update tasks set number = 99 where assignee = 'researcher'`),
  ],
  [
    17,
    "landed in a person's repository",
    plant(`insert into repositories (id, name, location, target,
     added_by) values (gen_random_uuid(), 'r', '/r', 'main', 'person:ann');
     update tasks set repository_id = (select id from repositories), landed_commit = 'c0ffee'
     where status = 'DONE'`),
  ],
  [17, 'passes for real', plant(`update tasks set rehearsed = false where status = 'DONE'`)],
];

test('a house with a task in every place is clean, right away and when nobody has come for long', async () => {
  await populate();
  expect(await checkInvariants(stage.database)).toEqual([]);
  await stage.sql.unsafe(
    OLD.replace('created_at', 'updated_at').replace(`, updated_at = ${AGO}`, ''),
  );
  expect(await checkInvariants(stage.database)).toEqual([]);
});

test.each(PLANTED)('%i: %s', async (number, _name, breach) => {
  await breach();
  const found = await checkInvariants(stage.database);
  expect(found.length, 'nothing was found').toBeGreaterThan(0);
  expect([...new Set(found.map((each) => each.number))], JSON.stringify(found)).toEqual([number]);
});

test('all seventeen are there, and each is planted or kept by a test that exists', () => {
  expect(INVARIANTS.map(({ number }) => number)).toEqual(
    Array.from({ length: 17 }, (_, index) => index + 1),
  );
  const planted = new Set(PLANTED.map(([number]) => number));
  for (const invariant of INVARIANTS) {
    if ('keptBy' in invariant) expect(existsSync(invariant.keptBy), invariant.keptBy).toBe(true);
    else expect(planted, `${invariant.number} is not planted`).toContain(invariant.number);
  }
});
