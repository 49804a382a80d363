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

const set = async (name: PolicyName, value: object, enabled = true) => {
  await setPolicy(house, name, { value: { ...DEFAULT_POLICIES[name].value, ...value }, enabled });
};

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
  readonly rule: string;
  readonly stage: string;
  plant(): Promise<unknown>;
}

const LOCKS: Readonly<Record<string, Lock>> = {
  'no one who reviews': {
    door: 'no-reviewer',
    rule: 'agent reviewer',
    stage: 'reviewer',
    plant: () =>
      Promise.all(['reviewer', 'tester'].map((agent) => mission('agent', 'disable', agent))),
  },
  'a policy that matches nothing': {
    door: 'auto-approve-matches-none',
    rule: 'auto-approve.allowedAgentTypes',
    stage: 'admission',
    plant: () => set('auto-approve', { allowedAgentTypes: [] }),
  },
  'a limit of 1 with a backlog': {
    door: 'limit-throttles',
    rule: 'execution-limits.maxConcurrentPerAgent',
    stage: 'slot',
    plant: async () => {
      await set('execution-limits', { maxConcurrentPerAgent: 1 });
      await line(5);
    },
  },
  'a limit of 0': {
    door: 'limit-zero',
    rule: 'execution-limits.maxDailyPerAgent',
    stage: 'limits',
    plant: () => set('execution-limits', { maxDailyPerAgent: 0 }),
  },
  'policies switched off': {
    door: 'policy-disabled',
    rule: 'landing',
    stage: 'landing',
    plant: async () => {
      const off = POLICY_NAMES.filter(
        (name) => !['auto-approve', 'execution-limits'].includes(name),
      );
      for (const name of off) await mission('policy', 'disable', name);
    },
  },
};

async function openAll(): Promise<void> {
  await Promise.all(backlog.splice(0).map(({ handle }) => handle.cancel()));
  for (const name of POLICY_NAMES) await set(name, {});
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
/** Both limits are fields of one policy, set as a whole here. */
const isOnePolicy = (pair: readonly string[]) => pair.every((name) => name.startsWith('a limit'));
const PAIRS = NAMES.flatMap((one, at) => NAMES.slice(at + 1).map((other) => [one, other])).filter(
  (pair) => !isOnePolicy(pair),
);

test('a new house is accused of nothing, stage by stage', async () => {
  await expectHealthy();
  const { stdout, code } = await mission('doctor');
  expect(code).toBe(0);
  const stages = stdout.trim().split('\n');
  expect(stages).toHaveLength(14);
  expect(stages[0]).toMatch(/^✓ database +Postgres \d/);
  expect(stages.at(-2)).toMatch(/^✓ invariants +all 17 hold$/);
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

describe('each of the four doors, alone and in pairs, is named with what set it', () => {
  test.each([...ALONE, ...PAIRS].map((names) => [names.join(', and '), names] as const))(
    '%s',
    async (_, names) => {
      const locks = names.flatMap((name) => (name && LOCKS[name] ? [LOCKS[name]] : []));
      for (const lock of locks) await lock.plant();
      const seen = await look();
      for (const { door, rule, stage } of locks) {
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
