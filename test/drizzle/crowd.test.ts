import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { act, type Deed, deed, watch } from './crowd.js';
import { Stage } from './stage.js';

const LANES = 30;

/** All at once, as many as there are connections; answers what went wrong. */
async function perform(stage: Stage, deeds: readonly Deed[]): Promise<string[]> {
  const queue = [...deeds];
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
  select r.id, run_wait(r) as wait from runs r where r.state = 'QUEUED' and r.hold is null
    and (run_wait(r) ->> 'reason' is null or run_wait(r) ->> 'detail' = 'promotion is due'
      or run_wait(r) ->> 'reason' in ('slot', 'daily-runs', 'daily-tokens')
        and (run_wait(r) ->> 'value' is null or run_wait(r) ->> 'rule' is null
          or (run_wait(r) -> 'place' ->> 'position')::int not between 1 and (run_wait(r) -> 'place' ->> 'of')::int))`;

test('no order of what many do at once breaks a limit, loses a wake-up or locks up', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 150, maxLength: 260 }), async (deeds) => {
      const stage = await Stage.open(LANES);
      try {
        await stage.sql`update agents set token_estimate = 20 + length(id)`;
        await watch(stage);
        expect(await perform(stage, deeds)).toEqual([]);
        expect(await stage.sql`select what, count(*) from breaches group by what`).toEqual([]);
        const [quiet] = await stage.sql`select promote() as woken`;
        expect(quiet?.woken).toEqual([]);
        expect(await untrueWaits(stage)).toEqual([]);
        await letAllGo(stage);
        expect(await checkInvariants(stage.database)).toEqual([]);
      } finally {
        await stage.close();
      }
    }),
    { numRuns: 8, endOnFailure: true, seed: 4_211 },
  );
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
