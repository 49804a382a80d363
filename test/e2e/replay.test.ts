import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  historyOf,
  readHistory,
  type StoredHistory,
  storedHistories,
  writeHistory,
} from '../support/histories.js';
import { type House, openHouse } from '../support/house.js';
import { workflowBundle } from '../support/services.js';
import { LOOP_STORIES } from '../support/stories.js';
import { STORIES_OF_PEOPLE } from '../support/stories-of-people.js';
import { eventually } from '../support/tasks.js';

const replay = (history: StoredHistory) =>
  Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, 'task/replayed');

/** What the stored histories tell; recorded again by MC_RECORD_HISTORIES=1. */
const STORIES = { ...LOOP_STORIES, ...STORIES_OF_PEOPLE };

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

async function replayed(name: string, history: StoredHistory): Promise<void> {
  await replay(history);
  if (process.env.MC_RECORD_HISTORIES === '1') writeHistory(`${name}.json`, history);
}

test.each(Object.entries(STORIES))('%s as it is told now replays', async (name, tell) => {
  const task = await tell(house);
  await task.result().catch(() => undefined); // some end as failures
  await replayed(name, await historyOf(task.handle));
});

test('upkeep as it is told now replays', async () => {
  const { client, taskQueue } = house;
  const workflowId = `upkeep/${taskQueue}`;
  const handle = await client.workflow.start('upkeep', { taskQueue, workflowId });
  const history = await eventually(async () => {
    const now = await historyOf(handle);
    expect(now.events.map(({ eventType }) => eventType)).toContain(
      'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED',
    );
    return now;
  });
  await handle.terminate();
  await replayed('upkeep', history);
});

describe.each(storedHistories())('stored %s', (name) => {
  test('replays on the current code', () => replay(readHistory(name)));
});

test('a stored history would not replay on code that names another activity', async () => {
  const text = JSON.stringify(readHistory('revision.json'));
  const other = JSON.parse(text.replaceAll('"performReview"', '"performAudit"'));
  expect(DeterminismViolationError).toBeTypeOf('function'); // else any error would do
  await expect(replay(other)).rejects.toBeInstanceOf(DeterminismViolationError);
});

test('every story is stored, and every stored history has its story', () => {
  const names = [...Object.keys(STORIES), 'upkeep'].map((name) => `${name}.json`);
  expect(storedHistories().sort()).toEqual(names.sort());
});
