import { expect, test } from 'vitest';
import { diceOf } from './dice.js';
import { deckOf, FAULTS } from './faults.js';
import { turnsOnce } from './oracle.js';
import { planTask, TASK_KINDS } from './plan.js';
import { type Findings, failuresOf } from './report.js';
import type { Sample } from './watch.js';

const turn = (attempt: number, turn: number) => ({ run: 'r', attempt, turn });
const attempt = (number: number, stored: number | null) => ({ run: 'r', number, turn: stored });

test('a turn whose checkpoint was lost may be taken again; a stored one may not', () => {
  expect(turnsOnce([turn(1, 1), turn(1, 2), turn(2, 2)], [attempt(1, 1), attempt(2, 2)])).toEqual(
    [],
  );
  expect(turnsOnce([turn(1, 1), turn(2, 1)], [attempt(1, 1), attempt(2, 1)])).toEqual([
    'run r attempt 2 took turns 1 after turn 1',
  ]);
  expect(turnsOnce([turn(1, 1), turn(1, 1)], [attempt(1, 1)])).toHaveLength(1);
  expect(turnsOnce([turn(1, 1), turn(2, 3)], [attempt(1, 1), attempt(2, 3)])).toHaveLength(1);
});

const sample = (minute: number, memory: number): Sample => ({
  minute,
  worker: { memory, handles: 40 },
  temporal: { memory: 2e8, handles: 40 },
  copies: 0,
});
const clean: Findings = {
  ...{ seed: 1, minutes: 60, versions: {}, drainSeconds: 1, restarts: 1, ended: { DONE: 1 } },
  hits: FAULTS.map((fault) => ({ fault, underWay: 1, recoveryMs: 1 })),
  samples: Array.from({ length: 100 }, (_, minute) => sample(minute, 2e8)),
  kinds: Object.fromEntries(TASK_KINDS.map((kind) => [kind, 1])),
  ...{ violations: [], processesLeft: 0, copiesLeft: 0 },
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
  expect(failed({ violations: ['task-1 is lost'] })).toEqual(['task-1 is lost']);
  expect(failed({ processesLeft: 1, copiesLeft: 2 })).toHaveLength(2);
  const growing = clean.samples.map((_, minute) => sample(minute, 2e8 + minute * 3e6));
  expect(failed({ samples: growing })).toMatchObject([expect.stringContaining('memory')]);
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
