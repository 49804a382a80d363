import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPKEEP_ID } from '../../src/contract.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
  mission = missionOn(house);
});
afterAll(() => house.close());

interface Status {
  readonly healthy: boolean;
  readonly doors: { door: string; sentence: string; command: string | null }[];
  readonly rehearsing: boolean;
  readonly workers: number;
  readonly summary: { tasks: Record<string, number>; housekeepingRecords: number };
}

const look = async () => {
  const ran = await mission('status', '--json');
  return { code: ran.code, ...documentOf<Status>(ran) };
};

test('healthy: one line and 0, and that it rehearses', async () => {
  const { code, stdout } = await mission('status');
  expect(code).toBe(0);
  expect(stdout.trim().split('\n')).toHaveLength(1);
  expect(stdout).toMatch(/^Healthy: 1 worker, 0 open tasks, rehearsing, Temporal \S+ at \S+/);
  expect(stdout.trim().length).toBeLessThanOrEqual(100);
  expect(await look()).toMatchObject({ healthy: true, rehearsing: true, workers: 1 });
});

test.each<[string, string[][], string[][], string, RegExp]>([
  [
    'the squad paused',
    [['pause', '--why', 'lunch']],
    [['resume']],
    'squad-paused',
    /the squad is paused by person:\S+: lunch$/,
  ],
  [
    'a limit of 0',
    [['policy', 'set', 'execution-limits', 'maxDailyTokens=0']],
    [['policy', 'set', 'execution-limits', 'maxDailyTokens=5000000']],
    'limit-zero',
    /execution-limits.maxDailyTokens is 0 \(version 2\): nothing runs/,
  ],
  [
    'a policy disabled',
    [['policy', 'disable', 'review']],
    [['policy', 'enable', 'review']],
    'policy-disabled',
    /the policy review is disabled \(version 2, by person:/,
  ],
  [
    'no agent that can review',
    ['reviewer', 'tester'].map((agent) => ['agent', 'disable', agent]),
    ['reviewer', 'tester'].map((agent) => ['agent', 'enable', agent]),
    'no-reviewer',
    /no agent can review/,
  ],
  [
    'an agent disabled with work waiting',
    [
      ['agent', 'disable', 'writer'],
      ['task', 'create', 'Write', '-a', 'writer'],
    ],
    [
      ['agent', 'enable', 'writer'],
      ['task', 'watch', 'T-1'],
    ],
    'agent-off-with-work',
    /writer is disabled, and 1 of its runs waits/,
  ],
  [
    'auto-approve that can match nobody',
    [
      ['policy', 'set', 'auto-approve', 'allowedAgentTypes='],
      ['task', 'create', 'Unmatched'],
    ],
    [['policy', 'set', 'auto-approve', 'allowedAgentTypes=SPC,INT']],
    'auto-approve-matches-none',
    /can match no task of any agent, and 1 task waits/,
  ],
])('%s is a locked door, named, with the command that opens it', async (...planted) => {
  const [, lock, unlock, door, sentence] = planted;
  for (const args of lock) expect((await mission(...args)).code).toBe(0);
  const locked = await look();
  expect(locked).toMatchObject({ code: 1, healthy: false, doors: [{ door }] });
  expect(locked.doors[0]?.sentence).toMatch(sentence);
  expect(locked.doors[0]?.command).toContain('mission ');
  for (const args of unlock) expect((await mission(...args)).code).toBe(0);
  expect(await look()).toMatchObject({ code: 0, doors: [] });
});

test('another Temporal store is named, and repaired', async () => {
  await house.database.sql`update installation set temporal_cluster = 'another'`;
  const locked = await look();
  expect(locked).toMatchObject({ code: 1, doors: [{ door: 'other-temporal-store' }] });
  expect(locked.doors[0]?.command).toContain('mission repair');
  // Workers wait for the repair, so what waits for a worker needs no other one.
  await mission('task', 'create', 'Untaken', '-a', 'lead');
  await house.database.sql`update tasks set first_execution_run_id = null,
    created_at = clock_timestamp() - interval '1 minute' where title = 'Untaken'`;
  const [untaken] = await house.database.sql<{ label: string }[]>`
    select 'T-' || number as label from tasks where title = 'Untaken'`;
  const { standstill } = documentOf<{ standstill: { reason: string; commands: string[] } }>(
    await mission('why', untaken?.label ?? '', '--json'),
  );
  expect(standstill).toMatchObject({
    reason: 'no-worker',
    commands: [expect.stringContaining('mission repair')],
  });
  await house.database.sql`update tasks set first_execution_run_id = 'taken'
    where title = 'Untaken'`;
  expect((await mission('repair')).stdout).toContain('bound the Temporal store');
  expect(await look()).toMatchObject({ code: 0 });
  const [row] = await house.database.sql<{ door: string }[]>`
    select door from audit where action = 'temporal.bind'`;
  expect(row).toMatchObject({ door: 'cli' });
});

test('a workflow that is missing is started again by repair, and only that one', async () => {
  await mission('task', 'create', 'Led', '-a', 'lead');
  await house.database.sql`update tasks set workflow_id = 'lost' where title = 'Led'`;
  const repaired = documentOf<{ started: string[] }>(await mission('repair', '--json'));
  expect(repaired.started).toHaveLength(1);
  const task = String(repaired.started[0]);
  expect((await mission('task', 'approve', task)).code).toBe(0);
  expect((await mission('task', 'watch', task)).code).toBe(0);
  expect((await mission('repair')).stdout).toContain('no workflow is missing');
});

test('upkeep that was ended, and no live poller', async () => {
  await house.client.workflow.getHandle(UPKEEP_ID).terminate();
  expect(await look()).toMatchObject({ code: 1, doors: [{ door: 'no-upkeep' }] });
  await mission('repair');
  const elsewhere = missionOn(house, { env: { MISSION_TASK_QUEUE: 'nobody-polls-this' } });
  const ran = await elsewhere('status', '--json');
  expect(documentOf<Status>(ran).doors).toMatchObject([
    { door: 'no-poller', sentence: expect.stringContaining('nobody-polls-this') },
  ]);
  const text = await elsewhere('status');
  expect(text.stdout).toContain('1 locked door:');
  expect(text.stdout).toMatch(/\n {2}Workers {5}0 workers on nobody-polls-this\n/);
});

test('its figures are those of the records', async () => {
  const { summary } = await look();
  const [row] = await house.database.sql`
    select count(*)::integer as done from tasks where status = 'DONE'`;
  expect(summary.tasks.DONE).toBe(row?.done);
  expect(summary.housekeepingRecords).toBe(0);
});
