import { describe, expect, test } from 'vitest';
import {
  daySentence,
  hindsight,
  neededPerson,
  personFigures,
  personSentence,
  spawnFigures,
  type WeekTask,
} from '../../src/domain/hindsight.js';
import { changedFields, DEFAULT_POLICIES, type Policy } from '../../src/domain/policy.js';

const task: WeekTask = {
  rehearsed: false,
  priority: 'NORMAL',
  agentId: 'implementer',
  agentType: 'SPC',
  revisedIn: 0,
  landingCycles: 0,
};
const review = (maxCycles: number, enabled = true): Policy<'review'> => ({
  ...{ name: 'review', version: 2, enabled, value: { maxCycles } },
});
const landing = (maxLandingCycles: number): Policy<'landing'> => ({
  ...{ name: 'landing', version: 2, enabled: true, value: { maxLandingCycles } },
});

describe('would a person have been needed?', () => {
  test.each([
    [review(3), { revisedIn: 2 }, false],
    [review(3), { revisedIn: 3 }, true],
    // A cycle that a landing made necessary is not the reviewers'.
    [review(3), { revisedIn: 3, landingCycles: 1 }, false],
    [review(0), { revisedIn: 0 }, false],
    [review(9, false), { revisedIn: 1 }, true],
    [landing(1), { landingCycles: 1 }, false],
    [landing(1), { landingCycles: 2 }, true],
    [DEFAULT_POLICIES['auto-approve'], {}, false],
    [DEFAULT_POLICIES['auto-approve'], { agentType: 'LEAD' }, true],
    [{ ...DEFAULT_POLICIES['auto-approve'], enabled: false }, {}, true],
    [DEFAULT_POLICIES.spawn, {}, false],
  ] as const)('%j of %j: %s', (policy, facts, needed) => {
    expect(neededPerson(policy, { ...task, ...facts })).toBe(needed);
  });

  test('rehearsals are counted and said apart', () => {
    const tasks = [task, { ...task, revisedIn: 3 }, { ...task, rehearsed: true, revisedIn: 2 }];
    const told = personFigures(tasks, review(2), review(3));
    expect(told).toEqual({
      real: { tasks: 2, needed: 1, neededNow: 1 },
      rehearsed: { tasks: 1, needed: 1, neededNow: 0 },
    });
    expect(hindsight(told, ({ tasks }) => tasks, personSentence)).toEqual([
      "of last week's 2 tasks 1 would have needed a person (1 by the version in force)",
      "of last week's 1 rehearsed task 1 would have needed a person (0 by the version in force)",
    ]);
  });
});

test('follow-ups are clamped by the rule that files them', () => {
  const followUp = (title: string) => ({ title, description: '', acceptance: [] });
  const verdict = { rehearsed: false, depth: 0, titles: ['Root'], filed: 2 };
  const followUps = [followUp('One'), followUp('Two'), followUp('Root')];
  const figures = (value: object) =>
    spawnFigures([{ ...verdict, followUps }], {
      ...DEFAULT_POLICIES.spawn,
      value: { ...DEFAULT_POLICIES.spawn.value, ...value },
    }).real;
  expect(figures({})).toEqual({ asked: 3, filed: 2, filedNow: 2 });
  expect(figures({ maxPerVerdict: 1 }).filed).toBe(1);
  expect(figures({ maxPerTree: 2 }).filed).toBe(1);
  expect(figures({ maxDepth: 0 }).filed).toBe(0);
});

test('only what would have waited is said of a limit', () => {
  const none = { runs: 3, beyondSlots: 0, beyondDay: 0, daysOutOfTokens: 0 };
  expect(daySentence(none, '')).toBe("of last week's 3 runs none would have waited for it");
  expect(daySentence({ ...none, beyondSlots: 2, daysOutOfTokens: 1 }, '')).toBe(
    "of last week's 3 runs 2 would have waited for a slot, " +
      'the tokens of 1 day would not have been enough',
  );
});

test('a list is a set, and a field keeps its place', () => {
  const was = DEFAULT_POLICIES['auto-approve'];
  const value = { allowedAgentTypes: ['INT', 'SPC'] as const, maxPriority: 'HIGH' as const };
  expect(changedFields(was, { ...was, value, enabled: false })).toEqual([
    { field: 'maxPriority', before: 'URGENT', after: 'HIGH' },
    { field: 'enabled', before: true, after: false },
  ]);
  expect(changedFields(was, was)).toEqual([]);
});
