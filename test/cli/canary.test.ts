import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, envOf, missionOn } from '../support/mission.js';
import { temporal } from '../support/services.js';
import { eventually, file } from '../support/tasks.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
  mission = missionOn(house);
});
afterAll(() => house.close());

interface Flown {
  readonly healthy: boolean;
  readonly canary: {
    readonly through: boolean;
    readonly steps: { step: string; ms: number }[];
    readonly stands: {
      readonly before: string;
      readonly sentence: string;
      readonly command: string | null;
      readonly door: { door: string } | null;
    } | null;
  };
}

/** Every row that a canary could have left; decisions and the audit are never removed. */
const rows = async () => {
  const tables = [
    'tasks',
    'runs',
    'attempts',
    'run_events',
    'messages',
    'landings',
    'deliverables',
  ];
  const counted = await Promise.all(
    tables.map(async (table) => {
      const [row] = await house.database.sql<{ n: number }[]>`
        select count(*)::integer as n from ${house.database.sql(table)}`;
      return [table, row?.n];
    }),
  );
  return Object.fromEntries(counted);
};
const figures = async () => {
  const { summary, openTasks } = documentOf(await mission('status', '--json'));
  const { agents } = documentOf<{ agents: Record<string, unknown>[] }>(
    await mission('agent', 'list', '--json'),
  );
  const load = agents.map(({ id, running, queued, chargedToday }) => {
    return { id, running, queued, chargedToday };
  });
  return { summary, openTasks, load };
};
/** Its rows are removed once upkeep has cleaned its files, a while after its end. */
const gone = async () => {
  await house.database.sql`update tasks set ended_at = ended_at - interval '1 hour' where canary`;
  await eventually(async () => {
    const [row] = await house.database.sql<{ n: number }[]>`
      select count(*)::integer as n from tasks where canary`;
    expect(row?.n).toBe(0);
    expect(await house.workspaces.listCopies()).toEqual([]);
  }, 90_000);
};

test('it gets through the whole pipe, and no list, figure or number shows it', async () => {
  const [before, counted] = [await rows(), await figures()];
  const ran = await mission('doctor', '--canary', '--json');
  const { canary, healthy } = documentOf<Flown>(ran);
  expect(canary).toMatchObject({ through: true, stands: null });
  expect({ code: ran.code, healthy }).toEqual({ code: 0, healthy: true });
  expect(canary.steps.map(({ step }) => step)).toEqual([
    ...['filed', 'started', 'admitted', 'executed', 'reviewed', 'landed'],
  ]);
  const times = canary.steps.map(({ ms }) => ms);
  expect(times).toEqual(times.toSorted((left, right) => left - right));
  const [sent] = await house.database.sql<{ n: number }[]>`
    select count(*)::integer as n from audit where action = 'canary.file'`;
  expect(sent?.n).toBe(1);
  // Its record is still there, and hidden.
  expect(documentOf<{ tasks: [] }>(await mission('task', 'list', '--json')).tasks).toEqual([]);
  // Its rows are removed once it has ended for a while: so long it is asked for.
  await house.database.sql`update tasks set ended_at = ended_at + interval '1 hour' where canary`;
  const [{ charged } = { charged: 0 }] = await house.database.sql<{ charged: number }[]>`
    select sum(runs)::integer as charged from spend`;
  expect(charged).toBe(2);
  expect(await figures()).toEqual(counted);
  const [kept] = await house.database.sql<{ id: string; number: number }[]>`
    select id, number from tasks where canary`;
  for (const name of [`T-${kept?.number}`, String(kept?.id)]) {
    const asked = await mission('task', 'show', name);
    expect(asked).toMatchObject({ code: 3, stdout: '' });
    expect(asked.stderr).toContain('T-2000000001 is no task: the doctor sent it');
  }
  await house.database.sql`update tasks set ended_at = ended_at - interval '1 hour' where canary`;
  const client = await connect({ ...temporal(), taskQueue: house.taskQueue });
  expect((await client.tasks.list()).map(({ workflowId }) => workflowId).join()).not.toContain(
    'canary',
  );
  await client.close();
  const next = await file(house, {});
  await next.result();
  expect(await next.record()).toMatchObject({ number: 1 });
  expect(before.tasks).toBe(0);
  await gone();
  expect(await rows()).toMatchObject({ tasks: 1, runs: 2, landings: 1 });
}, 180_000);

test('what stops it is named by stage and door; it is cancelled and leaves nothing', async () => {
  const before = await rows();
  await mission('policy', 'set', 'execution-limits', 'maxDailyPerAgent=0');
  const ran = await mission('doctor', '--canary', '--timeout', '3', '--json');
  expect(ran.code).toBe(1);
  expect(documentOf<Flown>(ran).canary).toMatchObject({
    through: false,
    stands: {
      before: 'executed',
      sentence: expect.stringContaining('execution-limits.maxDailyPerAgent = 0'),
      door: { door: 'limit-zero' },
    },
  });
  await mission('policy', 'set', 'execution-limits', 'maxDailyPerAgent=50');
  await gone();
  expect(await rows()).toEqual(before);
}, 180_000);

test.each([
  [
    'the squad paused',
    ['pause', '--why', 'out to lunch'],
    ['resume'],
    /^it waits: the squad is paused by person:\S+: out to lunch$/,
    'squad-paused',
    /mission resume$/,
  ],
  [
    'its agent off',
    ['agent', 'disable', 'implementer'],
    ['agent', 'enable', 'implementer'],
    /^it waits for its agent, which is off: implementer is disabled$/,
    'agent-off-with-work',
    /mission agent enable implementer$/,
  ],
])(
  '%s: its sentence is the one that `why` has',
  async (_name, lock, open, says, door, opens) => {
    await mission(...lock);
    const ran = await mission('doctor', '--canary', '--timeout', '3', '--json');
    expect(documentOf<Flown>(ran).canary.stands).toMatchObject({
      before: 'executed',
      sentence: expect.stringMatching(says),
      command: expect.stringMatching(opens),
      door: { door },
    });
    await mission(...open);
    await gone();
  },
  180_000,
);

test('without a worker it stands before it is started, in words', async () => {
  const before = await rows();
  const elsewhere = missionOn(house, { env: { ...envOf(house), MISSION_TASK_QUEUE: 'nobody' } });
  const ran = await elsewhere('doctor', '--canary', '--timeout', '2');
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/✗ worker +no-poller: no live poller on the queue nobody/);
  expect(ran.stdout).toMatch(/✗ started +no worker has taken it; the door: no-poller \(worker\)/);
  await gone();
  expect(await rows()).toEqual(before);
}, 180_000);
