import { describe, expect, test } from 'vitest';
import { BLOCK_REASONS, VERBS } from '../../src/domain/task.js';
import { KEPT } from './kept.js';
import { play, simulate } from './simulate.js';

/** What no statement leads to yet: it needs budgets in money and rules about what is sensitive. */
const NOT_YET = ['sensitive-change'];

/** Another one by hand: a failure prints it, with the shrunk sequence to put into `kept.ts`. */
const SEED = Number(process.env.MC_SIMULATOR_SEED ?? 121);

describe('the pure core and the model of the SQL functions', () => {
  test('keep the promises of the design over thousands of sequences, after every statement', () => {
    const seen = new Map<string, number>();
    const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
    const since = performance.now();
    const sequences = 2_000;
    play(sequences, SEED, (deeds) => {
      simulate(deeds, {
        look({ record, calls }) {
          const { tasks, runs, audit } = record.world;
          for (const task of tasks) count(task.blocked ?? task.status);
          for (const run of runs) count(`${run.kind} ${run.outcome ?? run.state}`);
          for (const { action } of audit) count(action);
          if (tasks.some(({ depth }) => depth > 1)) count('a follow-up of a follow-up');
          seen.set('statements', (seen.get('statements') ?? 0) + calls);
        },
      });
    });
    const seconds = (performance.now() - since) / 1000;
    const statements = seen.get('statements') ?? 0;
    console.log(
      `${Math.round(sequences / seconds)} sequences a second, ` +
        `${Math.round(statements / seconds)} statements a second`,
    );
    // A simulator that never gets anywhere proves nothing.
    expect(statements).toBeGreaterThan(50_000);
    const ends = ['DONE', 'CANCELLED', 'REJECTED', 'a follow-up of a follow-up', 'agent.pause'];
    const blocks = BLOCK_REASONS.filter((reason) => !NOT_YET.includes(reason));
    const came = ['accepted', 'revision', 'atCap', 'failed', 'cancelled'];
    const reviews = came.map((outcome) => `REVIEW ${outcome}`);
    const verbs = VERBS.map((verb) => `task.${verb}`);
    for (const what of [...ends, ...blocks, ...reviews, ...verbs]) {
      expect(seen.get(what), what).toBeGreaterThan(0);
    }
  }, 180_000);

  test.each(KEPT)('what failed once holds now: $why', ({ deeds }) => {
    expect(() => simulate(deeds)).not.toThrow();
  });
});
