/** How each invariant is broken by hand, once a branch, in a house that is clean before. */
import { course, reviewed, type Stage, spec } from './stage.js';

const AGO = "clock_timestamp() - interval '2 minutes'";

/** A task that was executed, reviewed and has landed; answers its ids. */
export async function done(stage: Stage) {
  const task = await stage.begin();
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
export async function populate(stage: Stage): Promise<void> {
  await done(stage);
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

export type Planted = readonly [number, string, (stage: Stage) => Promise<unknown>];

export const plant = (number: number, name: string, text: string): Planted => [
  number,
  name,
  async (stage) => {
    await populate(stage);
    for (const statement of text.split(';')) await stage.sql.unsafe(statement);
  },
];
export const AGES = `update tasks set created_at = ${AGO}, updated_at = ${AGO},
  status_since = ${AGO}`;
export const OF_TASKS: readonly Planted[] = [
  plant(1, 'landed something else', `update tasks set landed_from = 'other' where status = 'DONE'`),
  plant(
    1,
    'unreviewed',
    `update runs set reviewed_commit = 'other' where kind = 'REVIEW'
     and task_id in (select id from tasks where status = 'DONE')`,
  ),
  plant(
    1,
    'a seat that has not accepted',
    `update tasks set reviewers = '{reviewer,tester}' where status = 'DONE'`,
  ),
  plant(
    2,
    'lands by free text',
    `update tasks set status = 'LANDING'
     where assignee = 'writer'`,
  ),
  plant(
    2,
    'begins again by itself',
    `update runs set verdict = null where verdict_kind = 'REVISION'`,
  ),
  plant(
    3,
    'a gap',
    `update runs set number = 5 where kind = 'REVIEW' and task_id in
     (select id from tasks where status = 'DONE')`,
  ),
  plant(
    3,
    'two executions in a row',
    `insert into runs (id, task_id, kind, number, cycle, agent_id,
     state, priority, started_at, ended_at, output_commit) select gen_random_uuid(), task_id, kind,
     2, 1,
     agent_id, 'SUCCEEDED', priority, ended_at, ended_at, output_commit from runs
     where agent_id = 'writer' and state = 'SUCCEEDED'`,
  ),
  plant(4, 'reviews itself', `update runs set agent_id = 'intern' where verdict_kind = 'REVISION'`),
  plant(
    5,
    'a LEAD by policy',
    `update agents set type = 'LEAD' where id = 'operator';
      update agents set lead_since = '-infinity' where id = 'operator'`,
  ),
  plant(
    6,
    'decided twice',
    `alter table decisions drop constraint decisions_task_id_question_pk;
     insert into decisions select * from decisions limit 1`,
  ),
  plant(
    6,
    'by nobody',
    `insert into decisions (task_id, question, decision, by, door, reason)
     select id, 'block:x', 'retry', '', 'cli', '' from tasks limit 1`,
  ),
  plant(
    6,
    'by no door',
    `insert into decisions (task_id, question, decision, by, door, reason)
     select id, 'block:x', 'retry', 'person:ann', '', '' from tasks limit 1`,
  ),
  plant(
    6,
    'left the inbox by itself',
    `alter table decisions disable trigger all;
     delete from decisions where task_id = (select id from tasks where assignee = 'operator')`,
  ),
  plant(
    6,
    'went on after a rejection',
    `insert into decisions (task_id, question, decision, by, door,
     reason) select id, 'admission:lead', 'rejected', 'person:ann', 'cli', '' from tasks
     where assignee = 'operator'`,
  ),
  plant(
    6,
    'rejected by nobody',
    `update tasks set status = 'REJECTED', ended_at = clock_timestamp()
     where assignee = 'lead'`,
  ),
  plant(7, 'came back', `update tasks set status = 'REVIEW' where status = 'DONE'`),
  plant(
    7,
    'moved later',
    `update tasks set status_since = ended_at + interval '5 s'
     where status = 'DONE'`,
  ),
  plant(
    7,
    'ran later',
    `update runs set ended_at = ended_at + interval '5 s' where kind = 'REVIEW'
     and task_id in (select id from tasks where status = 'DONE')`,
  ),
  plant(
    9,
    'executes twice',
    `drop index runs_one_execution; insert into runs (id, task_id, kind,
     number, cycle, agent_id, state, priority) select gen_random_uuid(), task_id, kind, 2, 1,
     agent_id,
     'QUEUED', priority from runs where agent_id = 'researcher' limit 1`,
  ),
  plant(
    9,
    'reviewed before it ended',
    `update runs e set ended_at = r.ended_at - interval '1 us',
     number = e.number from runs r where r.reviewed_run_id = e.id and r.verdict_kind = 'REVISION';
     update runs r set started_at = e.ended_at - interval '1 us' from runs e
     where r.reviewed_run_id = e.id and r.verdict_kind = 'REVISION'`,
  ),
  plant(
    12,
    'a run that outlives its task',
    `update tasks set status = 'CANCELLED',
     ended_at = clock_timestamp() where number = (select min(t.number) from tasks t join runs r
     on r.task_id = t.id where r.agent_id = 'researcher' and r.state = 'QUEUED')`,
  ),
  plant(
    12,
    'an attempt that outlives its task',
    `update attempts set ended_at = null
     where run_id in (select r.id from runs r join tasks t on t.id = r.task_id
     where t.status = 'DONE' and kind = 'REVIEW')`,
  ),
  plant(
    14,
    'blocked by nothing',
    `${AGES}; update tasks set blocked = null where blocked is not null`,
  ),
  plant(
    14,
    'an approval that was given',
    `insert into decisions (task_id, question, decision, by,
     door, reason) select id, 'admission:lead', 'admitted', 'person:ann', 'cli', '' from tasks
     where assignee = 'lead'; ${AGES}`,
  ),
  plant(
    14,
    'an approval that policy gives',
    `update tasks set status = 'INBOX',
     assignee = 'writer' where assignee = 'lead'; ${AGES};
     alter table policies disable trigger all; update policies set created_at = ${AGO}`,
  ),
  plant(
    14,
    'held and not blocked',
    `update runs set hold = 'question' where id =
     (select id from runs where agent_id = 'researcher' and state = 'QUEUED' limit 1); ${AGES}`,
  ),
  plant(14, 'nothing to do', `delete from runs where agent_id = 'researcher'; ${AGES}`),
  plant(
    14,
    'lands for ever',
    `update tasks set status = 'LANDING', landed_from = null,
     ended_at = null where status = 'DONE'; ${AGES};
     update tasks set status_since = clock_timestamp() - interval '2 hours'
     where status = 'LANDING'`,
  ),
  plant(
    14,
    'a slot that is free',
    `update runs set state = 'CANCELLED', ended_at = clock_timestamp()
     where state in ('ADMITTED', 'RUNNING'); delete from runs where state = 'CANCELLED';
     update runs set queued_at = ${AGO}, available_at = ${AGO};
     alter table policies disable trigger all; update policies set created_at = ${AGO};
     update runs set charged_at = clock_timestamp()`,
  ),
  plant(
    14,
    'a reviewer who is there',
    `update runs set agent_id = null, queued_at = ${AGO},
     state = 'QUEUED' where kind = 'REVIEW' and state <> 'SUCCEEDED'`,
  ),
];
