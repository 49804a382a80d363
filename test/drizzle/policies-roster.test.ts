import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { decideAgain } from '../../drizzle/steps.js';
import { course, Stage } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(async () => {
  expect(await checkInvariants(stage.database)).toEqual([]);
  await stage.close();
});

/** Workflows that are to look again. */
const outdated = async () => {
  const [row] = await stage.sql<{ ids: string[] }[]>`select outdated_inbox() as ids`;
  return row?.ids ?? [];
};
const makeLead = (agent: string, type = 'LEAD') =>
  stage.sql`update agents set type = ${type}::agent_type where id = ${agent}`;

describe('a change of the roster decides the inbox again', () => {
  test.each([
    ['an agent that is disabled', () => stage.setAgent('writer', false)],
    ['an agent that becomes a LEAD', () => makeLead('writer')],
    [
      'an agent that is added',
      () => stage.sql`insert into agents (id, name, type) values ('new', 'New', 'SPC')`,
    ],
  ])('%s', async (_, change) => {
    const { taskId, workflowId } = await stage.begin({ assignee: 'lead' });
    expect(await outdated()).toEqual([]);
    await change();
    expect(await outdated()).toEqual([workflowId]);
    await decideAgain(stage.database, taskId, await stage.admission('lead', 'NORMAL'));
    expect(await outdated()).toEqual([]);
  });

  test('and admits what no longer waits for a person', async () => {
    const { taskId, workflowId } = await stage.begin({ assignee: 'lead' });
    await makeLead('lead', 'SPC');
    expect(await outdated()).toEqual([workflowId]);
    await decideAgain(stage.database, taskId, await stage.admission('lead', 'NORMAL'));
    expect((await stage.task(taskId)).status).toBe('ASSIGNED');
  });

  test('but not a change that says nothing about who may be admitted', async () => {
    await stage.begin({ assignee: 'lead' });
    await stage.sql`update agents set paused_reason = 'tired', paused_at = now()`;
    await stage.sql`update agents set paused_reason = null, paused_at = null`;
    await stage.setAgent('writer', true);
    expect(await outdated()).toEqual([]);
  });
});

describe('an agent that becomes a LEAD while its execution stands in line', () => {
  const gated = async () => {
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
    const queued = await stage.begin({ assignee: 'writer' });
    await makeLead('writer');
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 3 });
    expect((await stage.run(queued.run)).wait).toMatchObject({ reason: 'approval' });
    return queued;
  };

  test('is approved where it waits; the decision of the policy stands beside it', async () => {
    const { taskId, run } = await gated();
    const approved = await stage.verb(taskId, 'approve');
    expect(approved).toMatchObject({ error: null, status: 'ASSIGNED', admitted: [run] });
    expect(approved.admission).toMatchObject({ kind: 'admitted', by: 'person:ann' });
    const decisions = await stage.sql`
      select question, decision, "by" from decisions where task_id = ${taskId} order by at`;
    expect(decisions).toEqual([
      { question: 'admission:writer', decision: 'admitted', by: 'policy:auto-approve' },
      { question: 'admission:writer as LEAD', decision: 'admitted', by: 'person:ann' },
    ]);
    expect((await stage.verb(taskId, 'approve')).error).toBe('AlreadyDecided');
    await stage.execute(run);
  });

  test('is approved between two cycles as well', async () => {
    const { taskId, run } = await stage.begin({ assignee: 'writer' });
    await makeLead('writer');
    expect((await stage.verb(taskId, 'approve')).error).toBe('WrongState');
    await stage.fail(run);
    await stage.verb(taskId, 'retry');
    const next = { id: crypto.randomUUID(), kind: 'EXECUTION', number: 2, cycle: 1, seat: 0 };
    await stage.openRuns(taskId, next);
    expect((await stage.run(next.id)).wait).toMatchObject({ reason: 'approval' });
    const approved = await stage.verb(taskId, 'approve');
    expect(approved).toMatchObject({ error: null, status: 'IN_PROGRESS', admitted: [next.id] });
  });

  test('a task that comes back to it from another agent is approved in the inbox', async () => {
    const { taskId } = await gated();
    await stage.verb(taskId, 'reassign', { executor: 'implementer' });
    const back = await stage.verb(taskId, 'reassign', { executor: 'writer' });
    expect(back).toMatchObject({ status: 'INBOX', admission: { kind: 'waits' } });
    expect(await stage.verb(taskId, 'approve')).toMatchObject({ error: null, status: 'ASSIGNED' });
  });

  test('what may run is approved by nobody once more', async () => {
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
    const { taskId } = await stage.begin({ assignee: 'writer' });
    expect((await stage.verb(taskId, 'approve')).error).toBe('AlreadyDecided');
    const lead = await stage.begin({ assignee: 'lead' });
    await stage.verb(lead.taskId, 'approve');
    expect((await stage.verb(lead.taskId, 'approve')).error).toBe('AlreadyDecided');
  });
});

describe('the files of a deliverable', () => {
  const landing = (task: string, number = 1) => ({
    ...{ task, number, kind: 'stored', detail: { summary: 'stored' }, outcome: 'landed' },
    landedFrom: 'c0ffee',
    files: [{ path: 'work.txt', mode: '100644', sha256: 'abc' }],
    course: course({ status: 'DONE' }),
  });

  test('are recorded by the landing, once, and not after the task has ended', async () => {
    const accepted = async () => {
      const { taskId, run } = await stage.begin();
      await stage.review(await stage.execute(run), run);
      return taskId;
    };
    const [landed, cancelled] = [await accepted(), await accepted()];
    const end = { status: 'CANCELLED', by: 'person:ann', door: 'cli', reason: '' };
    await stage.call('end_task', { task: cancelled, ...end });
    for (const task of [landed, cancelled, landed])
      await stage.call('close_landing', landing(task));
    const rows = await stage.sql`select task_id, path, mode, sha256 from deliverables`;
    expect(rows).toEqual([{ task_id: landed, path: 'work.txt', mode: '100644', sha256: 'abc' }]);
    expect((await stage.task(landed)).status).toBe('DONE');
  });
});
