import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAll } from '../support/connected.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { placesOf } from '../support/secrets.js';
import { file } from '../support/tasks.js';

const KEY = 'canary-key-of-ann';

let house: House;
beforeAll(async () => {
  house = await openHouse({ variables: { MODEL_KEY: KEY } });
  await connectAll(house, {
    ...{ preset: 'custom', args: [], variables: ['MODEL_KEY'], hosts: [], budgetTokens: 100_000 },
    file: fileURLToPath(new URL('../support/agents/leaking.mjs', import.meta.url)),
  });
});
afterAll(() => house.close());

test('what an agent prints of its key stands in no record', async () => {
  const repository = await addRepository(house, { provenance: 'person' });
  const asked = { repository: repository.name, description: 'One line more.' };
  const task = await file(house, {}, asked);
  const { blocked_detail } = await task.until('BLOCKED', 'question');
  expect(blocked_detail).toContain('MODEL_KEY=[secret MODEL_KEY]');
  await task.say('answer', { text: 'the second' });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  const [, review] = await task.runs();
  expect(review).toMatchObject({ summary: expect.stringContaining('[secret MODEL_KEY]') });
  const broken = await file(house, {}, { ...asked, description: 'BREAK.' });
  expect(await broken.until('BLOCKED', 'execution-failed')).toMatchObject({
    blocked_detail: expect.stringContaining('exit code 1'),
  });
  expect(await placesOf(house.database, '[secret MODEL_KEY]')).toEqual(
    expect.arrayContaining(['contents.body', 'run_events.event', 'runs.summary']),
  );
  expect(await placesOf(house.database, KEY)).toEqual([]);
});
