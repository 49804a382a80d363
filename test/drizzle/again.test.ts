/** Each function called twice, also at once, equals once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { course, reviewed, Stage, SUCCEEDED, spec, verdict } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(12);
  const most = { maxConcurrentPerAgent: 10_000, maxDailyPerAgent: 10_000, maxDailyTokens: 1e11 };
  await stage.setPolicy('execution-limits', most);
});
afterAll(() => stage.close());

const times = <T>(n: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, index) => work(index)));
/** The number of a telling apart: each is a new one. */
const distinct = (answers: readonly unknown[]) =>
  new Set(answers.map((one) => JSON.stringify(one, (key, told) => (key === 'asOf' ? 0 : told))));
const rowsOf = async (table: string, task: string) =>
  (await stage.sql`select * from ${stage.sql(table)} where task_id = ${task}`).length;

test('begin: one task, one execution, the same answer', async () => {
  const begun = await times(10, () => stage.begin({}, 'the same workflow'));
  expect(distinct(begun.map(({ taskId, number, run }) => [taskId, number, run])).size).toBe(1);
  expect(await rowsOf('runs', `${begun[0]?.taskId}`)).toBe(1);
  expect(await rowsOf('decisions', `${begun[0]?.taskId}`)).toBe(1);
});

test('one source and key is one task, through whichever door and at once', async () => {
  const request = {
    title: 'Keyed',
    description: '',
    acceptance: [],
    priority: 'NORMAL',
    assignee: 'implementer',
    reviewers: [],
    repository: null,
    owner: 'person:ann',
    source: 'ci',
    key: 'build 7',
  };
  const file = async (index: number) => {
    if (index % 2 === 0) {
      return stage.begin({ source: 'ci', key: 'build 7' }).then(
        ({ number }) => number,
        (error: Error) => Number(/^DuplicateKey T-(\d+)$/.exec(error.message)?.[1]),
      );
    }
    const id = randomUUID();
    const given = { id, workflowId: `task/${id}`, door: 'cli', request };
    const { number } = await stage.call<{ number: number }>('file_task', given);
    return number;
  };
  const numbers = await times(12, file);
  expect(new Set(numbers).size).toBe(1);
  expect(numbers[0]).toBeGreaterThan(0);
  expect(await stage.sql`select 1 from tasks where source = 'ci'`).toHaveLength(1);
});

test('a filed task is filed once under its id', async () => {
  const id = randomUUID();
  const request = {
    title: 'Filed',
    acceptance: [],
    description: '',
    priority: 'LOW',
    assignee: 'writer',
    reviewers: [],
    owner: 'person:ann',
  };
  const given = { id, workflowId: 'filed twice', door: 'cli', request };
  const answers = await times(6, () => stage.call('file_task', given));
  expect(distinct(answers).size).toBe(1);
  expect(await stage.sql`select 1 from audit where subject = ${id}`).toHaveLength(1);
});

test('open_runs and close_run: the second call answers what is stored', async () => {
  const { run, taskId } = await stage.begin({});
  const attempt = await stage.start(run);
  const closing = () => {
    const next = [spec('REVIEW', 1)];
    return stage.closeRun(run, attempt, {
      ...SUCCEEDED,
      course: course({ status: 'REVIEW', next }),
    });
  };
  const ends = (await times(8, closing)).map(({ end }) => end);
  expect(distinct(ends).size).toBe(1);
  expect(ends[0]).toMatchObject({ outcome: 'succeeded', standing: { status: 'REVIEW' } });
  expect(await rowsOf('runs', taskId)).toBe(2);
  const opened = await times(6, () => stage.openRuns(taskId, spec('REVIEW', 1)));
  expect(distinct(opened).size).toBe(1);
});

test('a stale attempt writes nothing', async () => {
  const { run } = await stage.begin({});
  const [first, second] = [await stage.start(run), await stage.start(run)];
  expect([first, second]).toEqual([1, 2]);
  const late = await stage.closeRun(run, first, {
    ...SUCCEEDED,
    course: course({ status: 'REVIEW' }),
  });
  expect(late.stale).toBe(true);
  const progress = {
    run,
    events: [{ kind: 'text' }],
    workTokens: 5,
    cacheReadTokens: 0,
    checkpoint: { turn: 1 },
  };
  expect(await stage.call('save_progress', { ...progress, attempt: first })).toBe('lost');
  expect(await stage.run(run)).toMatchObject({ state: 'RUNNING', attempt: 2, work_tokens: 0 });
  expect(await stage.call('save_progress', { ...progress, attempt: second })).toBe('go');
  const attempts = await stage.sql`
    select number, "end", checkpoint from attempts where run_id = ${run} order by number`;
  expect(attempts).toEqual([
    { number: 1, end: 'lost', checkpoint: null },
    { number: 2, end: null, checkpoint: { turn: 1 } },
  ]);
});

test('start: attempts rise, whoever asks at once', async () => {
  const { run } = await stage.begin({});
  const numbers = await times(10, () => stage.start(run));
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a landing that is stored answers again, after a retry as well', async () => {
  const { run, taskId } = await stage.begin({});
  await stage.review(await stage.execute(run), run);
  const refuse = {
    task: taskId,
    number: 1,
    kind: 'refused',
    outcome: 'refused',
    detail: { summary: 'dirty' },
    landedFrom: 'c0ffee',
    course: course({ status: 'BLOCKED', blocked: 'landing-failed' }),
  };
  const ends = await times(5, () => stage.call<{ end: object }>('close_landing', refuse));
  expect(distinct(ends.map(({ end }) => end)).size).toBe(1);
  await stage.verb(taskId, 'retry');
  const again = await stage.call('close_landing', { task: taskId, number: 1, course: null });
  expect(again).toMatchObject({
    end: { kind: 'refused', standing: { status: 'LANDING', resolution: 'retry' } },
  });
  const land = { ...refuse, number: 2, outcome: 'landed', course: course({ status: 'DONE' }) };
  await times(4, () => stage.call('close_landing', land));
  const [task] = await stage.sql`select status, landed_from from tasks where id = ${taskId}`;
  expect(task).toEqual({ status: 'DONE', landed_from: 'c0ffee' });
  expect(await rowsOf('landings', taskId)).toBe(2);
});

test('a cycle is settled once; a record that is re-entered settles no older one', async () => {
  const { run, taskId } = await stage.begin({ reviewers: ['tester', 'reviewer'] });
  const round = (n: number, cycle: number) =>
    [spec('REVIEW', n, cycle, 0), spec('REVIEW', n + 1, cycle, 1)] as const;
  const reviews = round(1, 1);
  await stage.perform(run, {
    ...SUCCEEDED,
    course: course({ status: 'REVIEW', next: [...reviews] }),
  });
  for (const { id } of reviews) await stage.perform(id, reviewed(run, 'REVISION'));
  const second = spec('EXECUTION', 2);
  const settle = {
    task: taskId,
    specs: reviews,
    outcome: 'revision',
    detail: 'more',
    course: course({ status: 'IN_PROGRESS', next: [second] }),
  };
  await times(5, () => stage.call('settle_cycle', settle));
  expect(await stage.task(taskId)).toMatchObject({ status: 'IN_PROGRESS', cycles: 2 });
  const next = [...round(3, 2)];
  await stage.perform(second.id, { ...SUCCEEDED, course: course({ status: 'REVIEW', next }) });
  await stage.call('settle_cycle', settle);
  expect((await stage.task(taskId)).status).toBe('REVIEW');
});

test('a verb: the same message is applied once, and answers the same', async () => {
  const { taskId } = await stage.begin({});
  const messageId = randomUUID();
  const answers = await times(8, () => stage.verb(taskId, 'guide', { messageId, text: 'So.' }));
  expect(distinct(answers).size).toBe(1);
  expect(await rowsOf('guidance', taskId)).toBe(1);
  expect(
    await stage.sql`select 1 from audit where subject = ${taskId} and action = 'task.guide'`,
  ).toHaveLength(1);
});

test('approve and reject at once: one decision, whoever loses is told', async () => {
  const tasks = await times(40, () => stage.begin({ assignee: 'lead' }));
  await Promise.all(
    tasks.map(async ({ taskId }) => {
      const errors = await Promise.all(
        (['approve', 'reject', 'approve', 'reject'] as const).map(
          async (verb) => (await stage.verb(taskId, verb)).error,
        ),
      );
      expect(errors.filter((error) => error === null)).toHaveLength(1);
      expect(errors.filter((error) => error === 'AlreadyDecided')).toHaveLength(3);
      expect(await rowsOf('decisions', taskId)).toBe(1);
    }),
  );
});

test('end: the first end stands, and nothing of the task is left open', async () => {
  const { run, taskId } = await stage.begin({});
  await stage.start(run);
  const end = {
    task: taskId,
    status: 'CANCELLED',
    by: 'person:ann',
    door: 'cli',
    reason: 'enough',
  };
  await times(6, () => stage.call('end_task', end));
  expect(await stage.run(run)).toMatchObject({ state: 'CANCELLED', charged: false });
  expect(
    await stage.sql`select 1 from attempts where run_id = ${run} and ended_at is null`,
  ).toEqual([]);
  await stage.openRuns(taskId, spec('EXECUTION', 2));
  expect(await rowsOf('runs', taskId)).toBe(1);
  expect(
    await stage.sql`select 1 from audit where subject = ${taskId} and action = 'task.cancelled'`,
  ).toHaveLength(1);
});

test('follow-ups join the tree of their task once; a tree that grew is decided again', async () => {
  const { run, taskId } = await stage.begin({});
  const review = await stage.execute(run);
  const asked = {
    ...reviewed(run, 'SPAWN'),
    verdict: verdict('SPAWN'),
    course: course({ status: 'LANDING' }),
  };
  await stage.perform(review, asked);
  const request = {
    title: 'Next',
    description: '',
    acceptance: [],
    priority: 'LOW',
    assignee: 'writer',
    reviewers: [],
    owner: 'agent:reviewer',
  };
  const file = (treeSize: number) => {
    const tasks = [0, 1].map((originIndex) => {
      const id = randomUUID();
      return {
        id,
        workflowId: `task/${id}`,
        door: 'agent',
        request,
        originRun: review,
        originIndex,
      };
    });
    return stage.call<{ kind: string }>('file_followups', {
      run: review,
      treeSize,
      refused: [],
      tasks,
    });
  };
  expect(await file(2)).toEqual({ kind: 'changed' });
  const answers = await times(6, () => file(1));
  expect(answers.every(({ kind }) => kind === 'filed')).toBe(true);
  const rows =
    await stage.sql`select depth, root_id, parent_id from tasks where origin_run_id = ${review}`;
  const child = { depth: 1, root_id: taskId, parent_id: taskId };
  expect(rows).toEqual([child, child]);
});

test('the base of a task is the first one that was set', async () => {
  const { taskId } = await stage.begin({});
  const bases = await times(6, async (index) => {
    const [row] = await stage.sql`select set_base(${taskId}::uuid, ${`commit ${index}`}) as base`;
    return row?.base;
  });
  expect(new Set(bases).size).toBe(1);
});
