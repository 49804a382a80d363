/** Who may execute and who may review: what no path gets round. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decideAgain } from '../../drizzle/steps.js';
import { course, reviewed, Stage, SUCCEEDED, spec } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const FORGED = { kind: 'admitted', reason: 'because I say so', policyVersion: 1 } as const;
const leadRuns = () => stage.sql`select r.state from runs r join agents a on a.id = r.agent_id
  where a.type = 'LEAD' and r.state not in ('QUEUED', 'CANCELLED')`;

describe('a LEAD', () => {
  test('stays in the inbox whatever is decided for it, and goes with a person', async () => {
    const { taskId } = await stage.begin({ assignee: 'lead' });
    expect(await decideAgain(stage.database, taskId, FORGED)).toMatchObject({ kind: 'waits' });
    expect((await stage.task(taskId)).status).toBe('INBOX');
    const first = spec('EXECUTION', 1);
    await stage.openRuns(taskId, first);
    expect((await stage.run(first.id)).wait?.reason).toBe('approval');
    const approved = await stage.verb(taskId, 'approve');
    expect(approved).toMatchObject({ error: null, status: 'ASSIGNED', admitted: [first.id] });
    await stage.start(first.id);
    expect((await stage.task(taskId)).status).toBe('IN_PROGRESS');
  });

  test('is not admitted by a begin with a forged admission, nor by an edited policy', async () => {
    const value = { maxPriority: 'URGENT', allowedAgentTypes: ['LEAD', 'SPC', 'INT'] };
    await stage.sql`insert into policies (name, version, enabled, value, by, door, why)
      values ('auto-approve', 2, true, ${JSON.stringify(value)}::text::jsonb, 'x', 'x', 'x')`;
    const workflowId = randomUUID();
    const { taskId } = await stage.begin({ assignee: 'lead' }, workflowId);
    const first = spec('EXECUTION', 1);
    const again = { workflowId, firstExecutionRunId: 'x', admission: FORGED, first };
    const { begun } = await stage.call<{ begun: object }>('begin_task', again);
    expect(begun).toMatchObject({ admission: { kind: 'waits' }, standing: { opened: [] } });
    expect((await stage.task(taskId)).status).toBe('INBOX');
  });

  test('needs a person who approves; nobody else has the right', async () => {
    const { taskId } = await stage.begin({ assignee: 'lead' });
    for (const by of ['agent:lead', 'policy:auto-approve', 'person:', 'token:x', '']) {
      expect(await stage.verb(taskId, 'approve', { by })).toMatchObject({
        error: 'NotPermitted',
        status: 'INBOX',
      });
    }
    const forged =
      await stage.sql`insert into decisions (task_id, question, decision, by, door, reason)
      values (${taskId}, 'admission:lead', 'admitted', 'agent:lead', 'agent', '')`;
    expect(forged.count).toBe(1);
    const first = spec('EXECUTION', 1);
    await stage.openRuns(taskId, first);
    expect((await stage.run(first.id)).wait?.reason).toBe('approval');
  });

  test('asks again when it is given a task that ran elsewhere', async () => {
    const task = await stage.begin({});
    expect(await stage.holding([task.run])).toEqual([true]);
    const moved = await stage.verb(task.taskId, 'reassign', { executor: 'lead' });
    expect(moved).toMatchObject({ status: 'INBOX', cancelled: [task.run] });
    const second = spec('EXECUTION', 2, 1);
    await stage.openRuns(task.taskId, second);
    expect((await stage.run(second.id)).wait?.reason).toBe('approval');
    await stage.verb(task.taskId, 'approve');
    expect(await stage.holding([second.id])).toEqual([true]);
    expect(await leadRuns()).toHaveLength(1);
  });

  test('an agent that becomes a LEAD runs nothing that policy has admitted', async () => {
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 0 });
    const { run } = await stage.begin({});
    await stage.sql`update agents set type = 'LEAD' where id = 'implementer'`;
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 3 });
    expect((await stage.run(run)).wait?.reason).toBe('approval');
    expect(await leadRuns()).toEqual([]);
  });
});

describe('the policy that admits', () => {
  test('is asked again under the lock: an older decision does not count', async () => {
    const workflowId = randomUUID();
    await stage.setPolicy('auto-approve', {}, false);
    const { taskId } = await stage.begin({}, workflowId);
    expect(await decideAgain(stage.database, taskId, FORGED)).toMatchObject({ kind: 'waits' });
    await stage.setPolicy('auto-approve', {}, true);
    const [row] = await stage.sql`select outdated_inbox() as ids`;
    expect(row?.ids).toEqual([workflowId]);
    const admission = await stage.admission('implementer', 'NORMAL');
    expect(await decideAgain(stage.database, taskId, admission)).toMatchObject({
      kind: 'admitted',
    });
    expect((await stage.task(taskId)).status).toBe('ASSIGNED');
    const audit = await stage.sql`select principal, door from audit where action = 'task.admit'`;
    expect(audit).toEqual([{ principal: 'policy:auto-approve', door: 'policy' }]);
  });

  test('decides again when a task in the inbox gets another agent or priority', async () => {
    await stage.setPolicy('auto-approve', { maxPriority: 'NORMAL' });
    const byAgent = await stage.begin({ assignee: 'lead' });
    const byPriority = await stage.begin({ priority: 'HIGH' });
    const outdated = async () => (await stage.sql`select outdated_inbox() as ids`)[0]?.ids;
    expect(await outdated()).toEqual([]);
    const moved = await stage.verb(byAgent.taskId, 'reassign', { executor: 'writer' });
    expect(moved.admission).toEqual({ kind: 'waits', reason: 'policy decides in a moment' });
    await stage.verb(byPriority.taskId, 'reprioritise', { priority: 'LOW' });
    expect(new Set(await outdated())).toEqual(new Set([byAgent.workflowId, byPriority.workflowId]));
    for (const [task, agent] of [
      [byAgent, 'writer'],
      [byPriority, 'implementer'],
    ] as const) {
      await decideAgain(stage.database, task.taskId, await stage.admission(agent, 'LOW'));
      expect((await stage.task(task.taskId)).status).toBe('ASSIGNED');
    }
    expect(await outdated()).toEqual([]);
  });

  test('a rejected task is admitted by nobody any more', async () => {
    const { taskId } = await stage.begin({ assignee: 'lead' });
    await stage.verb(taskId, 'reject', { reason: 'no' });
    expect(await stage.verb(taskId, 'approve')).toMatchObject({ error: 'AlreadyDecided' });
    expect(await stage.verb(taskId, 'reassign', { executor: 'writer' })).toMatchObject({
      error: 'AlreadyDecided',
      assignee: 'lead',
    });
    expect(await decideAgain(stage.database, taskId, FORGED)).toMatchObject({ kind: 'rejected' });
    const end = { task: taskId, status: 'REJECTED', by: 'person:ann', door: 'cli', reason: 'no' };
    await stage.call('end_task', end);
    expect((await stage.task(taskId)).status).toBe('REJECTED');
  });
});

describe('a reviewer', () => {
  test('is somebody else than the executor, or nothing is executed', async () => {
    await stage.sql`update agents set reviews = (id = 'implementer')`;
    const { run, taskId } = await stage.begin({});
    expect((await stage.run(run)).wait?.reason).toBe('no-reviewer');
    const named = await stage.begin({ assignee: 'writer', reviewers: ['tester'] });
    expect((await stage.run(named.run)).wait?.reason).toBe('no-reviewer');
    await stage.verb(taskId, 'reassign', { executor: 'researcher' });
    const second = spec('EXECUTION', 2, 1);
    await stage.openRuns(taskId, second);
    const review = await stage.execute(second.id);
    expect((await stage.run(review)).agent_id).toBe('implementer');
  });

  test('who becomes the executor by reassignment reviews no more', async () => {
    const task = await stage.begin({ reviewers: ['tester'] });
    await stage.verb(task.taskId, 'reassign', { executor: 'tester' });
    const second = spec('EXECUTION', 2, 1);
    await stage.openRuns(task.taskId, second);
    expect((await stage.run(second.id)).wait?.reason).toBe('no-reviewer');
    const moved = await stage.verb(task.taskId, 'reassign', { reviewers: [] });
    expect(moved).toMatchObject({ error: null, reviewers: [], admitted: [second.id] });
    const review = await stage.execute(second.id);
    expect((await stage.run(review)).agent_id).toBe('reviewer');
  });

  test('that is forged to be the executor gets no slot', async () => {
    const { run } = await stage.begin({});
    await stage.setAgent('reviewer', false);
    await stage.setAgent('tester', false);
    const review = spec('REVIEW', 1);
    await stage.setPolicy('execution-limits', {});
    await stage.execute(run, review);
    expect(await stage.run(review.id)).toMatchObject({
      agent_id: null,
      wait: { reason: 'no-reviewer' },
    });
    await stage.sql`update runs set agent_id = 'implementer' where id = ${review.id}`;
    await stage.sql`select promote()`;
    expect((await stage.run(review.id)).wait?.reason).toBe('no-reviewer');
  });

  test('arrives when there is one, with that agent’s estimate and marks', async () => {
    const { run } = await stage.begin({});
    const attempt = await stage.start(run);
    await stage.setAgent('reviewer', false);
    await stage.setAgent('tester', false);
    const review = spec('REVIEW', 1);
    const then = course({ status: 'REVIEW', next: [review] });
    await stage.closeRun(run, attempt, { ...SUCCEEDED, course: then });
    expect((await stage.run(review.id)).rehearsed).toBe(false);
    const { wake } = await stage.setAgent('tester', true);
    expect(wake.map((each) => each.run)).toEqual([review.id]);
    expect(await stage.run(review.id)).toMatchObject({ agent_id: 'tester', rehearsed: true });
  });

  test('each named one has a seat; a seat that is taken away is not opened', async () => {
    const { run, taskId } = await stage.begin({ reviewers: ['tester', 'reviewer'] });
    await stage.verb(taskId, 'reassign', { reviewers: ['tester'] });
    const next = [spec('REVIEW', 1, 1, 0), spec('REVIEW', 2, 1, 1)];
    await stage.perform(run, { ...SUCCEEDED, course: course({ status: 'REVIEW', next }) });
    const rows = await stage.sql`select number, seat, agent_id from runs where kind = 'REVIEW'`;
    expect(rows).toEqual([{ number: 1, seat: 0, agent_id: 'tester' }]);
  });

  test('of a superseded execution stops; the next execution has its own', async () => {
    const { run, taskId } = await stage.begin({ reviewers: ['tester', 'reviewer'] });
    const [one, two] = [spec('REVIEW', 1, 1, 0), spec('REVIEW', 2, 1, 1)];
    await stage.perform(run, {
      ...SUCCEEDED,
      course: course({ status: 'REVIEW', next: [one, two] }),
    });
    await stage.perform(one.id, { state: 'REQUEUED', hold: 'question', question: 'Why?' });
    const attempt = await stage.start(two.id);
    expect((await stage.task(taskId)).status).toBe('BLOCKED');
    const moved = await stage.verb(taskId, 'reassign', { executor: 'writer' });
    expect(moved).toMatchObject({ status: 'IN_PROGRESS', resolved: { resolution: 'reassign' } });
    expect((await stage.run(run)).superseded).toBe(true);
    const late = await stage.closeRun(two.id, attempt, reviewed(run, 'APPROVED'));
    expect(late.end).toMatchObject({ outcome: 'cancelled' });
    const second = spec('EXECUTION', 2, 1);
    await stage.openRuns(taskId, second);
    expect(await stage.run(second.id)).toMatchObject({ agent_id: 'writer', state: 'ADMITTED' });
  });
});
