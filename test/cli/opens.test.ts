/** Whoever pastes the command that a door prints sees that door gone. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPKEEP_ID } from '../../src/contract.js';
import { DOOR_NAMES, type DoorName } from '../../src/service/door.js';
import { ROOT } from '../support/build.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, envOf, missionOn } from '../support/mission.js';
import { temporal } from '../support/services.js';
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
  readonly door: DoorName;
  readonly command: string | null;
  readonly opens: boolean;
}

const doors = async (): Promise<readonly Door[]> =>
  documentOf<{ doors: Door[] }>(await mission('status', '--json')).doors;

/** As it is pasted into a shell. */
async function paste(command: string): Promise<string> {
  const env = { ...envOf(house), PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: ROOT, env });
  return stdout;
}

const off = async (...agents: string[]) => {
  for (const agent of agents) expect((await mission('agent', 'disable', agent)).code).toBe(0);
};
const limits = (...edits: string[]) => mission('policy', 'set', 'execution-limits', ...edits);
const hangs = { executions: [{ turns: [], report: 'x', faults: { hangAtTurn: 1 } }] };
const filed: Filed[] = [];
const fileFor = async (assignee: string, tasks = 1) => {
  for (let at = 0; at < tasks; at++) filed.push(await file(house, hangs, { assignee }));
};

/** How each is locked. */
const LOCKS: Partial<Record<DoorName, () => Promise<unknown>>> = {
  'auto-approve-matches-none': () => mission('policy', 'set', 'auto-approve', 'allowedAgentTypes='),
  'policy-disabled': () => mission('policy', 'disable', 'landing'),
  'limit-zero': () => limits('maxDailyPerAgent=0'),
  'limit-throttles': async () => {
    await limits('maxConcurrentPerAgent=1');
    await fileFor('writer', 5);
    await eventually(async () => {
      const [row] = await house.database.sql<{ n: number }[]>`
        select count(*)::integer as n from runs where state = 'QUEUED'`;
      expect(row?.n).toBe(4);
    });
    await house.database.sql`update runs set queued_at = queued_at - interval '40 s'
      where agent_id = 'writer' and state = 'QUEUED'`;
  },
  'no-agent': () => off('implementer', 'writer', 'operator', 'researcher', 'intern'),
  'agent-off-with-work': async () => {
    await off('writer');
    await fileFor('writer');
  },
  'squad-paused': () => mission('pause'),
  'no-reviewer': () => off('reviewer', 'tester'),
  'other-temporal-store': async () => {
    await house.database.sql`update installation set temporal_cluster = 'another'`;
  },
  'no-upkeep': () => house.client.workflow.getHandle(UPKEEP_ID).terminate(),
  'workflow-missing': async () => {
    const led = await file(house, {}, { assignee: 'lead' });
    filed.push(led);
    await led.until('INBOX');
    await house.client.workflowService.deleteWorkflowExecution({
      namespace: temporal().namespace,
      workflowExecution: { workflowId: led.workflowId },
    });
    await house.database.sql`update tasks set created_at = created_at - interval '1 minute'
      where workflow_id = ${led.workflowId}`;
  },
  'tasks-not-started': async () => {
    // Else upkeep would start it before anybody looks.
    await house.client.workflow.getHandle(UPKEEP_ID).terminate();
    await mission('task', 'create', 'Led', '-a', 'lead');
    const [row] = await house.database.sql<{ id: string }[]>`
      update tasks set created_at = created_at - interval '1 minute', workflow_id = 'lost',
        first_execution_run_id = null where title = 'Led' returning workflow_id as id`;
    expect(row?.id).toBe('lost');
  },
};

/** Doors of processes: `opens-up.test.ts` hangs and kills real ones. */
const OF_PROCESSES: readonly DoorName[] = [
  'database-away',
  'temporal-away',
  'no-poller',
  'not-watched',
];
/** What would open these is not ours to type: they say so, and only show where to look. */
const SHOWN: readonly DoorName[] = [
  'step-fails',
  'no-backend',
  'invariant-broken',
  'pull-requests-refused',
];
/** What the machine of a worker lacks: `test/e2e/agents.test.ts` takes it away. */
const OF_MACHINES: readonly DoorName[] = ['no-sandbox'];

test('every door there is either has its command run, or claims to open nothing', () => {
  const known = [...Object.keys(LOCKS), ...OF_PROCESSES, ...OF_MACHINES, ...SHOWN];
  expect(known.toSorted()).toEqual([...DOOR_NAMES].toSorted());
});

test.each(Object.entries(LOCKS))(
  '%s',
  async (name, lock) => {
    await lock?.();
    const found = await eventually(async () => {
      const seen = (await doors()).find(({ door }) => door === name);
      expect(seen).toMatchObject({ opens: true });
      return seen;
    }, 60_000);
    await paste(found?.command ?? 'false');
    await eventually(async () => {
      expect((await doors()).map(({ door }) => door)).not.toContain(name);
    }, 30_000);
    await openAll();
    expect(await doors()).toEqual([]);
  },
  180_000,
);

/** So that the next one is found alone. */
async function openAll(): Promise<void> {
  await Promise.all(filed.splice(0).map(({ handle }) => handle.terminate().catch(() => undefined)));
  for (const name of ['auto-approve', 'execution-limits', 'landing'] as const) {
    const [first] = await house.database.sql<{ value: object }[]>`
      select value from policies where name = ${name} and version = 1`;
    await setPolicy(house, name, { value: first?.value ?? {}, enabled: true });
  }
  const idle = await house.database.sql<{ id: string }[]>`select id from agents where not enabled`;
  for (const { id } of idle) await mission('agent', 'enable', id);
  await mission('repair');
  await eventually(async () => expect(await doors()).toEqual([]), 60_000);
}

test('a broken invariant is looked at: no command mends it', async () => {
  const task = await file(house, {});
  await task.result();
  await house.database.sql`update tasks set landed_from = 'other' where status = 'DONE'`;
  expect(await doors()).toMatchObject([{ door: 'invariant-broken', opens: false }]);
  expect((await mission('status')).code).toBe(1);
  const ran = await mission('doctor');
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/✗ invariants +invariant-broken: invariant 1 /);
  expect(ran.stdout).toMatch(/\n {4}look: .*mission task show T-\d+\n/);
  expect(ran.stdout).not.toContain('opens it');
});
