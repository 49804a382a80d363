import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { act, type Deed, deed, watch } from './crowd.js';
import { wrongSpend } from './spend.js';
import { Stage } from './stage.js';

const LANES = 30;

/** All at once, as many as there are connections; answers what went wrong. */
async function perform(stage: Stage, deeds: readonly Deed[]): Promise<string[]> {
  const begin = (one: number): Deed => ({ what: 'begin', one, two: one });
  const queue = [...Array.from({ length: 16 }, (_, index) => begin(index)), ...deeds];
  const faults: string[] = [];
  const lane = async () => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      await act(stage, each).catch((error: Error & { code?: string }) => {
        faults.push(`${each.what}: ${error.code} ${error.message}`);
      });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return faults;
}

/** Waits that are not true: a run that may go, or one that is said to wait for nothing. */
const untrueWaits = async ({ sql }: Stage) => sql`
  select id, wait from (select id, run_wait(r) as wait from runs r
                        where state = 'QUEUED' and hold is null) queued
  where wait ->> 'reason' is null or wait ->> 'detail' = 'promotion is due'
    or wait ->> 'reason' in ('slot', 'daily-runs', 'daily-tokens') and (
      wait ->> 'value' is null or wait ->> 'rule' is null
      or (wait -> 'place' ->> 'position')::int < 1
      or (wait -> 'place' ->> 'position')::int > (wait -> 'place' ->> 'of')::int)`;

const REACHED = [
  ...['SUCCEEDED', 'FAILED', 'CANCELLED', 'QUEUED', 'BLOCKED', 'DONE', 'waits slot'],
  ...['task.reassign', 'task.retry', 'policy.set', 'agent.disable', 'tried again', 'lost'],
];

/** What has happened by then: a crowd that does nothing breaks nothing. */
async function count({ sql }: Stage, reached: Map<string, number>): Promise<void> {
  const rows = await sql<{ what: string; n: number }[]>`
    select status::text as what, count(*)::int as n from tasks group by 1
    union all select state::text, count(*)::int from runs group by 1
    union all select 'held ' || hold, count(*)::int from runs where hold is not null group by 1
    union all select 'waits ' || (run_wait(r) ->> 'reason'), count(*)::int from runs r
      where state = 'QUEUED' and hold is null group by 1
    union all select action, count(*)::int from audit group by 1
    union all select 'tried again', count(*)::int from runs where attempt > 1
    union all select 'lost', count(*)::int from attempts where "end" = 'lost'`;
  for (const { what, n } of rows) reached.set(what, (reached.get(what) ?? 0) + n);
}

test('no order of what many do at once breaks a limit, loses a wake-up or locks up', async () => {
  const reached = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 400, maxLength: 450 }), async (deeds) => {
      const stage = await Stage.open(LANES);
      try {
        await stage.sql`update agents set token_estimate = 20 + length(id)`;
        await watch(stage);
        expect(await perform(stage, deeds)).toEqual([]);
        expect(await stage.sql`select what, count(*) from breaches group by what`).toEqual([]);
        const [quiet] = await stage.sql`select promote() as woken`;
        expect(quiet?.woken).toEqual([]);
        expect(await untrueWaits(stage)).toEqual([]);
        await count(stage, reached);
        await letAllGo(stage);
        expect(await checkInvariants(stage.database)).toEqual([]);
        expect(await wrongSpend(stage)).toEqual([]);
      } finally {
        await stage.close();
      }
    }),
    { numRuns: 3, endOnFailure: true, seed: 4_211 },
  );
  for (const what of REACHED) expect(reached.get(what), what).toBeGreaterThan(0);
});

/** With every door open, all that may go holds a slot. */
async function letAllGo(stage: Stage): Promise<void> {
  await stage.sql`update tasks set paused = false where ended_at is null`;
  const agents = await stage.sql<{ id: string }[]>`select id from agents`;
  for (const { id } of agents) await stage.setAgent(id, true);
  const given = { paused: false, by: 'person:ann', door: 'cli', why: '' };
  await stage.call('set_squad_paused', given);
  const most = { maxConcurrentPerAgent: 1e4, maxDailyPerAgent: 1e4, maxDailyPerReviewer: 1e4 };
  await stage.setPolicy('execution-limits', { ...most, maxDailyTokens: 1e9 });
  const left = await stage.sql`select run_wait(r) ->> 'reason' as reason, count(*)::int from runs r
    where state = 'QUEUED' and hold is null and run_wait(r) ->> 'reason' <> 'approval' group by 1`;
  expect(left).toEqual([]);
}
