import { expect, test } from 'vitest';
import { type PolicyVersion, type Tuned, untuned } from './tuning.js';

const row = (
  name: string,
  version: number,
  value: object,
  more: Partial<PolicyVersion> = {},
): PolicyVersion => ({
  ...{ name, version, enabled: true, by: version === 1 ? 'system:seed' : 'person:ann' },
  value: { ...value },
  ...more,
});
const tuned: Tuned = new Map([
  ['execution-limits', new Map<string, unknown>([['maxConcurrentPerAgent', 5]])],
  ['review', new Map<string, unknown>([['maxCycles', 7]])],
  ['auto-approve', new Map<string, unknown>([['enabled', false]])],
]);
const LIMITS = row('execution-limits', 2, { maxConcurrentPerAgent: 5, maxDailyPerAgent: 50 });
const REVIEW = [row('review', 1, { maxCycles: 5 }), row('review', 2, { maxCycles: 7 })];
const CLOSED = row('auto-approve', 2, {}, { enabled: false });

test('every policy is compared with what people have last set', () => {
  expect(untuned([LIMITS, ...REVIEW, CLOSED], tuned)).toEqual([]);
  const reset = row('execution-limits', 2, { maxConcurrentPerAgent: 4 });
  expect(untuned([reset, ...REVIEW, CLOSED], tuned)).toEqual([
    'execution-limits maxConcurrentPerAgent is 4, people have set 5',
  ]);
  expect(untuned([LIMITS, ...REVIEW.slice(0, 1), CLOSED], tuned)).toEqual([
    'review maxCycles is 5, people have set 7',
  ]);
  expect(untuned([LIMITS, ...REVIEW, { ...CLOSED, enabled: true }], tuned)).toEqual([
    'auto-approve enabled is true, people have set false',
  ]);
  expect(untuned([LIMITS, CLOSED], tuned)).toHaveLength(1);
});

test('a version that a seed has put over another is told even where it changes nothing', () => {
  const again = row('review', 3, { maxCycles: 7 }, { by: 'system:seed' });
  expect(untuned([LIMITS, ...REVIEW, again, CLOSED], tuned)).toEqual([
    'review version 3 is by system:seed',
  ]);
});
