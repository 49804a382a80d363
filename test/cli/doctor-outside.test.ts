/** Doors that the records alone do not tell of: servers, workers, workflows, steps that fail. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';
import { temporal } from '../support/services.js';
import { eventually, file } from '../support/tasks.js';
import { startWorkerProcess } from '../support/worker-process.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
  mission = missionOn(house);
});
afterAll(() => house.close());

interface Door {
  readonly door: string;
  readonly sentence: string;
  readonly command: string | null;
}

/** The doors that both name, as the doctor says them. */
async function doors(on = mission): Promise<{ code: number | null; doors: Door[] }> {
  const [ran, status] = await Promise.all([on('doctor', '--json'), on('status', '--json')]);
  const { first, also } = documentOf<{ first: Door | null; also: Door[] }>(ran);
  const named = first === null ? [] : [first, ...also];
  const { doors: same } = documentOf<{ doors: Door[] }>(status);
  expect(same.map(({ door }) => door)).toEqual(named.map(({ door }) => door));
  return { code: ran.code, doors: named };
}

test('Temporal away, and the database away: each is the first door, and ends with 7', async () => {
  const noTemporal = missionOn(house, { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  expect(await doors(noTemporal)).toMatchObject({ code: 7, doors: [{ door: 'temporal-away' }] });
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' };
  const { code, doors: found } = await doors(missionOn(house, { env }));
  expect(code).toBe(7);
  // Starting a stack of ours would not bring a server of one's own back.
  expect(found[0]).toMatchObject({ door: 'database-away', command: null });
  expect(found[0]?.sentence).toContain('the server that DATABASE_URL names');
  const text = await missionOn(house, { env })('doctor');
  expect(text.stdout).toMatch(/^✗ database +database-away: /);
}, 120_000);

test('a workflow that was deleted in Temporal is a door that repair opens', async () => {
  const led = await file(house, {}, { assignee: 'lead' });
  await led.until('INBOX');
  const { namespace } = temporal();
  const execution = { workflowId: led.workflowId };
  const { workflowService } = house.client;
  await workflowService.deleteWorkflowExecution({ namespace, workflowExecution: execution });
  await house.database.sql`update tasks set created_at = created_at - interval '1 minute'`;
  await eventually(async () => {
    expect(await doors()).toMatchObject({
      code: 1,
      doors: [{ door: 'workflow-missing', command: expect.stringContaining('mission repair') }],
    });
  }, 60_000);
  expect((await mission('repair')).code).toBe(0);
  expect(await doors()).toEqual({ code: 0, doors: [] });
  await led.handle.cancel();
}, 180_000);

test('a statement that raises again and again is a door, with what it says', async () => {
  const { sql } = house.database;
  await sql`alter function begin_task(jsonb) rename to begin_task_elsewhere`;
  const task = await file(house, {});
  const found = await eventually(async () => {
    const { doors: seen } = await doors();
    expect(seen).toMatchObject([{ door: 'step-fails' }]);
    return seen;
  }, 90_000);
  expect(found[0]?.sentence).toContain(task.workflowId);
  expect(found[0]?.sentence).toMatch(/function begin_task\(jsonb\) does not exist/);
  await sql`alter function begin_task_elsewhere(jsonb) rename to begin_task`;
  await task.handle.terminate();
}, 180_000);

test('a worker that was killed is missed at once, though it is still listed', async () => {
  await house.worker.stop();
  const worker = startWorkerProcess(house, join(tmpdir(), `effects-${house.taskQueue}.jsonl`));
  await worker.polling;
  await eventually(async () => expect(await doors()).toEqual({ code: 0, doors: [] }), 90_000);
  worker.child.kill('SIGKILL');
  await worker.ended;
  const { code, doors: found } = await doors();
  expect({ code, found }).toMatchObject({ code: 1, found: [{ door: 'no-poller' }] });
}, 240_000);
