import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../../drizzle/db.js';
import { checkInvariants } from '../../drizzle/invariants.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { approved, eventually, execution, type Filed, file, revision } from '../support/tasks.js';
import { failing, garbage, hangs, reviews, turnIn, twoTurns } from './reset-parts.js';

const effectsLog = join(tmpdir(), `effects-${uuidv7()}.jsonl`);
let house: House;
beforeAll(async () => {
  house = await openHouse({ effectsLog });
});
afterAll(() => house.close());

/** Resets a task's workflow, as a person does in Temporal's Web UI. */
async function reset(
  { handle, workflowId }: Filed,
  to: 'first' | 'second' | 'last',
  { reapply = true } = {},
): Promise<void> {
  const at = await eventually(async () => {
    const { events } = await handle.fetchHistory();
    const completed = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
    expect(completed).not.toEqual([]);
    return completed.at({ first: 0, second: 1, last: -1 }[to]);
  });
  const { runId } = await handle.describe();
  await house.client.workflowService.resetWorkflowExecution({
    namespace: house.client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'a test',
    requestId: uuidv7(),
    resetReapplyType: reapply ? 3 : 2, // all that was said meanwhile, or none of it
    workflowTaskFinishEventId: at?.eventId ?? null,
  });
}

/** No turn was really performed twice, and no number is missing. */
async function expectOnce(task: Filed): Promise<void> {
  const runs = await task.runs();
  const ids = new Set(runs.map(({ id }) => id));
  const log = await readFile(effectsLog, 'utf8').catch(() => ''); // the first turn makes it
  const lines = log.split('\n').filter((line) => line !== '');
  const turns = lines
    .map((line) => JSON.parse(line))
    .filter(({ run }) => ids.has(run))
    .map(({ kind, number, turn }) => `${kind} ${number} turn ${turn}`);
  expect(turns).toEqual([...new Set(turns)]);
  for (const kind of ['EXECUTION', 'REVIEW']) {
    const numbers = runs.filter((run) => run.kind === kind).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  }
  expect(runs.filter(({ state }) => /QUEUED|ADMITTED|RUNNING/.test(state))).toEqual([]);
}

const turnOf = (task: Filed, kind: string, number?: number) => turnIn(house, task, kind, number);

interface Case {
  readonly at: string;
  readonly script?: object;
  readonly input?: object;
  /** Brings the task there. */
  reach(task: Filed): Promise<unknown>;
  /** Lets it go on after the reset. */
  goOn?(task: Filed): Promise<unknown>;
  readonly runs: readonly string[];
}

const plain = ['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED'];

const CASES: readonly Case[] = [
  {
    at: 'INBOX',
    input: { assignee: 'lead' },
    reach: (task) => task.until('INBOX'),
    goOn: (task) => task.say('approve'),
    runs: plain,
  },
  {
    at: 'ASSIGNED, queued',
    input: { assignee: 'lead' },
    async reach(task) {
      await task.until('INBOX');
      await task.say('pause');
      await task.say('approve');
      await eventually(async () => expect(await task.told()).toEqual(['EXECUTION 1 QUEUED']));
    },
    goOn: (task) => task.say('resume'),
    runs: plain,
  },
  {
    at: 'IN_PROGRESS, running',
    script: { executions: [{ ...twoTurns, report: 'done', ...hangs }] },
    reach: (task) => eventually(async () => expect(await turnOf(task, 'EXECUTION')).toBe(1)),
    runs: plain,
  },
  {
    at: 'REVIEW, running',
    script: { reviews: [{ turns: [{ say: 'a' }, { say: 'b' }], ...approved, ...hangs }] },
    reach: (task) => eventually(async () => expect(await turnOf(task, 'REVIEW')).toBe(1)),
    runs: plain,
  },
  {
    at: 'BLOCKED (question)',
    script: {
      executions: [{ ...twoTurns, report: 'done', faults: { ask: { turn: 2, question: '?' } } }],
    },
    reach: (task) => task.until('BLOCKED', 'question'),
    goOn: (task) => task.say('answer', { text: 'yes' }),
    runs: plain,
  },
  {
    at: 'BLOCKED (budget-spent)',
    script: {
      executions: [
        { ...twoTurns, report: 'done', faults: { outOfBudget: { turn: 2, message: 'spent' } } },
      ],
    },
    reach: (task) => task.until('BLOCKED', 'budget-spent'),
    goOn: (task) => task.say('retry'),
    runs: plain,
  },
  {
    at: 'BLOCKED (execution-failed)',
    script: { executions: [failing, execution('work')] },
    input: { assignee: 'intern' },
    reach: (task) => task.until('BLOCKED', 'execution-failed'),
    goOn: (task) => task.say('retry'),
    runs: ['EXECUTION 1 FAILED', 'EXECUTION 2 SUCCEEDED', 'REVIEW 1 SUCCEEDED'],
  },
  {
    at: 'BLOCKED (review-failed)',
    script: { reviews: [garbage, approved] },
    reach: (task) => task.until('BLOCKED', 'review-failed'),
    goOn: (task) => task.say('retry'),
    runs: ['EXECUTION 1 SUCCEEDED', 'REVIEW 1 FAILED', 'REVIEW 2 SUCCEEDED'],
  },
  {
    at: 'BLOCKED (revision-cap)',
    script: { reviews: Array(5).fill(revision('no')) },
    reach: (task) => task.until('BLOCKED', 'revision-cap'),
    goOn: (task) => task.say('accept'),
    runs: [1, 2, 3, 4, 5]
      .flatMap((n) => [`EXECUTION ${n} SUCCEEDED`, `REVIEW ${n} SUCCEEDED`])
      .concat('REVIEW 6 SUCCEEDED'),
  },
  {
    at: 'BLOCKED, with more reviewers than a former round had',
    script: { executions: [execution('a'), failing, execution('c')], reviews: [revision('no')] },
    input: { assignee: 'operator', reviewers: ['reviewer'] },
    async reach(task) {
      await task.until('BLOCKED', 'execution-failed');
      await task.say('reassign', { reviewers: ['reviewer', 'tester'] });
    },
    goOn: (task) => task.say('retry'),
    runs: [...plain, 'EXECUTION 2 FAILED', 'EXECUTION 3 SUCCEEDED', ...reviews(2, 3)],
  },
  {
    at: 'BLOCKED, and reassigned to the agent who has it: all is done anew',
    script: { executions: [execution('a'), execution('b')], reviews: [garbage, approved] },
    reach: (task) => task.until('BLOCKED', 'review-failed'),
    goOn: (task) => task.say('reassign', { executor: 'implementer' }),
    runs: [
      ...['EXECUTION 1 SUCCEEDED', 'REVIEW 1 FAILED'],
      ...['EXECUTION 2 SUCCEEDED', 'REVIEW 2 SUCCEEDED'],
    ],
  },
  {
    at: 'IN_PROGRESS after a retry',
    script: { executions: [failing, { ...twoTurns, report: 'done', ...hangs }] },
    input: { assignee: 'researcher' },
    async reach(task) {
      await task.until('BLOCKED', 'execution-failed');
      await task.say('retry');
      await eventually(async () => expect(await turnOf(task, 'EXECUTION', 2)).toBe(1));
    },
    runs: ['EXECUTION 1 FAILED', 'EXECUTION 2 SUCCEEDED', 'REVIEW 1 SUCCEEDED'],
  },
];

describe.each(CASES)('a reset at $at', ({ script = {}, input, reach, goOn, runs }) => {
  test.each(['first', 'last'] as const)('to the %s workflow task', async (to) => {
    const task = await file(house, script, input);
    await reach(task);
    await reset(task, to);
    await goOn?.(task);
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await task.told()).toEqual(runs);
    await expectOnce(task);
    expect(await checkInvariants(house.database)).toEqual([]);
  });
});

test('a reset at LANDING, blocked by a dirty worktree', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const task = await file(
    house,
    { executions: [execution('work')] },
    { repository: repository.name },
  );
  repository.write('shared.txt', 'dirty\n');
  await task.until('BLOCKED', 'landing-failed');
  await reset(task, 'first');
  repository.git('checkout', '--quiet', 'shared.txt');
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  expect(await task.told()).toEqual(plain);
  await expectOnce(task);
});

test('a reset after the end begins nothing again', async () => {
  const cancelled = await file(house, { executions: [{ ...twoTurns, report: 'x', ...hangs }] });
  await eventually(async () => expect(await turnOf(cancelled, 'EXECUTION')).toBe(1));
  await cancelled.say('cancel');
  await cancelled.result();
  await reset(cancelled, 'second', { reapply: false });
  expect(await cancelled.result()).toMatchObject({ status: 'CANCELLED' });
  expect(await cancelled.told()).toEqual(['EXECUTION 1 CANCELLED']);

  const done = await file(house, {});
  await done.result();
  await reset(done, 'last');
  expect(await done.result()).toMatchObject({ status: 'DONE' });
  await reset(done, 'first');
  await expect(done.result()).rejects.toMatchObject({ cause: { type: 'TaskEnded' } });
  expect(await done.told()).toEqual(plain);
});

describe('the same workflow id again', () => {
  const again = (task: Filed, on: House = house) =>
    on.client.workflow.start('task', {
      taskQueue: on.taskQueue,
      workflowId: task.workflowId,
      args: [{ title: 'whatever is said now' }],
    });

  test('of an open record whose workflow was terminated: it is re-entered', async () => {
    const script = { executions: [execution('one'), { ...twoTurns, report: 'two', ...hangs }] };
    const task = await file(house, { ...script, reviews: [revision('more')] });
    await eventually(async () => expect(await turnOf(task, 'EXECUTION', 2)).toBe(1));
    await task.handle.terminate();
    await again(task);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
    expect(await task.told()).toEqual([...plain, 'EXECUTION 2 SUCCEEDED', 'REVIEW 2 SUCCEEDED']);
    await expectOnce(task);
  });

  test('of a task that has ended: refused by name, and nothing is stored', async () => {
    const task = await file(house, {});
    await task.result();
    const { number } = await task.record();
    await again(task);
    await expect(task.result()).rejects.toMatchObject({
      cause: { type: 'TaskEnded', message: `T-${number} has ended (DONE); file a new task` },
    });
    expect(await task.told()).toEqual(plain);
  });

  test('in another Temporal store, the first being lost: it goes on from closed runs', async () => {
    const script = { executions: [execution('one'), execution('two')] };
    const task = await file(house, { ...script, reviews: [revision('more'), garbage, approved] });
    await task.until('BLOCKED', 'review-failed');
    await task.handle.terminate(); // as good as lost: nobody looks there any more
    const other = await openHouse({ over: house, effectsLog });
    try {
      const handle = await again(task, other);
      await eventually(async () =>
        expect(await handle.query('state')).toMatchObject({ status: 'BLOCKED', cycle: 2 }),
      );
      await handle.executeUpdate('retry', { args: [{ by: 'person:ann' }] });
      expect(await handle.result()).toMatchObject({ status: 'DONE', cycles: 2 });
    } finally {
      await other.close();
    }
    expect((await task.told()).at(-1)).toBe('REVIEW 3 SUCCEEDED');
    await expectOnce(task);
  });
});

test('a LEAD that a person approved stays approved over a reset', async () => {
  const task = await file(house, { reviews: [garbage, approved] }, { assignee: 'architect' });
  await task.until('INBOX');
  await task.say('approve');
  await task.until('BLOCKED', 'review-failed');
  await call(house.database, 'set_policy', {
    name: 'auto-approve',
    enabled: false,
    by: 'person:ann',
    door: 'cli',
    why: 'a test',
  });
  await reset(task, 'first');
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
});
