import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, ended, envOf, missionOn, start } from '../support/mission.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({ upkeep: true });
});
afterAll(() => house.close());

const away = () => missionOn(house, { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });

test('filing works while Temporal is away, and upkeep starts what was filed', async () => {
  const filed = await away()('task', 'create', 'Filed in the dark', '--json');
  expect(filed.code).toBe(0);
  expect(documentOf(filed)).toMatchObject({
    task: 'T-1',
    started: false,
    message: 'T-1 filed; starts when Temporal is back',
  });
  expect(await missionOn(house)('task', 'watch', 'T-1')).toMatchObject({ code: 0 });
});

test('looking works as well; a decision ends with 7 and changes nothing', async () => {
  expect((await away()('task', 'list')).stdout).toContain('Filed in the dark');
  await missionOn(house)('task', 'create', 'Led', '-a', 'lead', '--json');
  await house.database.sql`select 1`;
  const refused = await away()('task', 'approve', 'T-2');
  expect(refused).toMatchObject({ code: 7, stdout: '' });
  expect(refused.stderr).toContain('127.0.0.1:1');
  expect(refused.stderr).toContain('nothing was changed');
  const status = await away()('status', '--json');
  expect(status.code).toBe(1);
  const { doors } = documentOf<{ doors: { door: string }[] }>(status);
  expect(doors.map(({ door }) => door)).toContain('temporal-away');
});

test('Ctrl-C leaves the task alone and ends with 130', async () => {
  const child = start(['task', 'create', 'Long', '-a', 'lead', '--wait'], { env: envOf(house) });
  child.stderr?.once('data', () => child.kill('SIGINT'));
  const { code, stdout } = await ended(child);
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  const shown = documentOf(await missionOn(house)('task', 'show', 'T-3', '--json'));
  expect(shown).toMatchObject({ status: 'INBOX' });
});

test('without a worker a decision ends with 8 and is applied as soon as there is one', async () => {
  await house.worker.stop();
  const late = await missionOn(house)('task', 'approve', 'T-2');
  expect(late).toMatchObject({ code: 8, stdout: '' });
  expect(late.stderr).toContain('takes effect as soon as one runs');
  await house.startWorker();
  const watched = await missionOn(house)('task', 'watch', 'T-2');
  expect(watched).toMatchObject({ code: 0 });
});

test.each([
  ['repo', 'list'],
  ['policy', 'show'],
  ['task', 'list'],
])('with the database away, %s %s says so and ends with 7', async (...command) => {
  const env = { DATABASE_URL: 'postgres://ann@127.0.0.1:1/mission' };
  const refused = await missionOn(house, { env })(...command);
  expect(refused).toMatchObject({ code: 7, stdout: '' });
  expect(refused.stderr).toMatch(/^mission: the database does not answer \(connect ECONNREFUSED/);
});
