import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { documentOf, run } from '../support/mission.js';
import { openRig, type Rig } from '../support/rig.js';
import { eventually, file, until } from '../support/tasks.js';

/** How long Temporal is away at least; a minute by `npm run test:long`. */
const AWAY_MS = process.env.MC_LONG === '1' ? 60_000 : 0;
const FILED = process.env.MC_LONG === '1' ? 20 : 5;

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
  await rig.startWorker();
}, 90_000);
afterAll(() => rig.close());

const mission = (...args: readonly string[]) => run(args, { env: rig.env });

const rowsOf = () => rig.database.sql<{ id: string; number: number; status: string }[]>`
  select id, number, status from tasks order by number`;

/** Every turn that an agent really performed, by task. */
async function turnsOf(task: string): Promise<string[]> {
  const runs = await rig.database.sql<{ id: string }[]>`
    select id from runs where task_id = ${task}::uuid`;
  const ids = new Set(runs.map(({ id }) => id));
  const effects = (await rig.effects()).filter(({ run }) => ids.has(String(run)));
  return effects.map(({ kind, number, turn }) => `${kind} ${number} turn ${turn}`);
}

test(
  'Temporal away under filing: each is answered, and done exactly once when it is back',
  async () => {
    const led = await file(rig, {}, { assignee: 'lead' });
    await until(led, 'INBOX');
    await rig.killTemporal();
    const since = Date.now();
    const one = async (n: number) => {
      const filed = await mission(
        'task',
        'create',
        `In the dark ${n}`,
        '--key',
        `dark-${n}`,
        '--json',
      );
      expect(filed.code).toBe(0);
      expect(documentOf(filed)).toMatchObject({
        started: false,
        message: `T-${n + 1} filed; starts when Temporal is back`,
      });
    };
    for (let n = 1; n <= FILED; n++) await one(n);
    const again = await mission('task', 'create', 'In the dark 1', '--key', 'dark-1', '--json');
    expect(documentOf(again)).toMatchObject({ task: 'T-2' }); // the same key is the same task
    const refused = await mission('task', 'approve', 'T-1');
    expect(refused).toMatchObject({ code: 7, stdout: '' });
    expect(refused.stderr).toContain('nothing was changed');
    expect((await led.record()).status).toBe('INBOX');
    await sleep(Math.max(0, AWAY_MS - (Date.now() - since))); // the outage itself
    await rig.startTemporal();
    const back = Date.now();

    await eventually(async () => {
      const rows = await rowsOf();
      expect(rows.slice(1).map(({ status }) => status)).toEqual(Array(FILED).fill('DONE'));
    }, 120_000);
    console.log(`${FILED} filed in the dark were done ${(Date.now() - back) / 1000} s after`);
    expect((await mission('task', 'approve', 'T-1')).code).toBe(0);
    expect(await led.result()).toMatchObject({ status: 'DONE' });
    const rows = await rowsOf();
    expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => index + 1));
    expect(rows).toHaveLength(FILED + 1);
    for (const { id } of rows) {
      const turns = await turnsOf(id);
      expect(turns).toEqual([...new Set(turns)]);
      const kinds = await rig.database.sql<{ told: string }[]>`
      select kind || ' ' || number || ' ' || state as told from runs
      where task_id = ${id}::uuid order by place`;
      expect(kinds.map(({ told }) => told)).toEqual([
        'EXECUTION 1 SUCCEEDED',
        'REVIEW 1 SUCCEEDED',
      ]);
    }
    expect(await checkInvariants(rig.database)).toEqual([]);
  },
  AWAY_MS + 240_000,
);
