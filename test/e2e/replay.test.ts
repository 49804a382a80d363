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
import { approved, execution, type Filed, file, revision } from '../support/tasks.js';

const replay = (history: StoredHistory) =>
  Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, 'task/replayed');

const spawning = {
  verdict: { verdict: 'SPAWN', summary: 'and more', spawn: [{ title: 'Write the docs' }] },
};

/** What the stored histories tell; recorded again by MC_RECORD_HISTORIES=1. */
const STORIES: Record<string, (house: House) => Promise<Filed>> = {
  'revision.json': (house) =>
    file(house, {
      executions: [execution('page 1'), execution('page 2')],
      reviews: [revision('Add error handling'), approved],
    }),
  'lead-and-spawn.json': async (house) => {
    const task = await file(house, { reviews: [spawning] }, { assignee: 'lead' });
    await task.until('INBOX');
    await task.handle.signal('guide', { by: 'person:ann', text: 'Mind the edges' });
    await task.say('approve');
    return task;
  },
};

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

test.each(Object.entries(STORIES))('%s as it is told now replays', async (name, tell) => {
  const task = await tell(house);
  await task.result();
  const history = await historyOf(task.handle);
  await replay(history);
  if (process.env.MC_RECORD_HISTORIES === '1') writeHistory(name, history);
});

describe.each(storedHistories())('stored %s', (name) => {
  test('replays on the current code', () => replay(readHistory(name)));

  test('would not replay on code that does something else', async () => {
    const text = JSON.stringify(readHistory(name));
    const other = JSON.parse(text.replaceAll('"performReview"', '"performAudit"'));
    expect(DeterminismViolationError).toBeTypeOf('function'); // else any error would do
    await expect(replay(other)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});

test('every story is stored, and every stored history has its story', () => {
  expect(storedHistories().sort()).toEqual(Object.keys(STORIES).sort());
});
