import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { course, type Filed, Stage, SUCCEEDED, spec } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const limits = (fields: object, enabled = true) =>
  stage.setPolicy('execution-limits', fields, enabled);

/** Files tasks one after the other and answers their first runs. */
async function file(...tasks: Filed[]): Promise<string[]> {
  const runs: string[] = [];
  for (const task of tasks) runs.push((await stage.begin(task)).run);
  return runs;
}

test('priority goes first, then age; whoever is reprioritised moves at once', async () => {
  await limits({ maxConcurrentPerAgent: 0 });
  const [low, normal, normal2, high, late] = await file(
    { priority: 'LOW' },
    { priority: 'NORMAL' },
    { priority: 'NORMAL' },
    { priority: 'HIGH' },
    { priority: 'LOW' },
  );
  const task = await stage.sql<
    { id: string }[]
  >`select task_id as id from runs where id = ${`${late}`}`;
  await stage.verb(task[0]?.id ?? '', 'reprioritise', { priority: 'URGENT' });
  const order: (string | undefined)[] = [];
  for (let limit = 1; limit <= 5; limit++) {
    const { wake } = await limits({ maxConcurrentPerAgent: limit });
    order.push(...wake.map(({ run }) => run));
  }
  expect(order).toEqual([late, high, normal, normal2, low]);
});

test('a raised limit promotes at once, in order; a lowered one only stops admission', async () => {
  await limits({ maxConcurrentPerAgent: 1 });
  const runs = await file({}, {}, {}, {});
  expect(await stage.holding(runs)).toEqual([true, false, false, false]);
  const { wake } = await limits({ maxConcurrentPerAgent: 3 });
  expect(wake.map(({ run }) => run)).toEqual(runs.slice(1, 3));
  const attempt = await stage.start(`${runs[0]}`);
  await limits({ maxConcurrentPerAgent: 1 });
  expect(await stage.holding(runs)).toEqual([true, true, true, false]);
  await stage.closeRun(`${runs[0]}`, attempt, {
    ...SUCCEEDED,
    course: course({ status: 'REVIEW' }),
  });
  expect(await stage.holding(runs)).toEqual([false, true, true, false]);
});

test.each([
  ['maxConcurrentPerAgent', 0, true, 'slot'],
  ['maxDailyPerAgent', 0, true, 'daily-runs'],
  ['maxDailyTokens', 0, true, 'daily-tokens'],
  ['maxDailyTokens', 5_000_000, false, 'slot'],
] as const)(
  '%s = %s (enabled: %s) lets nothing run: %s',
  async (figure, value, enabled, reason) => {
    await limits({ [figure]: value }, enabled);
    const [run] = await file({});
    const { state, wait } = await stage.run(`${run}`);
    expect({ state, reason: wait?.reason, value: wait?.value }).toEqual({
      state: 'QUEUED',
      reason,
      value: enabled ? '0' : 'disabled',
    });
    expect(wait?.rule).toBe(`execution-limits${enabled ? `.${figure}` : ''}`);
    if (!enabled) expect(wait?.detail).toMatch(/disabled/);
    const { wake } = await limits({ [figure]: 5_000_000 }, true);
    expect(wake.map((each) => each.run)).toEqual([run]);
  },
);

test('a figure that is missing lets nothing run, and says so', async () => {
  await stage.sql`insert into policies (name, version, enabled, value, by, door, why)
    values ('execution-limits', 2, true, '{}', 'person:ann', 'cli', 'by hand')`;
  const [run] = await file({});
  expect((await stage.run(`${run}`)).wait).toMatchObject({ reason: 'slot', value: '0' });
});

test('who is first and does not fit the tokens is not overtaken by smaller ones', async () => {
  await stage.sql`update agents set token_estimate = 60 where id = 'writer'`;
  await stage.sql`update agents set token_estimate = 30 where id in ('implementer', 'intern')`;
  await limits({ maxDailyTokens: 100 });
  const [a, big, small, other] = await file(
    { assignee: 'writer' },
    { assignee: 'writer' },
    { assignee: 'implementer' },
    { assignee: 'intern' },
  );
  const runs = [a, big, small, other].map(String);
  expect(await stage.holding(runs)).toEqual([true, false, false, false]);
  for (const [index, run] of [big, small, other].entries()) {
    const { wait } = await stage.run(`${run}`);
    expect(wait).toMatchObject({ reason: 'daily-tokens', value: '100' });
    expect(wait?.place).toEqual({ position: index + 1, of: 3 });
    expect(wait?.detail).toContain(`${index === 0 ? 'this run' : 'the first in line'} needs 60`);
  }
  const { wake } = await limits({ maxDailyTokens: 160 });
  expect(wake.map(({ run }) => run)).toEqual([big, small]);
});

test('what was reserved counts until it is spent, and what was spent stays', async () => {
  await stage.sql`update agents set token_estimate = 50`;
  await limits({ maxDailyTokens: 100 });
  const [a, b, c] = (await file({}, {}, {})).map(String) as [string, string, string];
  expect(await stage.holding([a, b, c])).toEqual([true, true, false]);
  const then = course({ status: 'BLOCKED', blocked: 'execution-failed' });
  const failed = { state: 'FAILED', outcome: 'failed', fault: 'system', course: then };
  await stage.perform(a, { ...failed, workTokens: 51 });
  expect((await stage.run(c)).wait?.reason).toBe('daily-tokens');
  await stage.perform(b, { ...failed, workTokens: 0 });
  expect((await stage.run(c)).wait?.reason).toBe('daily-tokens'); // 51 + 50 > 100
  await limits({ maxDailyTokens: 101 });
  expect(await stage.holding([c])).toEqual([true]);
});

test('one promotion fills the day; what a re-queued run has spent counts once', async () => {
  await stage.sql`update agents set token_estimate = 30`;
  await limits({ maxConcurrentPerAgent: 1 });
  const runs = await file({}, {}, {}, {});
  const hour = { state: 'REQUEUED', delaySeconds: 3600, workTokens: 20 };
  await stage.perform(`${runs[0]}`, hour);
  await stage.perform(`${runs[1]}`, { ...hour, workTokens: 0 });
  await limits({ maxConcurrentPerAgent: 0, maxDailyTokens: 90 });
  await stage.perform(`${runs[2]}`, { ...hour, workTokens: 0 });
  await stage.sql`update runs set available_at = clock_timestamp()`;
  const { wake } = await limits({ maxConcurrentPerAgent: 4 });
  expect(wake.map(({ run }) => run)).toEqual(runs.slice(0, 3));
  expect((await stage.run(`${runs[3]}`)).wait?.reason).toBe('daily-tokens');
});

test('a re-queued run keeps number, day, place and charge, and frees its slot', async () => {
  await limits({ maxConcurrentPerAgent: 1, maxDailyPerAgent: 1 });
  const [a, b] = (await file({}, {})).map(String) as [string, string];
  const { number, day, place, charged } = await stage.run(a);
  await stage.perform(a, { state: 'REQUEUED', delaySeconds: 3600 });
  const after = await stage.run(a);
  expect(after).toMatchObject({ number, day, place, charged, state: 'QUEUED', attempt: 1 });
  expect([charged, after.wait?.reason]).toEqual([true, 'back-off']);
  expect((await stage.run(b)).wait).toMatchObject({ reason: 'daily-runs', value: '1' });
  await stage.sql`update runs set available_at = clock_timestamp() where id = ${a}`;
  await stage.sql`select promote()`;
  expect(await stage.holding([a, b])).toEqual([true, false]);
  expect(await stage.start(a)).toBe(2);
});

test('a run that failed is uncharged; one that was useful is not', async () => {
  await limits({ maxDailyPerAgent: 2 });
  const [a, b, c, d] = (await file({}, {}, {}, {})).map(String) as [string, string, string, string];
  expect(await stage.holding([a, b, c, d])).toEqual([true, true, false, false]);
  await stage.fail(a);
  expect(await stage.holding([c, d])).toEqual([true, false]);
  await stage.execute(b);
  expect((await stage.run(d)).wait).toMatchObject({ reason: 'daily-runs', place: { position: 1 } });
  expect((await stage.run(b)).charged).toBe(true);
});

test('three failures in a row by its own fault pause an agent by name', async () => {
  const fails = async (...faults: ('agent' | 'system' | 'success')[]) => {
    for (const fault of faults) {
      const [run] = (await file({})) as [string];
      if (fault === 'success') await stage.execute(run);
      else await stage.fail(run, fault);
    }
    const [row] = await stage.sql<{ paused: boolean }[]>`
      select paused_reason is not null as paused from agents where id = 'implementer'`;
    return row?.paused;
  };
  expect(await fails('agent', 'agent', 'success', 'agent', 'agent')).toBe(false);
  expect(await fails('system', 'system', 'system')).toBe(false);
  expect(await fails('agent')).toBe(true);
  const [waiting] = (await file({})) as [string];
  const { wait } = await stage.run(waiting);
  expect(wait).toMatchObject({ reason: 'agent-disabled', rule: 'agent implementer' });
  expect(wait?.detail).toMatch(/three runs in a row/);
  const { wake } = await stage.setAgent('implementer', true);
  expect(wake.map(({ run }) => run)).toEqual([waiting]);
  await stage.fail(waiting);
  expect(await fails('agent')).toBe(false); // enabled again: it has three more
  expect(await fails('agent')).toBe(true);
  const audit = await stage.sql`select principal from audit where action = 'agent.pause'`;
  expect(audit).toEqual([{ principal: 'system:limits' }, { principal: 'system:limits' }]);
});

test('a wait of longer than an integer of milliseconds stops nobody', async () => {
  await limits({ maxConcurrentPerAgent: 0 });
  const [run] = (await file({})) as [string];
  await stage.sql`update runs set queued_at = clock_timestamp() - interval '40 days'`;
  await limits({ maxConcurrentPerAgent: 1 });
  expect(await stage.holding([run])).toEqual([true]);
});

test('a paused task, a paused squad and a disabled agent hold only what they name', async () => {
  await limits({ maxConcurrentPerAgent: 0 });
  const task = await stage.begin({});
  const [other] = (await file({ assignee: 'writer' })) as [string];
  await stage.verb(task.taskId, 'pause');
  await limits({ maxConcurrentPerAgent: 3 });
  expect((await stage.run(task.run)).wait?.reason).toBe('task-paused');
  expect(await stage.holding([other])).toEqual([true]);
  await stage.call('set_squad_paused', {
    paused: true,
    by: 'person:ann',
    door: 'cli',
    why: 'lunch',
  });
  const resumed = await stage.verb(task.taskId, 'resume');
  expect(resumed.admitted).toEqual([]);
  expect((await stage.run(task.run)).wait).toMatchObject({
    reason: 'squad-paused',
    value: 'person:ann',
  });
  await stage.setAgent('implementer', false);
  const given = { paused: false, by: 'person:ann', door: 'cli', why: 'back' };
  expect(await stage.call('set_squad_paused', given)).toEqual({ wake: [] });
  expect((await stage.run(task.run)).wait?.reason).toBe('agent-disabled');
  expect((await stage.setAgent('implementer', true)).wake).toEqual([
    { run: task.run, workflowId: task.workflowId },
  ]);
});

test('a second open execution, and a number out of turn, are refused loudly', async () => {
  const { taskId } = await stage.begin({});
  const open = (...specs: object[]) => stage.openRuns(taskId, ...specs);
  await expect(open(spec('EXECUTION', 2))).rejects.toThrow(/runs_one_execution/);
  await expect(open(spec('EXECUTION', 3))).rejects.toThrow(/cannot open/);
  await open({ ...spec('EXECUTION', 1), id: randomUUID() });
  expect(await stage.count('runs')).toBe(1);
});
