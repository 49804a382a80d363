/** Every verb in every status, and what it does to the record. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Then } from '../../src/contract.js';
import {
  BLOCK_REASONS,
  type BlockReason,
  isLegal,
  isTerminal,
  TASK_STATUSES,
  type TaskStatus,
  VERBS,
  type Verb,
} from '../../src/domain/task.js';
import { course, type Queued, reviewed, Stage, SUCCEEDED, spec } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  const most = { maxConcurrentPerAgent: 10_000, maxDailyPerAgent: 10_000, maxDailyTokens: 1e11 };
  await stage.setPolicy('execution-limits', { ...most, maxDailyPerReviewer: 10_000 });
});
afterAll(() => stage.close());

type Place = Exclude<TaskStatus, 'BLOCKED'> | BlockReason;

const blocked = (reason: BlockReason) =>
  course({ status: 'BLOCKED', blocked: reason } satisfies Then);

/** Brings a new task to a place by the way that tasks go. */
async function reach(place: Place): Promise<Queued> {
  const task = await stage.begin({
    assignee: place === 'INBOX' || place === 'REJECTED' ? 'lead' : 'implementer',
  });
  const { taskId, run } = task;
  const end = (status: string) =>
    stage.call('end_task', { task: taskId, status, by: 'person:ann', door: 'cli', reason: '' });
  const accepted = async () => stage.review(await stage.execute(run), run);
  const land = (outcome: string, then: object) =>
    stage.call('close_landing', {
      task: taskId,
      number: 1,
      kind: 'x',
      outcome,
      detail: {},
      course: then,
    });
  switch (place) {
    case 'INBOX':
    case 'ASSIGNED':
      break;
    case 'REJECTED':
    case 'CANCELLED':
      await end(place);
      break;
    case 'IN_PROGRESS':
      await stage.start(run);
      break;
    case 'REVIEW':
      await stage.execute(run);
      break;
    case 'LANDING':
      await accepted();
      break;
    case 'DONE':
      await accepted();
      await land('landed', course({ status: 'DONE' }));
      break;
    case 'landing-cap':
    case 'landing-failed':
      await accepted();
      await land(place === 'landing-cap' ? 'atCap' : 'refused', blocked(place));
      break;
    case 'revision-cap':
      await stage.perform(await stage.execute(run), {
        ...reviewed(run, 'REVISION'),
        course: blocked(place),
      });
      break;
    case 'review-failed':
    case 'sensitive-change':
      await stage.perform(await stage.execute(run), {
        state: 'FAILED',
        fault: 'system',
        course: blocked(place),
      });
      break;
    case 'execution-failed':
    case 'setup-failed':
      await stage.perform(run, { state: 'FAILED', fault: 'system', course: blocked(place) });
      break;
    case 'question':
    case 'budget-spent':
      await stage.perform(run, { state: 'REQUEUED', hold: place, question: 'Which?' });
      break;
    default:
      place satisfies never;
  }
  return task;
}

const PLACES: readonly Place[] = [
  ...TASK_STATUSES.filter((status) => status !== 'BLOCKED'),
  ...BLOCK_REASONS,
];
const GIVEN: Partial<Record<Verb, object>> = {
  guide: { text: 'Do it so.' },
  answer: { text: 'The second.' },
  reassign: { executor: 'writer' },
  reprioritise: { priority: 'HIGH' },
};
/** Without a successful execution there is nothing to accept, nor while a run is open. */
const NOTHING_TO_ACCEPT: readonly Place[] = [
  'execution-failed',
  'setup-failed',
  'budget-spent',
  'question',
];

/** The status after a verb that was applied; the same where it is not listed. */
function statusAfter(verb: Verb, place: Place, status: TaskStatus): TaskStatus {
  if (verb === 'approve') return 'ASSIGNED';
  if (verb === 'accept') return 'LANDING';
  if (verb === 'answer' || (verb === 'reassign' && status === 'BLOCKED')) return 'IN_PROGRESS';
  if (verb !== 'retry') return status;
  if (place === 'landing-failed') return 'LANDING';
  return place === 'review-failed' || place === 'sensitive-change' ? 'REVIEW' : 'IN_PROGRESS';
}

describe.each(PLACES)('in %s', (place) => {
  test.each(VERBS)('%s', async (verb) => {
    const { taskId } = await reach(place);
    const before = await stage.task(taskId);
    const reason = before.blocked as BlockReason | null;
    expect(reason ?? before.status).toBe(place);
    const legal =
      isLegal(verb, before.status, reason) &&
      !(verb === 'accept' && NOTHING_TO_ACCEPT.includes(place));
    const answer = await stage.verb(taskId, verb, GIVEN[verb]);
    const decided = verb === 'approve' || verb === 'reject' ? before.status !== 'INBOX' : false;
    const wrong =
      decided && place !== 'REJECTED' && place !== 'CANCELLED' ? 'AlreadyDecided' : null;
    if (legal) expect(answer.error).toBeNull();
    else expect(['AlreadyDecided', 'WrongState']).toContain(answer.error);
    if (wrong !== null) expect(answer.error).toBe(wrong);
    const after = await stage.task(taskId);
    expect(after.status).toBe(legal ? statusAfter(verb, place, before.status) : before.status);
    if (!legal || isTerminal(before.status)) expect(after).toEqual(before);
    const audit = await stage.sql`select action, principal from audit
      where subject = ${taskId} and action like ${`task.${verb}%`} order by id desc limit 1`;
    expect(audit).toEqual([
      { action: `task.${verb}${legal ? '' : '.refused'}`, principal: 'person:ann' },
    ]);
  });
});

test('a status moves where the design lets it, and nowhere else', async () => {
  const moves: Record<TaskStatus, readonly TaskStatus[]> = {
    INBOX: ['ASSIGNED', 'REJECTED', 'CANCELLED'],
    ASSIGNED: ['INBOX', 'IN_PROGRESS', 'CANCELLED'],
    IN_PROGRESS: ['REVIEW', 'BLOCKED', 'CANCELLED'],
    REVIEW: ['IN_PROGRESS', 'LANDING', 'BLOCKED', 'CANCELLED'],
    LANDING: ['IN_PROGRESS', 'BLOCKED', 'DONE', 'CANCELLED'],
    BLOCKED: ['INBOX', 'IN_PROGRESS', 'REVIEW', 'LANDING', 'CANCELLED'],
    DONE: [],
    REJECTED: [],
    CANCELLED: [],
  };
  for (const from of TASK_STATUSES) {
    const rows = await stage.sql<{ to: TaskStatus }[]>`
      select s as to from unnest(enum_range(null::task_status)) s
      where may_move(${from}, s) order by s`;
    expect(rows.map(({ to }) => to)).toEqual(moves[from]);
  }
});

test('two reviewers who ask are answered one after the other', async () => {
  const { run, taskId } = await stage.begin({ reviewers: ['tester', 'reviewer'] });
  const reviews = [spec('REVIEW', 1, 1, 0), spec('REVIEW', 2, 1, 1)] as const;
  const then = course({ status: 'REVIEW', next: [...reviews] });
  await stage.perform(run, { ...SUCCEEDED, course: then });
  for (const { id, number } of reviews) {
    await stage.perform(id, {
      state: 'REQUEUED',
      hold: 'question',
      question: `Question ${number}?`,
    });
  }
  await stage.verb(taskId, 'answer', { text: 'To the second.' });
  expect(await stage.task(taskId)).toMatchObject({ status: 'BLOCKED', blocked_step: 'REVIEW 1' });
  expect((await stage.run(reviews[0].id)).answers).toEqual([]);
  await stage.verb(taskId, 'answer', { text: 'To the first.' });
  expect(await stage.task(taskId)).toMatchObject({ status: 'REVIEW', blocked: null });
  for (const [index, answer] of ['To the first.', 'To the second.'].entries()) {
    const { answers, state } = await stage.run(`${reviews[index]?.id}`);
    expect(state).toBe('ADMITTED');
    expect(answers).toMatchObject([{ question: `Question ${index + 1}?`, answer }]);
  }
});

test('who is not in the roster, or does not review, is refused and nothing changes', async () => {
  const { taskId } = await reach('ASSIGNED');
  const before = await stage.task(taskId);
  for (const given of [
    { executor: 'nobody' },
    { reviewers: ['nobody'] },
    { reviewers: ['writer'] },
  ]) {
    expect((await stage.verb(taskId, 'reassign', given)).error).toBe('InvalidMessage');
  }
  expect(await stage.task(taskId)).toEqual(before);
});

test('another reviewer for a review that failed does it again', async () => {
  const { taskId } = await reach('review-failed');
  expect(await stage.verb(taskId, 'reassign', { reviewers: ['tester'] })).toMatchObject({
    status: 'REVIEW',
    resolved: { step: 'REVIEW 1', resolution: 'retry' },
  });
});

test('back to an agent that was admitted before, from the inbox too', async () => {
  const { taskId } = await reach('ASSIGNED');
  expect((await stage.verb(taskId, 'reassign', { executor: 'lead' })).status).toBe('INBOX');
  const back = await stage.verb(taskId, 'reassign', { executor: 'implementer' });
  expect(back).toMatchObject({ status: 'ASSIGNED', admission: { kind: 'admitted' } });
});
