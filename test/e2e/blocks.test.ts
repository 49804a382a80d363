import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { approved, execution, file, revision } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** How many cycles the seeded policy lets reviewers ask for. */
const CYCLES = 5;
const everyCycle = Array.from({ length: CYCLES + 1 }, (_, index) => index + 1);

describe('revision-cap', () => {
  const stubborn = {
    executions: everyCycle.map((number) => execution(`try ${number}`)),
    reviews: everyCycle.slice(0, CYCLES).map((number) => revision(`wrong in ${number}`)),
  };

  test('retry grants one more cycle, which the reviewer then accepts', async () => {
    const task = await file(house, stubborn);
    const { blocked_detail } = await task.until('BLOCKED', 'revision-cap');
    expect(blocked_detail).toBe('wrong in 5');
    expect(await task.say('retry')).toMatchObject({ applied: true, status: 'IN_PROGRESS' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: CYCLES + 1 });
  });

  test('accept lands the last result, as a review by a person', async () => {
    const task = await file(house, stubborn);
    await task.until('BLOCKED', 'revision-cap');
    await task.say('accept', { reason: 'good enough' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: CYCLES });
    const last = (await task.runs()).at(-1);
    expect(last).toMatchObject({ kind: 'REVIEW', number: CYCLES + 1, by_person: 'person:ann' });
    expect((await task.timeline()).slice(-2)).toEqual([
      '├─ Review 6 [person:ann] SUCCEEDED (by a person) — Verdict: APPROVED',
      '└─ Status: DONE',
    ]);
  });

  test('reassign supersedes the work and begins anew in the same cycle', async () => {
    const task = await file(house, stubborn);
    await task.until('BLOCKED', 'revision-cap');
    await task.say('reassign', { executor: 'writer' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: CYCLES });
    const runs = await task.runs();
    const executions = runs.filter(({ kind }) => kind === 'EXECUTION');
    expect(executions.map(({ agent_id }) => agent_id).slice(-2)).toEqual(['implementer', 'writer']);
    expect(executions.map(({ superseded }) => superseded)).toEqual([
      ...Array(CYCLES).fill(true),
      false,
    ]);
    expect((await task.timeline())[9]).toContain(
      'Execution 5 [Implementer] SUCCEEDED (superseded)',
    );
  });

  test('guidance reaches the next execution word for word', async () => {
    const task = await file(house, stubborn);
    await task.until('BLOCKED', 'revision-cap');
    const text = 'Read the  spec\n\t"twice" — ünd ask $& {{answer}}';
    await task.say('guide', { text });
    await task.say('retry');
    await task.result();
    expect(await task.instructions('EXECUTION', CYCLES + 1)).toContain(text);
    expect(await task.instructions('EXECUTION', CYCLES)).not.toContain(text);
  });
});

describe('review-failed', () => {
  const garbage = { turns: [{ say: 'reading' }], faults: { garbageVerdict: 'looks good to me' } };

  test('a verdict that cannot be read is asked again once, then a person is asked', async () => {
    const task = await file(house, {
      executions: [execution('work')],
      reviews: [garbage, approved],
    });
    const { blocked_detail } = await task.until('BLOCKED', 'review-failed');
    expect(blocked_detail).toContain('verdict');
    expect(await task.runs()).toMatchObject([
      { state: 'SUCCEEDED' },
      { state: 'FAILED', cause: 'unreadable-verdict', attempt: 1, verdict_kind: null },
    ]);
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.told()).toEqual([
      'EXECUTION 1 SUCCEEDED',
      'REVIEW 1 FAILED',
      'REVIEW 2 SUCCEEDED',
    ]);
  });

  test('another reviewer ends it too', async () => {
    const task = await file(house, {
      executions: [execution('work')],
      reviews: [garbage, approved],
    });
    await task.until('BLOCKED', 'review-failed');
    const first = (await task.runs())[1]?.agent_id;
    const other = first === 'reviewer' ? 'tester' : 'reviewer';
    await task.say('reassign', { reviewers: [other] });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect((await task.runs()).at(-1)).toMatchObject({ kind: 'REVIEW', agent_id: other });
  });

  test('garbage once costs nothing: the same run answers, and takes no turn twice', async () => {
    const once = { turns: [{ say: 'reading' }], faults: { garbageOnce: 'hm' }, ...approved };
    const task = await file(house, { executions: [execution('work')], reviews: [once] });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    const events = await house.database.sql`
      select e.event from run_events e join runs r on r.id = e.run_id
      join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId} and r.kind = 'REVIEW'
        and e.event ->> 'kind' = 'text'`;
    expect(events).toHaveLength(1);
  });
});

describe('execution-failed', () => {
  const failing = { report: 'none', faults: { fail: { turn: 1, message: 'no compiler here' } } };

  test('a backend that breaks each time fails the run in its own words, and soon', async () => {
    const broken = { turns: [{ say: 'one' }], report: 'x', faults: { crashBeforeTurn: 1 } };
    const task = await file(house, { executions: [broken], reviews: [approved] });
    const { blocked_detail } = await task.until('BLOCKED', 'execution-failed');
    expect(blocked_detail).toMatch(/its backend broke 3 times/);
    const [run] = await task.runs();
    expect(run).toMatchObject({ state: 'FAILED', attempt: 3 });
  });

  test('more output than a reviewer can be handed whole fails the run', async () => {
    const loud = { commands: ['head -c 17000000 /dev/zero | tr "\\0" x'] };
    const script = { turns: [loud], report: 'loud' };
    const task = await file(house, { executions: [script], reviews: [approved] });
    const { blocked_detail } = await task.until('BLOCKED', 'execution-failed');
    expect(blocked_detail).toMatch(/printed more than 16 MiB/);
  });

  test('says why; accept finds nothing to accept; retry tries again', async () => {
    const task = await file(
      house,
      { executions: [failing, execution('work')] },
      { assignee: 'intern' },
    );
    const { blocked_detail } = await task.until('BLOCKED', 'execution-failed');
    expect(blocked_detail).toBe('no compiler here');
    await expect(task.say('accept')).rejects.toMatchObject({
      cause: { type: 'WrongState', message: expect.stringContaining('BLOCKED (execution-failed)') },
    });
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.told()).toEqual([
      'EXECUTION 1 FAILED',
      'EXECUTION 2 SUCCEEDED',
      'REVIEW 1 SUCCEEDED',
    ]);
  });

  test('another executor takes the next number', async () => {
    const task = await file(
      house,
      { executions: [failing, execution('work')] },
      { assignee: 'intern' },
    );
    await task.until('BLOCKED', 'execution-failed');
    const answer = await task.say('reassign', { executor: 'operator' });
    expect(answer).toMatchObject({ assignee: 'operator', status: 'IN_PROGRESS' });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect((await task.runs())[1]).toMatchObject({ number: 2, agent_id: 'operator' });
  });

  test('accept takes the earlier success', async () => {
    const script = { executions: [execution('first'), failing], reviews: [revision('no')] };
    const task = await file(house, script, { assignee: 'researcher' });
    await task.until('BLOCKED', 'execution-failed');
    await task.say('accept');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect((await task.runs()).at(-1)).toMatchObject({ number: 2, by_person: 'person:ann' });
  });

  test('nobody and whoever reviews are refused by name, and nothing changes', async () => {
    const input = { assignee: 'operator', reviewer: 'tester' };
    const task = await file(house, { executions: [failing] }, input);
    await task.until('BLOCKED', 'execution-failed');
    for (const [executor, what] of [
      ['nobody', 'executor: "nobody" is not an agent'],
      ['tester', 'reviewers: "tester" is the assignee too'],
    ]) {
      await expect(task.say('reassign', { executor })).rejects.toMatchObject({
        cause: { type: 'InvalidMessage', message: expect.stringContaining(String(what)) },
      });
    }
    await task.say('cancel', { reason: 'enough' });
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
    expect(await task.record()).toMatchObject({ ended_by: 'person:ann', ended_reason: 'enough' });
  });
});

describe('held runs', () => {
  test('an answer goes on in the same run and charges no cycle', async () => {
    const asking = {
      turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': '{{answer}}' } }],
      report: 'told {{answer}}',
      faults: { ask: { turn: 2, question: 'blue or red?' } },
    };
    const task = await file(house, { executions: [asking] });
    const { blocked_detail } = await task.until('BLOCKED', 'question');
    expect(blocked_detail).toBe('blue or red?');
    await expect(task.say('retry')).rejects.toMatchObject({ cause: { type: 'WrongState' } });
    await task.say('answer', { text: 'blue' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.runs()).toMatchObject([{ number: 1, attempt: 2 }, { kind: 'REVIEW' }]);
    expect((await task.timeline())[1]).toContain('told blue');
    expect(await task.instructions('EXECUTION', 1)).toContain('A (person:ann): blue');
  });

  test('a reviewer may ask as well; another executor supersedes what was reviewed', async () => {
    const asking = { faults: { ask: { turn: 1, question: 'which spec?' } } };
    const task = await file(house, { executions: [execution('one')], reviews: [asking, approved] });
    await task.until('BLOCKED', 'question');
    await task.say('reassign', { executor: 'writer' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.told()).toEqual([
      'EXECUTION 1 SUCCEEDED',
      'REVIEW 1 CANCELLED',
      'EXECUTION 2 SUCCEEDED',
      'REVIEW 2 SUCCEEDED',
    ]);
  });

  test('a spent budget holds the run until a person lets it go on', async () => {
    const spent = {
      turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }],
      report: 'done',
      faults: { outOfBudget: { turn: 2, message: 'the budget of 20000 is spent' } },
    };
    const task = await file(house, { executions: [spent] });
    await task.until('BLOCKED', 'budget-spent');
    expect((await task.runs())[0]).toMatchObject({ state: 'QUEUED', hold: 'budget-spent' });
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect((await task.runs())[0]).toMatchObject({ number: 1, attempt: 2 });
  });
});

test('the record holds what was handed over, and it is all that was produced', async () => {
  const big = { turns: [{ files: { 'big.txt': 'ä line\n'.repeat(20_000) } }], report: 'a big one' };
  const task = await file(house, { executions: [big] });
  await task.result();
  const [executed, review] = await task.runs();
  expect(review?.bytes_produced).toBeGreaterThan(160_000);
  expect(review?.bytes_handed_over).toBe(review?.bytes_produced);
  expect(review?.bytes_produced).toBe(executed?.bytes_produced);
  expect(await task.instructions('REVIEW', 1)).toContain('+ä line\n'.repeat(20_000));
});

test('what an agent prints cannot poison its run', async () => {
  const nul = { turns: [{ commands: ['printf "a\\0b"'] }], report: 'a\u0000b \ud800' };
  const task = await file(house, { executions: [nul] });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  expect((await task.runs())[0]).toMatchObject({ attempt: 1 });
});

test('whoever speaks while it ends is answered, and does not keep it from ending', async () => {
  const task = await file(house, { executions: [execution('work')] });
  const end = task.result();
  let ended = false;
  const speaking = (async () => {
    for (let count = 0; !ended; count++) {
      await task.say('guide', { text: `hint ${count}` }).catch(() => undefined);
      await task.handle.signal('pause', {}).catch(() => undefined);
      await task.handle.signal('resume', {}).catch(() => undefined);
    }
  })();
  expect(await end).toMatchObject({ status: 'DONE' });
  ended = true;
  await speaking;
});
