import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type LiveEvent, Telling } from '../../activities/telling.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Answer = 'told' | 'full' | 'lost' | 'away' | 'unanswered';

/** A database that answers as it is told to, and what it has stored. */
function store(...answers: Answer[]) {
  const stored: LiveEvent[] = [];
  const calls: number[] = [];
  const telling = new Telling(async (from, events) => {
    calls.push(events.length);
    const answer = answers.shift() ?? 'told';
    if (answer === 'away') throw new Error('the database is away');
    stored.push(...events.slice(Math.max(0, stored.length - from)));
    if (answer === 'unanswered') throw new Error('the connection broke');
    return answer;
  });
  return { telling, stored, calls };
}

const text = (said: string): LiveEvent => ({ kind: 'text', text: said });
const line = (said: string): LiveEvent => ({ kind: 'log', source: 'stderr', text: said });

test('is stored within a second, and nothing is written when nothing was said', async () => {
  const { telling, stored, calls } = store();
  telling.tell({ kind: 'turn', turn: 1 });
  telling.tell(text('one'));
  await vi.advanceTimersByTimeAsync(999);
  expect(calls).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(stored).toEqual([{ kind: 'turn', turn: 1 }, text('one')]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toEqual([2]);
  expect(await telling.take()).toEqual([]);
});

test('what a turn ends with is not sent before it, and not twice', async () => {
  const { telling, calls } = store();
  telling.tell(text('one'));
  expect(await telling.take()).toEqual([text('one')]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toEqual([]);
});

test('much of it waits for no second', async () => {
  const { telling, calls } = store();
  telling.tell(text('x'.repeat(64 * 1024)));
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toEqual([1]);
});

test('lines become one event, up to a length, and only of one source', async () => {
  const { telling } = store();
  for (const each of [line('one'), line('two'), text('and'), line('three')]) telling.tell(each);
  telling.tell(line('y'.repeat(9000)));
  telling.tell({ kind: 'log', source: 'stdout', text: 'four' });
  expect(await telling.take()).toEqual([
    line('one\ntwo'),
    text('and'),
    line('three'),
    line('y'.repeat(9000)),
    { kind: 'log', source: 'stdout', text: 'four' },
  ]);
});

test.each(['away', 'unanswered'] as const)('%s: it is stored once, and in order', async (how) => {
  const { telling, stored } = store(how, how);
  telling.tell(line('one'));
  await vi.advanceTimersByTimeAsync(1000);
  telling.tell(line('two'));
  await vi.advanceTimersByTimeAsync(5000);
  telling.tell(line('three'));
  await vi.advanceTimersByTimeAsync(6000);
  expect(stored).toEqual([line('one'), line('two\nthree')]);
});

test('what is sent when its turn ends is not stored by it as well', async () => {
  const { telling, stored } = store('unanswered');
  telling.tell(line('one'));
  await vi.advanceTimersByTimeAsync(1000);
  telling.tell(line('two'));
  const rest = await telling.take();
  expect([...stored, ...rest]).toEqual([line('one'), line('two')]);
});

test.each(['full', 'lost'] as const)('%s: nothing more is sent but turns', async (answer) => {
  const { telling, calls } = store(answer);
  telling.tell(text('one'));
  await vi.advanceTimersByTimeAsync(1000);
  for (const each of [text('two'), { kind: 'turn', turn: 2 } as const]) telling.tell(each);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toEqual([1]);
  expect(await telling.take()).toEqual([{ kind: 'turn', turn: 2 }]);
});

test('while the database is away, memory is bounded, and the loss is told', async () => {
  const { telling, stored } = store('away');
  for (let i = 0; i < 100; i++) telling.tell(text('z'.repeat(60_000)));
  await vi.advanceTimersByTimeAsync(20_000);
  const chars = stored.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
  expect(chars).toBeLessThan(4.5 * 2 ** 20);
  expect(stored.at(-1)).toMatchObject({
    kind: 'log',
    text: expect.stringMatching(/^\d+ characters were not kept: the database was away$/),
  });
});

test('the middle of a long text is left out, and said to be', async () => {
  const { telling, stored } = store();
  const output = `begin ${'o'.repeat(200_000)} end`;
  telling.tell({ kind: 'tool', tool: 'run', input: 'ls', output, exitCode: 0 });
  await telling.take();
  const text = JSON.stringify(stored);
  expect(text.length).toBeLessThan(70_000);
  expect(text).toMatch(/begin o+.*… 134474 characters are left out here ….*o+ end/);
});
