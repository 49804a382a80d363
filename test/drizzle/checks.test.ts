/** Runs by checks: nobody of the roster, counted nowhere, held by a pause alone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { readForBegin, startAttempt } from '../../drizzle/steps.js';
import { course, reviewed, Stage, SUCCEEDED, spec } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const byChecks = (number = 1, cycle = 1) => ({ ...spec('REVIEW', number, cycle), by: 'checks' });
const toReview = (...next: object[]) => course({ status: 'REVIEW', next });

/** A task that was executed and whose checks are open. */
async function executed() {
  const task = await stage.begin();
  const checks = byChecks();
  const end = { ...SUCCEEDED, outcome: 'toCheck', course: toReview(checks) };
  const { end: told, wake } = await stage.perform(task.run, end);
  return { ...task, checks: checks.id, told, wake };
}

describe('a run by checks', () => {
  test('starts at once, whatever the limits of agents are, and is charged to nobody', async () => {
    const task = await stage.begin();
    await stage.start(task.run);
    const none = { maxConcurrentPerAgent: 0, maxDailyPerAgent: 0, maxDailyPerReviewer: 0 };
    await stage.setPolicy('execution-limits', { ...none, maxDailyTokens: 0 });
    const checks = byChecks();
    const { end } = await stage.closeRun(task.run, 1, {
      ...{ ...SUCCEEDED, outcome: 'toCheck' },
      course: toReview(checks),
    });
    expect(end.standing.opened).toMatchObject([
      { id: checks.id, state: 'ADMITTED', agent: null, agentName: 'checks' },
    ]);
    expect(end.standing.runs.at(-1)).toMatchObject({ agentName: 'checks', byChecks: true });
    const review = spec('REVIEW', 2, 1);
    await stage.perform(checks.id, { ...reviewed(task.run, 'APPROVED'), course: toReview(review) });
    expect(await stage.run(checks.id)).toMatchObject({
      ...{ state: 'SUCCEEDED', agent_id: null, charged: false, day: null },
    });
    expect(await stage.run(review.id)).toMatchObject({ state: 'QUEUED', wait: { reason: 'slot' } });
    expect(await checkInvariants(stage.database)).toEqual([]);
  });

  test('waits while its task or the squad is paused, and by that name', async () => {
    const task = await stage.begin();
    await stage.start(task.run);
    await stage.verb(task.taskId, 'pause');
    const checks = byChecks();
    await stage.closeRun(task.run, 1, { ...SUCCEEDED, course: toReview(checks) });
    expect((await stage.run(checks.id)).wait).toMatchObject({ reason: 'task-paused' });
    expect((await stage.verb(task.taskId, 'resume')).admitted).toEqual([checks.id]);
  });

  test('gets no agent, and a review that waits for one is not taken for it', async () => {
    const { taskId, checks } = await executed();
    await stage.setAgent('reviewer', false);
    expect(await stage.run(checks)).toMatchObject({ agent_id: null, state: 'ADMITTED' });
    const started = await startAttempt(stage.database, checks, 'worker');
    expect(started).toMatchObject({
      kind: 'go',
      brief: { agent: { id: 'checks', program: null }, run: { byChecks: true } },
    });
    const [row] = await stage.sql<{ workflow: string }[]>`
      select workflow_id as workflow from tasks where id = ${taskId}`;
    const { record } = await readForBegin(stage.database, row?.workflow ?? '');
    expect(record?.rounds).toEqual([]); // no round of agents yet
  });

  test('is told again to whoever asks again, with how the execution ended', async () => {
    const { run, checks } = await executed();
    const again = await startAttempt(stage.database, run, 'another');
    expect(again).toMatchObject({ kind: 'closed', end: { outcome: 'toCheck' } });
    expect(await stage.holding([checks])).toEqual([true]);
  });

  test('can be nothing else: no execution, of no agent, and charged to none', async () => {
    const { checks } = await executed();
    for (const change of ["kind = 'EXECUTION'", "agent_id = 'reviewer'", 'charged = true']) {
      const update = stage.sql.unsafe(`update runs set ${change} where id = '${checks}'`);
      await expect(update).rejects.toThrow('runs_by_checks');
    }
  });

  test('accepts nothing on its own: reviewers come after it, and before a landing', async () => {
    const { run, checks } = await executed();
    const lands = course({ status: 'LANDING' });
    await stage.perform(checks, { ...reviewed(run, 'APPROVED'), course: lands });
    expect((await checkInvariants(stage.database)).map(({ number }) => number)).toEqual([2]);
  });

  test('a reviewer before it, and a landing without it, are seen', async () => {
    const { run, taskId, checks } = await executed();
    const review = spec('REVIEW', 2, 1);
    await stage.openRuns(taskId, review);
    await stage.perform(review.id, {
      ...reviewed(run, 'APPROVED'),
      course: course({ status: 'LANDING' }),
    });
    await stage.perform(checks, { ...reviewed(run, 'REVISION'), course: null });
    const landed = { kind: 'stored', detail: { summary: '' }, outcome: 'landed' };
    await stage.call('close_landing', {
      ...{ task: taskId, number: 1, ...landed, landedFrom: 'c0ffee' },
      course: course({ status: 'DONE' }),
    });
    const seen = (await checkInvariants(stage.database)).map(({ number }) => number);
    expect(seen).toEqual([1, 9]);
  });
});
