import { expect, test, vi } from 'vitest';
import { SetupFailed, type Workplace } from '../../activities/attempt.js';
import { Bench } from '../../activities/check-bench.js';
import type { Deps } from '../../activities/deps.js';
import type { Beating } from '../../activities/heartbeat.js';
import type { Go } from '../../activities/perform-run.js';
import type { Progress } from '../../activities/progress.js';
import type { CheckResult, Prepared } from '../../src/domain/repository.js';
import { CheckNotStarted } from '../../src/workspace/index.js';

const stored: unknown[] = [];
vi.mock('../../drizzle/repositories.js', () => ({
  readBaseline: async () => null,
  storeBaseline: async (_: unknown, given: unknown) => void stored.push(given),
}));

const [RESULT, BASE] = ['c'.repeat(40), 'b'.repeat(40)];
const READY: Prepared = { kind: 'ready', setupDigest: 'd', cached: true };
const failing = (exitCode: number | null, isOurs = false): Prepared => ({
  ...{ kind: 'failed', setupDigest: 'd', output: 'npm ci: it failed', exitCode, isOurs },
});

/** A bench whose setups and checks end one after the other as told, the last one for good. */
function benchOf(setups: Prepared[], exits: (number | null | Error)[]) {
  stored.length = 0;
  const next = <T>(all: T[]): T => (all.length > 1 ? all.shift() : all[0]) as T;
  const recipe = {
    setup: 'npm ci',
    installScripts: false,
    checks: ['test'],
    folder: '',
    copies: [],
  };
  const workspaces = {
    openCopy: async () => ({ copy: {}, conflicts: [] }),
    prepare: async () => next(setups),
    check: async (): Promise<CheckResult[]> => {
      const exitCode = next(exits);
      if (exitCode instanceof Error) throw exitCode;
      return [{ command: 'test', exitCode, output: '', durationMs: 1 }];
    },
  };
  const deps = { workspaces, checks: { timeLimitMs: 1 }, database: {} };
  const brief = {
    ...{ work: { commit: RESULT }, run: { id: 'r' }, task: { id: 't' }, agent: { id: 'a' } },
    repository: { id: 'p', recipe, location: '/p' },
  };
  const progress = { tell: () => undefined, note: async () => undefined };
  return new Bench(
    deps as unknown as Deps,
    { brief, attempt: 1 } as unknown as Go,
    { copy: {}, base: BASE } as unknown as Workplace,
    { signal: new AbortController().signal, show: () => undefined } as unknown as Beating,
    progress as unknown as Progress,
  );
}

test('a base whose setup fails is no red baseline: nothing is kept of it', async () => {
  const bench = benchOf([failing(1)], [1]);
  await expect(bench.baseline('needed')).rejects.toThrow(SetupFailed);
  expect(stored).toEqual([]);
});

test('a setup that fails once is run once more', async () => {
  expect(await benchOf([failing(1), READY], [0]).prepare()).toBeNull();
});

test('one that fails again is told with its exit code; out of reach it is nobody’s', async () => {
  expect(await benchOf([failing(1), failing(3)], [0]).prepare()).toMatchObject({
    ...{ command: 'npm ci', exitCode: 3 },
  });
  await expect(benchOf([failing(1, true)], [0]).prepare()).rejects.toThrow(SetupFailed);
});

test('a check is red on the base when it was red twice', async () => {
  const flaky = await benchOf([READY], [1, 0]).baseline('needed');
  expect(flaky?.checks).toMatchObject([{ exitCode: 0 }]);
  const red = await benchOf([READY], [1, 2]).baseline('needed');
  expect(red?.checks).toMatchObject([{ exitCode: 2 }]);
  expect(stored).toMatchObject([{ commit: BASE, checks: [{ exitCode: 2 }] }]);
});

test('a baseline with a check that was stopped is not kept', async () => {
  const stopped = await benchOf([READY], [null]).baseline('needed');
  expect(stopped?.checks).toMatchObject([{ exitCode: null }]);
  expect(stored).toEqual([]);
});

test('a check that cannot be started is no verdict and no baseline', async () => {
  const bench = benchOf([READY], [new CheckNotStarted('test', 'no sandbox')]);
  const said = 'test could not be started: no sandbox';
  await expect(bench.runAll()).rejects.toThrow(new SetupFailed(said));
  await expect(bench.baseline('needed')).rejects.toThrow(SetupFailed);
  expect(stored).toEqual([]);
});
