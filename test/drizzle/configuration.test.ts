import { beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../drizzle/db.js';
import { seed, seededLine } from '../../drizzle/seed.js';
import { SQUAD } from '../../drizzle/squad.js';
import { POLICY_NAMES } from '../../src/domain/policy.js';
import { RUN_KINDS } from '../../src/domain/run.js';
import { freshDatabase } from '../support/services.js';
import { Stage } from './stage.js';

let stage: Stage;
let url: string;
beforeEach(async () => {
  ({ url } = await freshDatabase());
  stage = Stage.at(url, 8);
  return () => stage.close();
});

const BY_ANN = { by: 'person:ann', door: 'cli', why: 'a test' };
const everything = async () => ({
  agents: await stage.sql`select * from agents order by id`,
  policies: await stage.sql`select * from policies order by name, version`,
  audit: await stage.count('audit'),
});

describe('a seed', () => {
  test('over tuned values changes none, twenty times and five at once', async () => {
    await stage.setPolicy('execution-limits', { maxConcurrentPerAgent: 7 });
    await stage.setPolicy('auto-approve', {}, false);
    await stage.setAgent('writer', false);
    await stage.sql`update agents set instructions = 'Mine.', model = null where id = 'reviewer'`;
    const before = await everything();
    for (let n = 0; n < 20; n++) await seed(url);
    await Promise.all(Array.from({ length: 5 }, () => seed(url)));
    expect(await everything()).toEqual(before);
  });

  test('says of every row what became of it, and whose version stands', async () => {
    await stage.setPolicy('review', { maxCycles: 2 });
    await stage.setPolicy('review', { maxCycles: 3 });
    const lines = (await seed(url)).map(seededLine);
    expect(lines).toHaveLength(SQUAD.length + POLICY_NAMES.length + RUN_KINDS.length);
    expect(lines).toContain('agents reviewer: left alone');
    expect(lines).toContain('policies review: left alone (version 3, tuned by person:ann)');
    expect(lines).toContain('policies spawn: left alone (version 1, as seeded)');
  });

  test('five at once into an empty installation insert each row once', async () => {
    await stage.sql`delete from agents`;
    await stage.sql`alter table policies disable trigger append_only`;
    await stage.sql`delete from policies`;
    await stage.sql`alter table policies enable trigger append_only`;
    const all = await Promise.all(Array.from({ length: 5 }, () => seed(url)));
    const rows = SQUAD.length + POLICY_NAMES.length;
    expect(all.flat().filter(({ outcome }) => outcome === 'inserted')).toHaveLength(rows);
    expect((await stage.count('agents')) + (await stage.count('policies'))).toBe(rows);
  });
});

describe('a change', () => {
  test('makes a version that says who, when and why, with an audit row', async () => {
    const { version } = await stage.setPolicy('review', { maxCycles: 2 });
    const [row] = await stage.sql`select version, enabled, value, by, door, why,
        created_at is not null as "when"
      from policies where name = 'review' order by version desc limit 1`;
    const author = { by: 'person:ann', door: 'cli', why: 'a test' };
    expect(row).toEqual({ version, enabled: true, value: { maxCycles: 2 }, when: true, ...author });
    const audit = await stage.sql`select principal, door, action, subject, detail from audit`;
    expect(audit).toMatchObject([
      {
        principal: 'person:ann',
        door: 'cli',
        action: 'policy.set',
        subject: 'review',
        detail: { before: { maxCycles: 5 }, after: { maxCycles: 2 }, why: 'a test' },
      },
    ]);
  });

  test('of a version that is no longer in force is refused; of many one is made', async () => {
    const set = (maxCycles: number) =>
      stage.call<{ kind: string }>('set_policy', {
        name: 'review',
        baseVersion: 1,
        value: { maxCycles },
        ...BY_ANN,
      });
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(set));
    expect(answers.filter(({ kind }) => kind === 'set')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'changed')).toHaveLength(5);
    expect(await set(9)).toEqual({ kind: 'changed', version: 2, by: 'person:ann' });
  });

  test.each([
    { timeZone: 'Mars/Olympus' },
    { maxDailyTokens: 'many' },
    { maxConcurrentPerAgent: 1.5 },
  ])(
    'of the limits to %j, which would stop the line, is refused with nothing queued as well',
    async (fields) => {
      await expect(stage.setPolicy('execution-limits', fields)).rejects.toThrow(/Mars|many|1\.5/);
      expect((await stage.begin({})).standing.opened).toMatchObject([{ state: 'ADMITTED' }]);
    },
  );

  test('of agent, squad, repository and store leaves an audit row', async () => {
    await stage.setAgent('writer', false);
    await stage.setAgent('writer', true);
    await stage.call('set_squad_paused', { paused: true, ...BY_ANN });
    await stage.call('set_squad_paused', { paused: false, ...BY_ANN });
    const given = {
      id: '018f0000-0000-7000-8000-000000000000',
      name: 'lib',
      location: '/lib',
      target: 'main',
    };
    const repository = { ...given, landing: 'branch', provenance: 'person', ...BY_ANN };
    expect(await stage.call('add_repository', repository)).toEqual({ kind: 'added' });
    expect(await stage.call('add_repository', repository)).toEqual({ kind: 'exists' });
    const bind = (cluster: string, rebind: boolean) =>
      stage.call<{ bound: boolean }>('bind_temporal', {
        cluster,
        namespace: 'n',
        rebind,
        ...BY_ANN,
      });
    expect((await bind('one', false)).bound).toBe(true);
    expect((await bind('two', false)).bound).toBe(false);
    expect((await bind('two', true)).bound).toBe(true);
    const rows = await stage.sql<{ action: string }[]>`select action from audit order by id`;
    expect(rows.map(({ action }) => action)).toEqual([
      'agent.disable',
      'agent.enable',
      'squad.pause',
      'squad.resume',
      'repository.add',
      'temporal.bind',
    ]);
  });

  test.each(['audit', 'decisions', 'policies'])('of what %s says is refused', async (table) => {
    await stage.begin({});
    const name = stage.sql(table);
    const column = stage.sql('door');
    await expect(stage.sql`update ${name} set ${column} = 'x'`).rejects.toThrow(/never changed/);
    await expect(stage.sql`delete from ${name}`).rejects.toThrow(/never changed/);
    await expect(stage.sql`truncate ${name}`).rejects.toThrow(/never changed/);
  });
});

describe('a day', () => {
  const dayOf = async (timeZone: string, instant: string) => {
    await stage.setPolicy('execution-limits', { timeZone });
    const [row] = await stage.sql`select day_of(${instant}::timestamptz)::text as day`;
    return row?.day;
  };

  test.each([
    ['UTC', '2026-01-01T00:00:00Z', '2026-01-01'],
    ['America/New_York', '2026-01-01T02:00:00Z', '2025-12-31'],
    // Berlin, 23 hours: the clock jumps forward in the night to 29 March.
    ['Europe/Berlin', '2026-03-28T22:59:59Z', '2026-03-28'],
    ['Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29'],
    ['Europe/Berlin', '2026-03-29T21:59:59Z', '2026-03-29'],
    ['Europe/Berlin', '2026-03-29T22:00:00Z', '2026-03-30'],
    // 25 hours: an hour happens twice on 25 October, and both are of that day.
    ['Europe/Berlin', '2026-10-24T21:59:59Z', '2026-10-24'],
    ['Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25'],
    ['Europe/Berlin', '2026-10-25T22:59:59Z', '2026-10-25'],
    ['Europe/Berlin', '2026-10-25T23:00:00Z', '2026-10-26'],
    ['Pacific/Kiritimati', '2026-12-31T10:00:00Z', '2027-01-01'],
  ])('in %s at %s is %s', async (zone, instant, day) => {
    expect(await dayOf(zone, instant)).toBe(day);
  });

  test('is the policy’s, whatever zone the session has', async () => {
    const other = connect(url, { max: 1 });
    try {
      await other.sql`set time zone 'Pacific/Kiritimati'`;
      const [row] = await other.sql`select day_of('2026-12-31T10:00:00Z')::text as day`;
      expect(row?.day).toBe('2026-12-31');
    } finally {
      await other.close();
    }
  });

  test('that is new releases what waited for it, and charges it there', async () => {
    await stage.setPolicy('execution-limits', { maxDailyPerAgent: 1 });
    const [first, second] = [(await stage.begin({})).run, (await stage.begin({})).run];
    expect((await stage.run(second)).wait?.reason).toBe('daily-runs');
    await stage.sql`update runs set day = day - 1 where id = ${first}`;
    const [row] = await stage.sql`select promote() as woken`;
    expect(row?.woken).toMatchObject([{ run: second }]);
    const days = await stage.sql`select id from runs where day = day_of(clock_timestamp())`;
    expect(days).toEqual([{ id: second }]);
  });

  test('of another zone releases at once', async () => {
    await stage.setPolicy('execution-limits', { maxDailyPerAgent: 1 });
    await stage.begin({});
    const { run } = await stage.begin({});
    // Wherever the sun stands, one of the two has another date than UTC.
    const wakes = [];
    for (const timeZone of ['Pacific/Kiritimati', 'Etc/GMT+12']) {
      wakes.push(...(await stage.setPolicy('execution-limits', { timeZone })).wake);
    }
    expect(wakes.map((wake) => wake.run)).toEqual([run]);
  });
});
