import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

const line = (text: string) => ({ kind: 'log', source: 'stderr', text });
const tell = (run: string, attempt: number, from: number, ...events: object[]) =>
  stage.call('tell_live', { run, attempt, from, events });
const told = async (run: string) =>
  (
    await stage.sql<{ event: { text?: string; kind: string } }[]>`
      select event from run_events where run_id = ${run}::uuid order by id`
  ).map(({ event }) => event.text?.slice(0, 8) ?? event.kind);

test('what was told is stored once, in order, however often it is said', async () => {
  const { run } = await stage.begin();
  const attempt = await stage.start(run);
  expect(await tell(run, attempt, 0, line('one'), line('two'))).toBe('told');
  expect(await tell(run, attempt, 0, line('one'), line('two'))).toBe('told');
  expect(await tell(run, attempt, 1, line('two'), line('three'))).toBe('told');
  const rest = { checkpoint: { turn: 1 }, events: [line('four')], workTokens: 0 };
  await stage.call('save_progress', { run, attempt, ...rest, cacheReadTokens: 0 });
  expect(await tell(run, attempt, 3, line('five'))).toBe('told');
  expect(await told(run)).toEqual(['one', 'two', 'three', 'four', 'five']);
});

test('an attempt that has ended tells nothing any more', async () => {
  const { run } = await stage.begin();
  const first = await stage.start(run);
  expect(await tell(run, first, 0, line('one'))).toBe('told');
  const second = await stage.start(run);
  expect(await tell(run, first, 1, line('of a zombie'))).toBe('lost');
  expect(await tell(run, second, 0, line('two'))).toBe('told');
  await stage.sql`select leave_attempt(${run}::uuid, ${second}, 'shutdown')`;
  expect(await tell(run, second, 1, line('too late'))).toBe('lost');
  expect(await told(run)).toEqual(['one', 'two']);
});

test('of one run 16 MiB are kept, over all its attempts, and the cut is told', async () => {
  const { run } = await stage.begin();
  const megabytes = (count: number) => line('x'.repeat(count * 2 ** 20));
  const first = await stage.start(run);
  expect(await tell(run, first, 0, megabytes(9))).toBe('told');
  const second = await stage.start(run);
  const more = [megabytes(6), line('small'), megabytes(2)];
  expect(await tell(run, second, 0, ...more)).toBe('full');
  expect(await tell(run, second, 3, line('more'))).toBe('full');
  expect(await told(run)).toEqual(['xxxxxxxx', 'xxxxxxxx', 'small', 'cut']);
});
