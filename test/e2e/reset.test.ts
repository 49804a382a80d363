import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../../drizzle/db.js';
import { checkInvariants } from '../../drizzle/invariants.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { approved, eventually, execution, type Filed, file, revision } from '../support/tasks.js';
import {
  expectTurnsOnce,
  failing,
  garbage,
  hangs,
  heldAtLanding,
  resetTo,
  reviews,
  turnIn,
  twoTurns,
} from './reset-parts.js';

const effectsLog = join(tmpdir(), `effects-${uuidv7()}.jsonl`);
let house: House;
beforeAll(async () => {
  house = await openHouse({ effectsLog });
});
afterAll(() => house.close());

const reset = (task: Filed, to: 'first' | 'second' | 'last', how?: { reapply: boolean }) =>
  resetTo(house, task, to, how);

const expectOnce = (task: Filed) => expectTurnsOnce(effectsLog, task);
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

test.each(['first', 'last'] as const)(
  'a reset at LANDING, behind another landing, to the %s workflow task: it lands once',
  async (to) => {
    const { task, repository, letGo } = await heldAtLanding(house);
    try {
      await reset(task, to);
      await eventually(async () => expect((await task.state()).status).toBe('LANDING'));
      expect(repository.git('log', '--format=%s', 'main')).toBe('Begin');
    } finally {
      await letGo();
    }
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const merges = repository.git('log', '--first-parent', '--format=%s', 'main').split('\n');
    const { number } = await task.record();
    expect(merges).toEqual([expect.stringMatching(`^T-${number}: `), 'Begin']);
    expect(await task.told()).toEqual(plain);
    await expectOnce(task);
    expect(await checkInvariants(house.database)).toEqual([]);
  },
);

test('a reset at BLOCKED (landing-failed), by a dirty worktree', async () => {
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
