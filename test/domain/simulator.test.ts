import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AGENT_TYPES } from '../../src/domain/agent.js';
import { PRIORITIES, VERBS } from '../../src/domain/task.js';
import { VERDICT_KINDS } from '../../src/domain/verdict.js';
import {
  advance,
  allowedCycles,
  ended,
  newTask,
  type Recipe,
  type SimTask,
  SPOILS,
  type Step,
  type World,
} from './simulator.js';

const recipe: fc.Arbitrary<Recipe> = fc.record({
  meant: fc.constantFrom('approving', 'approving', 'revision', 'revision', 'garbage'),
  kind: fc.constantFrom(...VERDICT_KINDS),
  spoil: fc.constantFrom(...SPOILS),
  garbage: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.anything()),
  titles: fc.uniqueArray(
    fc.nat({ max: 40 }).map((n) => `Task ${n}`),
    { maxLength: 8 },
  ),
  issues: fc.integer({ min: 1, max: 3 }),
});

const step: fc.Arbitrary<Step> = fc.record({
  pick: fc.nat(),
  luck: fc.constantFrom('good', 'good', 'bad'),
  verb: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    fc.constantFrom(...VERBS, 'approve', 'retry'),
  ),
  policy: fc.record({
    name: fc.constant('auto-approve' as const),
    version: fc.nat(),
    enabled: fc.boolean(),
    value: fc.record({
      maxPriority: fc.constantFrom(...PRIORITIES),
      // As a row that somebody edited past the schema could hold it.
      allowedAgentTypes: fc.subarray([...AGENT_TYPES]) as unknown as fc.Arbitrary<'SPC'[]>,
    }),
  }),
  recipes: fc.tuple(recipe, recipe),
});

const world: fc.Arbitrary<World> = fc.record({
  tasks: fc.tuple(...AGENT_TYPES.map((agentType, root) => seeded(agentType, root))),
  caps: fc.record({
    maxDepth: fc.integer({ min: 0, max: 3 }),
    maxPerVerdict: fc.integer({ min: 0, max: 5 }),
    maxPerTree: fc.integer({ min: 1, max: 8 }),
  }),
  maxCycles: fc.integer({ min: 1, max: 5 }),
  maxLandingCycles: fc.integer({ min: 0, max: 2 }),
});

function seeded(agentType: SimTask['agentType'], root: number): fc.Arbitrary<SimTask> {
  return fc
    .record({ priority: fc.constantFrom(...PRIORITIES), reviewers: fc.constantFrom(1, 2) })
    .map((more) => newTask({ root, depth: 0, title: `Root ${root}`, agentType, ...more }));
}

function checkTask(world: World, task: SimTask): void {
  const passed = task.status === 'LANDING' || task.status === 'DONE';
  if (passed && !task.acceptedByPerson) {
    expect(task.meant).toEqual(Array.from({ length: task.reviewers }, () => 'approving'));
  }
  const left = task.status !== 'INBOX' && task.status !== 'REJECTED';
  if (task.agentType === 'LEAD' && left && task.status !== 'CANCELLED') {
    expect(task.admittedBy).toBe('person');
  }
  expect(task.admittedBy === 'policy' && task.agentType === 'LEAD').toBe(false);
  expect(task.cycle).toBeLessThanOrEqual(allowedCycles(world, task));
  expect(task.landingCycles).toBeLessThanOrEqual(world.maxLandingCycles);
  expect(task.depth).toBeLessThanOrEqual(world.caps.maxDepth);
  for (const filed of task.filed.values()) {
    expect(filed).toBeLessThanOrEqual(world.caps.maxPerVerdict);
  }
  expect(task.blockedBy !== null).toBe(task.status === 'BLOCKED');
}

function checkTrees({ tasks, caps }: World): void {
  for (const root of new Set(tasks.map((task) => task.root))) {
    const titles = tasks.filter((task) => task.root === root).map(({ title }) => title);
    expect(titles.length).toBeLessThanOrEqual(Math.max(1, caps.maxPerTree));
    expect(new Set(titles).size).toBe(titles.length);
  }
}

describe('the pure core, simulated', () => {
  test('keeps its promises whatever agents, people and policies do', () => {
    const seen = new Map<string, number>();
    const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
    fc.assert(
      fc.property(world, fc.array(step, { minLength: 60, maxLength: 150 }), (start, steps) => {
        // Shrinking runs a world again, so each run has its own copy.
        const here = structuredClone(start);
        for (const each of steps) {
          const ends = here.tasks.map((task) => (ended(task) ? task.status : null));
          advance(here, each);
          count('steps');
          for (const [index, end] of ends.entries()) {
            if (end !== null) expect(here.tasks[index]?.status).toBe(end);
          }
          const moved = here.tasks[each.pick % ends.length];
          if (moved === undefined) continue;
          checkTask(here, moved);
          count(moved.blockedBy ?? moved.status);
        }
        for (const task of here.tasks) {
          checkTask(here, task);
          if (task.depth > 0) count('spawned');
        }
        checkTrees(here);
      }),
      { numRuns: 150, seed: 121, endOnFailure: false },
    );
    // A simulator that never gets anywhere proves nothing.
    expect(seen.get('steps')).toBeGreaterThan(10_000);
    const reached = ['DONE', 'CANCELLED', 'spawned', 'revision-cap', 'review-failed'];
    for (const state of [...reached, 'landing-cap', 'execution-failed', 'INBOX', 'REJECTED']) {
      expect(seen.get(state), state).toBeGreaterThan(0);
    }
  });
});
