import { describe, expect, test } from 'vitest';
import { diceOf } from './dice.js';
import { deckOf, FAULTS } from './faults.js';
import { planTask, TASK_KINDS } from './plan.js';
import { describe as describePage, type Findings, failuresOf } from './report.js';
import type { Sample } from './watch.js';

const noise = diceOf(3);
/** Four samples a minute of a run that holds the same from its beginning to its end. */
const flat: readonly Sample[] = Array.from({ length: 240 }, (_, index) => ({
  minute: index / 4,
  worker: { memory: noise.between(26e7, 34e7), handles: noise.between(37, 47) },
  temporal: {
    memory: noise.between(14e7, 2e8),
    handles: noise.chance(0.2) ? 97 : noise.between(36, 44),
  },
  postgres: { memory: noise.between(7e7, 11e7), handles: noise.between(12, 18) },
  copies: 0,
}));
const clean: Findings = {
  ...{ seed: 1, minutes: 60, versions: {}, drainSeconds: 1, restarts: 1, ended: { DONE: 1 } },
  hits: FAULTS.map((fault) => ({ fault, underWay: 1, recoveryMs: 1 })),
  samples: flat,
  kinds: Object.fromEntries(TASK_KINDS.map((kind) => [kind, 1])),
  ...{ lost: [], violations: [], processesLeft: 0, copiesLeft: 0 },
};

test('a run in which something never hit, was never done, is left or grows has failed', () => {
  expect(failuresOf(clean)).toEqual([]);
  const failed = (change: Partial<Findings>) => failuresOf({ ...clean, ...change });
  const [first, ...others] = clean.hits;
  expect(failed({ hits: others })).toEqual([
    `no ${first?.fault} has hit anything that was under way`,
  ]);
  expect(
    failed({ hits: [...others, { ...others[0], fault: 'worker SIGKILL', underWay: 0 } as never] }),
  ).toHaveLength(1);
  expect(failed({ kinds: { ...clean.kinds, spawn: 0 } })).toEqual(['no task "spawn" has ended']);
  expect(failed({ lost: ['task-1 is lost'] })).toEqual(['task-1 is lost']);
  expect(failed({ violations: ['a worker ended'] })).toEqual(['a worker ended']);
  expect(failed({ processesLeft: 1, copiesLeft: 2 })).toHaveLength(2);
});

describe('memory and handles', () => {
  type Process = 'worker' | 'temporal' | 'postgres';
  /** More and more of it from minute `since` on. */
  const growing = (process: Process, what: 'memory' | 'handles', hourly: number, since = 0) =>
    flat.map((one) => {
      const more = (hourly * Math.max(0, one.minute - since)) / 60;
      return { ...one, [process]: { ...one[process], [what]: one[process][what] + more } };
    });
  const failed = (samples: readonly Sample[], minutes = 60) =>
    failuresOf({ ...clean, samples, minutes });

  test.each([
    ['worker', 'memory', 8e7, 'memory of the worker'],
    ['worker', 'handles', 12, 'handles of the worker'],
    ['temporal', 'memory', 1.2e8, 'memory of Temporal'],
    ['temporal', 'handles', 16, 'handles of Temporal'],
    ['postgres', 'memory', 6e7, 'memory of Postgres'],
    ['postgres', 'handles', 12, 'processes of Postgres'],
  ] as const)('%s %s that grows by %d in an hour is seen', (process, what, hourly, told) => {
    const seen = [expect.stringContaining(`${told} grew from`)];
    expect(failed(growing(process, what, hourly))).toEqual(seen);
    expect(failed(growing(process, what, hourly * 1.5, 20))).toEqual(seen);
  });

  test('warming up is no growth, nor is a peak', () => {
    const warm = flat.map((one) => {
      const share = Math.min(1, 0.4 + one.minute / 20);
      return { ...one, worker: { ...one.worker, memory: one.worker.memory * share } };
    });
    expect(failed(warm)).toEqual([]);
    const peak = flat.map((one, index) =>
      index < 235 ? one : { ...one, worker: { memory: 9e8, handles: 300 } },
    );
    expect(failed(peak)).toEqual([]);
  });

  test('samples that were never taken say nothing, and a short run is not judged', () => {
    expect(failed(flat.slice(0, 12))).toHaveLength(6);
    expect(failed([])).toHaveLength(6);
    expect(failed(growing('worker', 'memory', 9e8), 4)).toEqual([]);
    const page = (minutes: number) =>
      describePage({ sent: new Map(), tally: new Map() }, { ...clean, minutes });
    expect(page(4)).toContain('not judged');
    expect(page(60)).toMatch(/memory of Postgres \| \d+ → \d+ MB \(allowed \+20 %; at most \d+\)/);
  });
});

test('the page counts what was lost apart from what else was wrong', () => {
  const world = { sent: new Map(), tally: new Map() };
  const page = (change: Partial<Findings>) => describePage(world, { ...clean, ...change });
  const [ours, others] = ['findings of work lost, doubled or stranded', 'other violations'];
  expect(page({})).toContain(`| ${ours} | 0 |`);
  const deserted = page({ violations: ['worker-7.log ended by itself'] });
  expect(deserted).toContain(`| ${ours} | 0 |`);
  expect(deserted).toContain(`| ${others} | 1 |`);
  expect(deserted).toContain('FAILED');
  const lost = page({ lost: ['task-1 is lost', 'task-2 exists 2 times'] });
  expect(lost).toContain(`| ${ours} | 2 |`);
  expect(lost).toContain(`| ${others} | 0 |`);
  expect(lost).toContain('- task-1 is lost');
});

test('a seed draws the same faults and tasks again', () => {
  const drawn = (seed: number) => {
    const deck = deckOf(diceOf(seed));
    return Array.from({ length: 60 }, () => deck.next().value);
  };
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
  expect(new Set(drawn(7).slice(0, 24))).toEqual(new Set(FAULTS));
  const plans = (seed: number) =>
    TASK_KINDS.map((kind) => planTask(kind, 'k', 'repo', diceOf(seed).fork(kind)));
  expect(plans(7)).toEqual(plans(7));
});
