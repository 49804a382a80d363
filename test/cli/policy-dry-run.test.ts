import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';
import { eventually, file as start } from '../support/tasks.js';

// Each is many commands, and a process each.
vi.setConfig({ testTimeout: 180_000 });

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeEach(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterEach(async () => {
  const { sql } = house.database;
  for (const { workflow_id: id } of await sql`select workflow_id from tasks where ended_at is null`)
    await house.client.workflow.getHandle(id).terminate();
  await house.close();
});

interface DryRun {
  readonly started: readonly string[];
  readonly admitted: readonly string[];
  readonly waits: readonly { reason: string; rule: string | null; tasks: number }[];
  readonly lastWeek: Readonly<Record<'real' | 'rehearsed', Readonly<Record<string, number>>>>;
}

const set = (name: string, ...edits: string[]) => mission('policy', 'set', name, ...edits);
const limits = (...edits: string[]) => set('execution-limits', ...edits);

/** Of what a dry run must leave as it was: every row of every table, by its digest. */
async function everything(): Promise<Record<string, string>> {
  const { sql } = house.database;
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_stat_user_tables where schemaname = 'public'`;
  const digests = tables.map(async ({ name }) => {
    const [row] = await sql<{ digest: string }[]>`
      select count(*) || ' ' || md5(string_agg(x::text, '' order by x::text)) as digest
      from ${sql(name)} x`;
    return [name, String(row?.digest)] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}

async function dryRun(name: string, ...edits: string[]): Promise<DryRun> {
  await quiet();
  const before = await everything();
  const tried = await mission('policy', 'dry-run', name, ...edits, '--json');
  expect(await everything()).toEqual(before);
  return documentOf<DryRun>(tried);
}

/** An execution that keeps the slot it has taken, so that nothing moves under the comparison. */
const HANGS = { executions: [{ report: 'late', turns: [{}], faults: { hangAtTurn: 1 } }] };

async function file(...asked: readonly (readonly [assignee: string, priority?: string])[]) {
  const labels: string[] = [];
  for (const [assignee, priority = 'NORMAL'] of asked) {
    const task = await start(house, HANGS, { assignee, priority });
    labels.push(`T-${(await eventually(() => task.record())).number}`);
  }
  return labels;
}

/** What has a slot has begun, and hangs: from here on nothing changes by itself. */
const quiet = () =>
  eventually(async () => {
    const [row] = await house.database.sql`
      select count(*)::int as moving from runs where state = 'ADMITTED'`;
    expect(row?.moving).toBe(0);
  }, 60_000);

/** Tasks with a slot. */
const active = async () =>
  (
    await house.database.sql<{ label: string }[]>`
      select 'T-' || t.number as label from tasks t join runs r on r.task_id = t.id
      where r.state in ('ADMITTED', 'RUNNING') order by t.number`
  ).map(({ label }) => label);

/** What every task that waits says of itself, counted. */
async function waits(): Promise<Record<string, number>> {
  const { tasks } = documentOf<{ tasks: { standstill: { reason: string; rule: string } }[] }>(
    await mission('task', 'list', '--waiting', '--json'),
  );
  return counts(tasks.map(({ standstill: { reason, rule } }) => `${reason} ${rule}`));
}

function counts(names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (found[name] ?? 0) + 1;
  return found;
}

/** The same of a dry run; a rule without its value. */
const waitsOf = ({ waits }: DryRun) =>
  counts(
    waits.flatMap(({ reason, rule, tasks }) =>
      Array<string>(tasks).fill(`${reason} ${rule?.split(' =')[0] ?? null}`),
    ),
  );

/** Does what was tried, and compares. */
async function doAndCompare(tried: DryRun, name: string, ...edits: string[]): Promise<void> {
  const before = await active();
  await set(name, ...edits);
  await eventually(async () => {
    const now = await active();
    expect(now.filter((label) => !before.includes(label))).toEqual([...tried.started].sort());
  });
  expect(await waits()).toEqual(waitsOf(tried));
}

test('of several limits at once, with priorities and a LEAD, is what then happens', async () => {
  await limits('maxConcurrentPerAgent=0', 'maxDailyPerAgent=1');
  const labels = await file(
    ['implementer', 'LOW'],
    ['implementer', 'URGENT'],
    ['implementer', 'HIGH'],
    ['writer'],
    ['lead'],
    ['lead', 'URGENT'],
  );
  await mission('task', 'approve', labels[5] ?? '');
  const one = await dryRun('execution-limits', 'maxConcurrentPerAgent=3');
  expect(one.started).toEqual([labels[1], labels[3], labels[5]]);
  expect(waitsOf(one)).toMatchObject({ 'daily-runs execution-limits.maxDailyPerAgent': 2 });
  const both = ['maxConcurrentPerAgent=2', 'maxDailyPerAgent=9'];
  const two = await dryRun('execution-limits', ...both);
  expect(two.started).toEqual([labels[1], labels[2], labels[3], labels[5]]);
  const text = await mission('policy', 'dry-run', 'execution-limits', ...both);
  expect(text.stdout).toContain('4 waiting tasks (T-2, T-3, T-4, T-6) would start now');
  expect(text.stdout).toContain('1 for slot: execution-limits.maxConcurrentPerAgent = 2');
  expect(text.stdout).toContain('maxConcurrentPerAgent: 0 → 2');
  await doAndCompare(two, 'execution-limits', ...both);
});

test('of runs and tokens of a day that others have used is what then happens', async () => {
  await limits('maxDailyPerAgent=2', 'maxDailyTokens=70_000');
  await file(['implementer'], ['implementer'], ['implementer'], ['writer'], ['writer'], ['intern']);
  const runs = await dryRun('execution-limits', 'maxDailyPerAgent=3');
  expect([runs.started.length, Object.keys(waitsOf(runs)).length]).toEqual([0, 1]);
  const tokens = await dryRun('execution-limits', 'maxDailyTokens=90_000');
  await doAndCompare(tokens, 'execution-limits', 'maxDailyTokens=90_000');
  const both = ['maxDailyPerAgent=3', 'maxDailyTokens=1_000_000'];
  const all = await dryRun('execution-limits', ...both);
  expect(all.started).toHaveLength(2);
  await doAndCompare(all, 'execution-limits', ...both);
});

test('of auto-approve is what then happens, slots and a LEAD included', async () => {
  await set('auto-approve', 'maxPriority=LOW', 'allowedAgentTypes=SPC');
  await limits('maxConcurrentPerAgent=2');
  await file(
    ['implementer', 'URGENT'],
    ['implementer', 'HIGH'],
    ['implementer', 'NORMAL'],
    ['writer', 'URGENT'],
    ['intern', 'NORMAL'],
    ['lead', 'LOW'],
  );
  const high = await dryRun('auto-approve', 'maxPriority=HIGH');
  expect(high).toMatchObject({ admitted: ['T-2', 'T-3'], started: ['T-2', 'T-3'] });
  expect(high.waits).toContainEqual({
    reason: 'approval',
    rule: 'auto-approve.maxPriority = HIGH',
    tasks: 2,
  });
  const edits = ['maxPriority=URGENT', 'allowedAgentTypes=SPC,INT'];
  const all = await dryRun('auto-approve', ...edits);
  expect(all.admitted).toEqual(['T-1', 'T-2', 'T-3', 'T-4', 'T-5']);
  expect(all.started).toHaveLength(4);
  expect(all.waits).toContainEqual({
    reason: 'approval',
    rule: 'LEAD',
    tasks: 1,
  });
  const before = all.started.length;
  await set('auto-approve', ...edits);
  // Which of two equals comes first is decided by who is first; how many is not.
  await eventually(async () => expect(await active()).toHaveLength(before));
  expect(await waits()).toEqual(waitsOf(all));
  const [row] = await house.database.sql`
    select count(*)::int as left from tasks where status = 'INBOX'`;
  expect(row?.left).toBe(1);
});

test('tells what last week would have needed, rehearsals apart and canaries never', async () => {
  await set('auto-approve', 'maxPriority=HIGH');
  await limits('maxConcurrentPerAgent=0');
  await file(['implementer', 'URGENT'], ['implementer', 'HIGH'], ['writer'], ['lead'], ['intern']);
  const { sql } = house.database;
  await sql`update tasks set rehearsed = false where number in (1, 2, 3, 4)`;
  await sql`insert into tasks select (jsonb_populate_record(t, jsonb_build_object(
      'id', gen_random_uuid(), 'workflow_id', 'w' || n, 'number', 100 + n, 'canary', n = 1,
      'status', 'CANCELLED', 'ended_at', now(), 'cleaned_at', now(),
      'created_at', now() - case n when 2 then interval '8 days' else interval '6 days' end))).*
    from tasks t, generate_series(1, 3) n where t.number = 1`;
  const { lastWeek } = await dryRun('auto-approve', 'maxPriority=NORMAL');
  expect(lastWeek).toEqual({
    real: { tasks: 5, needed: 4, neededNow: 3 },
    rehearsed: { tasks: 1, needed: 0, neededNow: 0 },
  });
  const { stdout } = await mission('policy', 'dry-run', 'auto-approve', 'maxPriority=NORMAL');
  expect(stdout).toContain("of last week's 5 tasks 4 would have needed a person");
  expect(stdout).toContain("of last week's 1 rehearsed task 0 would have needed a person");
});

test('of what a policy decides later says what can be said, and starts nothing', async () => {
  const { sql } = house.database;
  await limits('maxConcurrentPerAgent=0');
  await file(['implementer'], ['implementer']);
  await sql`update tasks set landing_cycles = 2 where number = 1`;
  await sql`insert into runs (id, task_id, kind, number, cycle, agent_id, state, priority,
      verdict_kind, ended_at)
    select gen_random_uuid(), id, 'REVIEW', 3, 3, 'reviewer', 'SUCCEEDED', 'NORMAL', 'REVISION',
      now() from tasks where number = 2`;
  const review = await dryRun('review', 'maxCycles=3');
  expect(review).toMatchObject({ started: [], waits: [{ reason: 'slot', tasks: 2 }] });
  expect(review.lastWeek.rehearsed).toEqual({ tasks: 2, needed: 1, neededNow: 0 });
  const landing = await dryRun('landing', 'maxLandingCycles=1');
  expect(landing.lastWeek.rehearsed).toEqual({ tasks: 2, needed: 1, neededNow: 0 });
  await sql`update tasks set status = 'CANCELLED', ended_at = now() - interval '8 days'
    where number = 2`;
  await sql`insert into run_events (run_id, attempt, event)
    select id, 1, '{}' from runs where verdict_kind = 'REVISION'`;
  const retention = await mission('policy', 'dry-run', 'retention', 'transcriptDays=7');
  expect(retention.stdout).toContain('1 transcript would be let go within the hour');
  const spawn = await dryRun('spawn', 'maxDepth=1');
  expect(spawn.lastWeek.real).toEqual({ asked: 0, filed: 0, filedNow: 0 });
  await mission('policy', 'disable', 'review');
  const off = await mission('policy', 'dry-run', 'review', 'maxCycles=9');
  expect(off.stdout).toContain('review is disabled, and stays so');
});
