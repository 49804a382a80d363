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
const doors = (rows: readonly Throttled[], isHeldElsewhere = false) =>
  throttles(rows, settingOf, isHeldElsewhere);

describe('a limit throttles a backlog', () => {
  test.each<[string, Throttled, boolean]>([
    ['for slots, longer than half a minute', row(), true],
    ['for slots, for a moment', row({ waitedMs: 5_000 }), false],
    ['for slots, no longer than its runs take', row({ typicalMs: 600_000 }), false],
    ['for slots, as many as there are', row({ waiting: 1 }), false],
    ['for the day, at once', daily(), true],
    ['for the day, and tomorrow lets all of it through', daily({ waiting: 1 }), false],
    ['a figure of 0 is a door of its own', daily({ figure: 0 }), false],
    ['more tokens than a day has', daily({ field: 'maxDailyTokens', waiting: 20_000 }), true],
  ])('%s', (_name, held, isDoor) => {
    expect(doors([held])).toHaveLength(isDoor ? 1 : 0);
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
    expect(found[0]?.sentence).toMatch(/20 runs of writer wait, .*; 1 more agents are held by it$/);
  });

  test('behind another door a figure of 1 is the next one; a larger one is not accused', () => {
    const behind = { waiting: 0, waitedMs: null, behind: 5 };
    expect(doors([row(behind)], true)).toHaveLength(1);
    expect(doors([row(behind)])).toEqual([]);
    expect(doors([row({ ...behind, figure: 3 })], true)).toEqual([]);
  });
});
