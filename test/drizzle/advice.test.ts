/** What is advised to whoever waits really lets him go. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readHouse, readWaits } from '../../drizzle/read-house.js';
import { countTasks, findTask, listTasks } from '../../drizzle/reads.js';
import type { PolicyName } from '../../src/domain/policy.js';
import { standstillOf } from '../../src/service/waits.js';
import { course, type Queued, Stage, SUCCEEDED } from './stage.js';

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

/** The one command that a task is advised. */
async function advised({ taskId }: Queued): Promise<string> {
  const task = await findTask(stage.database, { id: taskId });
  const still = task && standstillOf(task, { workerLives: null, agents: [] });
  return still?.commands.join('; ') ?? '';
}

/** `mission policy set NAME field=figure` and `mission policy enable NAME`, as they are said. */
async function apply(command: string): Promise<void> {
  const [, , verb, name, edit = ''] = command.split(' ');
  const [field, figure] = edit.split('=');
  const change = verb === 'set' && field !== undefined ? { [field]: Number(figure) } : {};
  await stage.setPolicy(name as PolicyName, change);
}

const spent = { ...SUCCEEDED, workTokens: 12_345, course: course({ status: 'REVIEW' }) };
const roomy = { maxConcurrentPerAgent: 9 };

test.each<[string, object, boolean, RegExp]>([
  ['a slot', { maxConcurrentPerAgent: 1 }, true, /maxConcurrentPerAgent=/],
  ['a slot, of none', { maxConcurrentPerAgent: 0 }, true, /maxConcurrentPerAgent=4$/],
  ['runs of the day', { ...roomy, maxDailyPerAgent: 1 }, true, /maxDailyPerAgent=\d\d/],
  ['tokens of the day', { ...roomy, maxDailyTokens: 1 }, true, /maxDailyTokens=\d+$/],
  ['tokens of the day, of none', { ...roomy, maxDailyTokens: 0 }, true, /maxDailyTokens=5000000$/],
  ['a policy that is disabled', roomy, false, /^mission policy enable execution-limits$/],
])('%s', async (_name, limits, enabled, command) => {
  for (let n = 0; n < 9; n++) {
    const { run } = await stage.begin();
    await stage.perform(run, spent);
  }
  const first = await stage.begin();
  await stage.setPolicy('execution-limits', limits, enabled);
  const waiting = [await stage.begin(), await stage.begin(), await stage.begin()] as const;
  expect(await stage.holding([first.run])).toEqual([true]);
  expect(await stage.holding(waiting.map(({ run }) => run))).toEqual([false, false, false]);
  const said = await advised(waiting[2]);
  expect(said).toMatch(command);
  await apply(said);
  expect(await stage.holding(waiting.map(({ run }) => run))).toEqual([true, true, true]);
});

test('a day that is used up is no fault, and is told by name with what is enough', async () => {
  await stage.begin();
  await stage.setPolicy('execution-limits', { maxDailyPerAgent: 1 });
  const { number } = await stage.begin();
  const led = await stage.begin({ assignee: 'lead' });
  expect(await readWaits(stage.database)).toMatchObject([
    { number, reason: 'daily-runs', rule: 'execution-limits.maxDailyPerAgent', enough: 2 },
    { number: led.number, reason: 'approval', enough: null },
  ]);
});

test('what waits is told from what waits for a person', async () => {
  await stage.setPolicy('execution-limits', {}, false);
  await stage.begin();
  await stage.begin({ assignee: 'lead' });
  const count = (choice: object) => countTasks(stage.database, { waiting: true, ...choice });
  expect(await count({})).toBe(2);
  expect(await count({ forPerson: true })).toBe(1);
  expect(await count({ forPerson: false })).toBe(1);
  expect(await count({ owner: 'person:bob' })).toBe(0);
  expect(await listTasks(stage.database, { forPerson: false, limit: 9 })).toHaveLength(1);
});

test('why the squad was paused is with who did it', async () => {
  const { run } = await stage.begin({ assignee: 'writer' });
  await stage.perform(run, { state: 'REQUEUED' });
  const given = { paused: true, by: 'person:ann', door: 'cli', why: 'lunch' };
  await stage.call('set_squad_paused', { ...given, why: 'breakfast' });
  await stage.call('set_squad_paused', given);
  const { run: held } = await stage.begin();
  expect((await stage.run(held)).wait).toMatchObject({
    reason: 'squad-paused',
    value: 'person:ann',
    detail: 'lunch',
  });
  expect(await readHouse(stage.database)).toMatchObject({ squadPausedWhy: 'lunch' });
});
