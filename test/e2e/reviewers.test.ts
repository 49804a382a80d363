import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import {
  approved,
  eventually,
  execution,
  type Filed,
  file,
  filed,
  revision,
} from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const both = { reviewers: ['reviewer', 'tester'] };
const work = { executions: [execution('one'), execution('two'), execution('three')] };
const garbage = { faults: { garbageVerdict: 'fine' } };

describe('several reviewers', () => {
  test('all of them are awaited, and all that accept land it', async () => {
    const task = await file(house, { ...work, reviews: [approved, approved] }, both);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect(await task.runs()).toMatchObject([
      { kind: 'EXECUTION' },
      { kind: 'REVIEW', number: 1, agent_id: 'reviewer', verdict_kind: 'APPROVED' },
      { kind: 'REVIEW', number: 2, agent_id: 'tester', verdict_kind: 'APPROVED' },
    ]);
  });

  test('any REVISION sends it back, with every issue of each in full', async () => {
    const long = `Handle the error ${'of the page, '.repeat(300)}in the end`;
    const reviews = [revision('first', 'second'), revision(long), approved, approved];
    const task = await file(house, { ...work, reviews }, both);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
    const told = await task.instructions('EXECUTION', 2);
    for (const issue of ['R1.1', 'first', 'R1.2', 'second', 'R2.1', long]) {
      expect(told).toContain(issue);
    }
    // Each reviewer of the next cycle answers them all; the sibling's verdict is his own.
    expect(await task.instructions('REVIEW', 3)).toContain('under its id: R1.1, R1.2, R2.1');
    expect(await task.instructions('REVIEW', 4)).toContain('under its id: R1.1, R1.2, R2.1');
  });

  test('one REVISION and one that cannot be read: sent back all the same', async () => {
    const reviews = [garbage, revision('wrong'), approved, approved];
    const task = await file(house, { ...work, reviews }, both);
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  });

  test('one that cannot be read and one that accepts: a person is asked', async () => {
    const reviews = [approved, garbage, approved, approved];
    const task = await file(house, { ...work, reviews }, both);
    await task.until('BLOCKED', 'review-failed');
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
    expect((await task.runs()).filter(({ kind }) => kind === 'REVIEW')).toHaveLength(4);
  });

  test('two that ask: one answer each', async () => {
    const asks = (question: string) => ({ faults: { ask: { turn: 1, question } }, ...approved });
    const task = await file(house, { ...work, reviews: [asks('red?'), asks('blue?')] }, both);
    await eventually(async () => {
      const held = (await task.runs()).filter(({ hold }) => hold === 'question');
      expect(held).toHaveLength(2);
    });
    await task.say('answer', { text: 'one' });
    await task.until('BLOCKED', 'question');
    await task.say('answer', { text: 'other' });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const answers = await house.database.sql`
      select r.answers from runs r join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId} and r.kind = 'REVIEW'`;
    expect(answers.map((row) => row.answers.length)).toEqual([1, 1]);
  });

  test('a slower one is not told what the other found: each judges by himself', async () => {
    const asks = { faults: { ask: { turn: 1, question: 'red?' } }, ...approved };
    const reviews = [revision('mine alone'), asks, approved, approved];
    const task = await file(house, { ...work, reviews }, both);
    await eventually(async () => {
      expect((await task.runs()).slice(1)).toMatchObject([
        { state: 'SUCCEEDED' },
        { hold: 'question' },
      ]);
    });
    await task.say('answer', { text: 'red' });
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
    expect(await task.instructions('REVIEW', 2)).not.toContain('earlier issue exactly once');
    expect(await task.instructions('EXECUTION', 2)).toContain('mine alone');
  });

  test('at the cap, accepted by a person for all of them', async () => {
    const task = await file(house, { reviews: Array(10).fill(revision('no')) }, both);
    await task.until('BLOCKED', 'revision-cap');
    await task.say('accept');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 5 });
    expect((await task.runs()).at(-1)).toMatchObject({ number: 11, by_person: 'person:ann' });
  });

  test('one more is named while it waits: the seats are those of now', async () => {
    const failing = { report: 'x', faults: { fail: { turn: 1, message: 'no' } } };
    const script = { executions: [failing, execution('two')] };
    const task = await file(house, script, { assignee: 'intern', ...both });
    await task.until('BLOCKED', 'execution-failed');
    await task.say('reassign', { reviewers: ['tester'] });
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect((await task.runs()).slice(2)).toMatchObject([{ kind: 'REVIEW', agent_id: 'tester' }]);
  });
});

test('a verdict that misses an earlier issue cannot be read', async () => {
  const forgets = { verdict: { verdict: 'APPROVED', summary: 'fine', earlier: [] } };
  const task = await file(house, { ...work, reviews: [revision('a', 'b'), forgets, approved] });
  const { blocked_detail } = await task.until('BLOCKED', 'review-failed');
  expect(blocked_detail).toContain('R1.1 is not answered');
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
});

// ── Follow-ups ──────────────────────────────────────────────────────────────────────────────────

const spawning = (verdict: 'SPAWN' | 'REVISION+SPAWN', ...spawn: object[]) => ({
  verdict: {
    verdict,
    summary: 'and more',
    issues: verdict === 'SPAWN' ? [] : [{ severity: 'blocking', text: 'wrong' }],
    spawn,
  },
});

const childrenOf = async (task: Filed) => {
  const { id } = await task.record();
  return house.database.sql<
    { workflow_id: string; title: string; assignee: string; origin_index: number; depth: number }[]
  >`select * from tasks where parent_id = ${id} order by number`;
};

describe('follow-ups', () => {
  test('of an accepting verdict are filed when it lands, and run by themselves', async () => {
    const reviews = [spawning('SPAWN', { title: 'Write docs', assignee: 'writer' })];
    const task = await file(house, { ...work, reviews });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const [child] = await childrenOf(task);
    expect(child).toMatchObject({ title: 'Write docs', assignee: 'writer', depth: 1 });
    const runs = await task.runs();
    expect(child).toMatchObject({ origin_run_id: runs[1]?.id, origin_index: 0, door: 'agent' });
    const own = filed(house, child?.workflow_id ?? '');
    expect(await own.result()).toMatchObject({ status: 'DONE' });
    expect(runs[1]?.spawned).toMatchObject({ filed: [{ title: 'Write docs' }], refused: [] });
  });

  test('of a revision are filed at once, once, while the task goes on', async () => {
    const reviews = [spawning('REVISION+SPAWN', { title: 'Side task' }), garbage, approved];
    const task = await file(house, { ...work, reviews });
    await task.until('BLOCKED', 'review-failed');
    expect(await childrenOf(task)).toMatchObject([{ title: 'Side task', assignee: 'implementer' }]);
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
    expect(await childrenOf(task)).toHaveLength(1);
  });

  test('what a cap refuses, and whom nobody knows, is on the record', async () => {
    const titles = ['a', 'b', 'c', 'd', 'e', 'f'].map((title) => ({ title: `Part ${title}` }));
    const [first, ...others] = titles;
    const reviews = [spawning('SPAWN', { ...first, assignee: 'nobody' }, ...others)];
    const task = await file(house, { ...work, reviews }, { assignee: 'operator' });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await childrenOf(task)).toMatchObject(
      titles.slice(0, 5).map(({ title }) => ({ title, assignee: 'operator' })),
    );
    const { spawned } = (await task.runs())[1] ?? {};
    expect(spawned).toMatchObject({
      refused: [{ title: 'Part f', why: 'per-verdict cap 5' }],
      notes: [{ title: 'Part a', note: 'nobody is not an agent; given to operator' }],
    });
  });

  test('the depth of a tree is capped: the follow-up of depth three is the last', async () => {
    const deeper = (depth: number): object =>
      spawning('SPAWN', {
        title: `Depth ${depth}`,
        description: `\`\`\`scenario\n${JSON.stringify({
          reviews: [depth < 4 ? deeper(depth + 1) : approved],
        })}\n\`\`\``,
      });
    const root = await file(house, { reviews: [deeper(1)] });
    let task = root;
    for (let depth = 1; depth <= 3; depth++) {
      await task.result();
      const [child] = await childrenOf(task);
      expect(child).toMatchObject({ title: `Depth ${depth}`, depth });
      task = filed(house, child?.workflow_id ?? '');
    }
    await task.result();
    expect(await childrenOf(task)).toEqual([]);
    expect((await task.runs())[1]?.spawned?.refused).toMatchObject([{ why: 'depth cap 3' }]);
  });
});
