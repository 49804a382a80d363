import { describe, expect, test } from 'vitest';
import type { Setting, Throttled } from '../../drizzle/read-doors.js';
import { throttles } from '../../src/service/throttles.js';

const row = (differences: Partial<Throttled> = {}): Throttled => ({
  ...{ agent: 'writer', field: 'maxConcurrentPerAgent', figure: 1, waiting: 5, behind: 0 },
  ...{ waitedMs: 40_000, typicalMs: null, enough: 3 },
  ...differences,
});
const daily = (differences: Partial<Throttled> = {}): Throttled =>
  row({ field: 'maxDailyPerAgent', waiting: 20, waitedMs: 10, enough: 21, ...differences });
const settingOf = (rule: string): Setting => ({ rule, value: '1', by: 'person:ann', at: '' });
/** What may wait behind a limit, and how long ago a run of the agent began the last time. */
const doors = (
  rows: readonly Throttled[],
  isHeldElsewhere = false,
  moved: number | null = 40_000,
) => throttles(rows, { settingOf, isHeldElsewhere, movedMs: () => moved });

describe('a limit throttles a backlog', () => {
  test.each<[string, Throttled, boolean]>([
    ['for slots, longer than half a minute', row(), true],
    ['for slots, for a moment', row({ waitedMs: 5_000 }), false],
    ['for slots, whose runs take long', row({ waiting: 7, typicalMs: 1_200_000 }), true],
    ['for two slots, though three wait', row({ figure: 2, waiting: 3 }), true],
    ['for two slots, and two wait', row({ figure: 2, waiting: 2 }), false],
    ['for slots, as many as there are', row({ waiting: 1 }), false],
    ['for the day, at once', daily(), true],
    ['for the day, and tomorrow lets all of it through', daily({ waiting: 1 }), false],
    ['a figure of 0 is a door of its own', daily({ figure: 0 }), false],
    ['more tokens than a day has', daily({ field: 'maxDailyTokens', waiting: 20_000 }), true],
  ])('%s', (_name, held, isDoor) => {
    expect(doors([held])).toHaveLength(isDoor ? 1 : 0);
  });

  const usual = { figure: 3, waiting: 9, waitedMs: 400_000 };
  test.each<[string, Partial<Throttled>, number | null, boolean]>([
    ['whose runs of 40 s have not ended yet', { typicalMs: null, waitedMs: 35_000 }, 35_000, false],
    ['whose runs nobody has seen end', { typicalMs: null }, 300_000, false],
    ['that moves with every run of 40 s', { typicalMs: 40_000 }, 41_000, false],
    ['whose last run is slow', { typicalMs: 40_000 }, 79_000, false],
    ['of small runs, followed by a larger one', { typicalMs: 1_000 }, 55_000, false],
    ['in which nothing has begun for long', { typicalMs: 40_000 }, 130_000, true],
    ['in which nothing runs at this moment', { typicalMs: 40_000 }, null, false],
    ['of long runs, at their pace', { typicalMs: 1_200_000 }, 1_500_000, false],
    ['of a larger limit, moving', { figure: 8, typicalMs: 40_000 }, 20_000, false],
    ['that fits', { waiting: 3, typicalMs: 40_000 }, 130_000, false],
  ])('a line under the usual limit %s', (_name, line, moved, isDoor) => {
    expect(doors([row({ ...usual, ...line })], false, moved)).toHaveLength(isDoor ? 1 : 0);
  });

  test('its sentence says only what is known', () => {
    const [few] = doors([row({ waiting: 7, waitedMs: 65_400 })]);
    expect(few?.sentence).toBe(
      'execution-limits.maxConcurrentPerAgent is 1: 7 runs of writer wait for so many slots, ' +
        'the first for 65 s; 3 slots are usual',
    );
    const [stands] = doors([row({ ...usual, typicalMs: 40_000 })], false, 130_000);
    expect(stands?.sentence).toMatch(/and none has begun for 130 s; its runs take 40 s$/);
  });

  test('one door a figure, told by its longest line, with a command that is enough for all', () => {
    const found = doors([daily(), daily({ agent: 'intern', waiting: 3, enough: 40 })]);
    expect(found).toMatchObject([
      {
        door: 'limit-throttles',
        stage: 'slot',
        setting: { rule: 'execution-limits.maxDailyPerAgent', by: 'person:ann' },
        command: 'mission policy set execution-limits maxDailyPerAgent=59',
      },
    ]);
    expect(found[0]?.sentence).toMatch(/20 runs of writer wait, .*; 1 more agent is held by it$/);
  });

  test('behind another door a figure of 1 is the next one; a larger one is not accused', () => {
    const behind = { waiting: 0, waitedMs: null, behind: 5 };
    expect(doors([row(behind)], true)).toHaveLength(1);
    expect(doors([row(behind)])).toEqual([]);
    expect(doors([row({ ...behind, figure: 3 })], true)).toEqual([]);
  });
});
