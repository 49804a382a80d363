import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectAll } from '../support/connected.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import { file } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await connectAll(house);
});
afterAll(() => house.close());

const plain = (description: string) => ({ description });

test('executed, sent back, executed again, reviewed, and landed as a branch', async () => {
  const repository = await addRepository(house, { provenance: 'person' });
  const asked = { title: 'Add lines', repository: repository.name, ...plain('Two lines more.') };
  const task = await file(house, {}, asked);
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2, rehearsed: false });
  expect(await task.told()).toEqual([
    'EXECUTION 1 SUCCEEDED',
    'REVIEW 1 SUCCEEDED',
    'EXECUTION 2 SUCCEEDED',
    'REVIEW 2 SUCCEEDED',
  ]);
  const { landed_ref: ref, landed_commit: commit } = await task.record();
  expect(repository.git('show', `${ref}:shared.txt`)).toBe('first\nanother line\nanother line');
  const [, , , review] = await task.runs();
  expect(review).toMatchObject({ reviewed_commit: commit, verdict_kind: 'APPROVED' });
  expect(await task.instructions('REVIEW', 2)).toContain('+another line\n+another line');
  expect(review).toMatchObject({ summary: 'three lines; the copy is read-only' });
});

test('a question waits for its answer, and the work goes on', async () => {
  const repository = await addRepository(house, { provenance: 'person' });
  const asked = { repository: repository.name, ...plain('ASK FIRST. Two lines more.') };
  const task = await file(house, {}, asked);
  const { blocked_detail } = await task.until('BLOCKED', 'question');
  expect(blocked_detail).toContain('Which line?');
  await task.say('answer', { text: 'the second' });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
});

test('an agent that did nothing has failed, whatever it says', async () => {
  const repository = await addRepository(house, { provenance: 'person' });
  const task = await file(house, {}, { repository: repository.name, ...plain('DO NOTHING.') });
  const { blocked_detail } = await task.until('BLOCKED', 'execution-failed');
  expect(blocked_detail).toContain('changed no file and gives no reason; its report: All done!');
});
