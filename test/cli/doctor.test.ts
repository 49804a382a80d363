import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_POLICIES, POLICY_NAMES, type PolicyName } from '../../src/domain/policy.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';
import { setPolicy } from '../support/settings.js';
import { eventually, type Filed, file } from '../support/tasks.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
  mission = missionOn(house);
});
afterAll(() => house.close());

interface Door {
  readonly door: string;
  readonly stage: string;
  readonly sentence: string;
  readonly command: string | null;
  readonly setting: { readonly rule: string; readonly value: string; readonly by: string } | null;
}
interface Seen {
  readonly doctor: { first: Door | null; also: Door[]; healthy: boolean; code: number | null };
  readonly status: { doors: Door[]; code: number | null };
}

/** What both say at the same time. */
async function look(): Promise<Seen> {
  const [doctor, status] = await Promise.all([
    mission('doctor', '--json'),
    mission('status', '--json'),
  ]);
  return {
    doctor: { ...documentOf<Seen['doctor']>(doctor), code: doctor.code },
    status: { ...documentOf<Seen['status']>(status), code: status.code },
  };
}

const named = ({ doctor: { first, also } }: Seen): Door[] => (first ? [first, ...also] : []);

async function expectHealthy(): Promise<void> {
  const { doctor, status } = await look();
  expect(doctor).toMatchObject({ first: null, also: [], healthy: true, code: 0 });
  expect(status).toMatchObject({ doors: [], code: 0 });
}

/** What others have set of it stays. */
const set = async (name: PolicyName, value: object) => {
  const [now] = await house.database.sql<{ value: object }[]>`
    select value from policies where name = ${name} order by version desc limit 1`;
  await setPolicy(house, name, { value: { ...now?.value, ...value } });
};
const restore = (name: PolicyName) =>
  setPolicy(house, name, { value: DEFAULT_POLICIES[name].value, enabled: true });

const hangs = { executions: [{ turns: [], report: 'x', faults: { hangAtTurn: 1 } }] };

/** A line that has stood for a while, whatever holds it. */
const backlog: Filed[] = [];
async function line(tasks: number): Promise<void> {
  const filed = Array.from({ length: tasks }, () => file(house, hangs, { assignee: 'writer' }));
  backlog.push(...(await Promise.all(filed)));
  await eventually(async () => {
    const [row] = await house.database.sql<{ n: number }[]>`
      select count(*)::integer as n from tasks where assignee = 'writer' and ended_at is null`;
    expect(row?.n).toBe(tasks);
  }, 30_000);
  await house.database.sql`update runs set queued_at = queued_at - interval '40 s'
    where agent_id = 'writer' and state = 'QUEUED'`;
}

interface Lock {
  readonly door: string;
  /** Each rule that is named, with its stage. */
  readonly rules: Readonly<Record<string, string>>;
  plant(): Promise<unknown>;
}

const LOCKS: Readonly<Record<string, Lock>> = {
  'no one who reviews': {
    door: 'no-reviewer',
    rules: { 'agent reviewer': 'reviewer' },
    plant: () =>
      Promise.all(['reviewer', 'tester'].map((agent) => mission('agent', 'disable', agent))),
  },
  'a policy that matches nothing': {
    door: 'auto-approve-matches-none',
    rules: { 'auto-approve.allowedAgentTypes': 'admission' },
    plant: () => set('auto-approve', { allowedAgentTypes: [] }),
  },
  'a limit of 1 with a backlog': {
    door: 'limit-throttles',
    rules: { 'execution-limits.maxConcurrentPerAgent': 'slot' },
    plant: async () => {
      await set('execution-limits', { maxConcurrentPerAgent: 1 });
      await line(5);
    },
  },
  'a limit of 0': {
    door: 'limit-zero',
    rules: { 'execution-limits.maxDailyPerAgent': 'limits' },
    plant: () => set('execution-limits', { maxDailyPerAgent: 0 }),
  },
  'policies switched off': {
    door: 'policy-disabled',
    rules: {
      'auto-approve': 'admission',
      'execution-limits': 'limits',
      review: 'review limits',
      spawn: 'landing',
      landing: 'landing',
      retention: 'landing',
    } satisfies Record<PolicyName, string>,
    plant: async () => {
      for (const name of POLICY_NAMES) await setPolicy(house, name, { enabled: false });
    },
  },
};

async function openAll(): Promise<void> {
  await Promise.all(backlog.splice(0).map(({ handle }) => handle.cancel()));
  for (const name of POLICY_NAMES) await restore(name);
  for (const agent of ['reviewer', 'tester']) {
    const [row] = await house.database.sql<{ enabled: boolean }[]>`
      select enabled from agents where id = ${agent}`;
    if (!row?.enabled) await mission('agent', 'enable', agent);
  }
  await eventually(async () => {
    const [row] = await house.database.sql<{ n: number }[]>`
      select count(*)::integer as n from tasks where assignee = 'writer' and ended_at is null`;
    expect(row?.n).toBe(0);
  }, 30_000);
}

const NAMES = Object.keys(LOCKS);
const ALONE = NAMES.map((name) => [name]);
/** One figure cannot be 0 and 1 at once: as a pair, these limits are two figures of one policy. */
const PAIRS = NAMES.flatMap((one, at) => NAMES.slice(at + 1).map((other) => [one, other]));

test('a new house is accused of nothing, stage by stage', async () => {
  await expectHealthy();
  const { stdout, code } = await mission('doctor');
  expect(code).toBe(0);
  const stages = stdout.trim().split('\n');
  expect(stages).toHaveLength(14);
  expect(stages[0]).toMatch(/^✓ database +Postgres \d/);
  const kept = '16 of 17 asked, and they hold; 16 is kept by test/e2e/replay.test.ts';
  expect(stages.at(-2)).toMatch(new RegExp(`^✓ invariants +${kept}$`));
  expect(stages.at(-1)).toBe('Healthy');
});

test('a busy house neither: a short line, a LEAD who waits, one who asks', async () => {
  await set('execution-limits', { maxConcurrentPerAgent: 1 });
  const led = await file(house, {}, { assignee: 'lead' });
  const asks = {
    executions: [{ turns: [], report: 'x', faults: { ask: { turn: 1, question: '?' } } }],
  };
  const asking = await file(house, asks, { assignee: 'operator' });
  const busy = await Promise.all(
    Array.from({ length: 4 }, () => file(house, hangs, { assignee: 'intern' })),
  );
  await asking.until('BLOCKED');
  await eventually(async () => expect((await busy[3]?.runs())?.length).toBe(1));
  await expectHealthy();
  await Promise.all([led, asking, ...busy].map(({ handle }) => handle.cancel()));
  await openAll();
});

describe('each of these doors, alone and in pairs, is named with what set it', () => {
  test.each([...ALONE, ...PAIRS].map((names) => [names.join(', and '), names] as const))(
    '%s',
    async (_, names) => {
      const locks = names.flatMap((name) => (name && LOCKS[name] ? [LOCKS[name]] : []));
      for (const lock of locks) await lock.plant();
      const seen = await look();
      const expected = locks.flatMap(({ door, rules }) =>
        Object.entries(rules).map(([rule, stage]) => ({ door, rule, stage })),
      );
      for (const { door, rule, stage } of expected) {
        for (const doors of [named(seen), seen.status.doors]) {
          const found = doors.find((each) => each.door === door && each.setting?.rule === rule);
          expect(found, `${door} in ${JSON.stringify(doors)}`).toMatchObject({ stage });
          expect(found?.setting?.by).toMatch(/^person:./);
          expect(found?.command).toMatch(/mission \S/);
        }
      }
      expect(seen).toMatchObject({ doctor: { code: 1 }, status: { code: 1 } });
      const allowed = new Set(locks.map(({ door }) => door));
      expect(new Set(named(seen).map(({ door }) => door))).toEqual(allowed);
      await openAll();
      if (names.length === 1) await expectHealthy();
    },
    180_000,
  );
});
