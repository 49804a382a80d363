import { describe, expect, test } from 'vitest';
import { type Asked, check } from '../../activities/perform-checks.js';
import { createTurns } from '../../activities/turns.js';
import { type Checked, judgeChecks } from '../../src/domain/checks.js';
import type { CheckResult } from '../../src/domain/repository.js';
import type { Verdict } from '../../src/domain/verdict.js';
import { deferred } from '../matrix/deferred.js';

const result = (command: string, exitCode: number, output = ''): CheckResult => ({
  command,
  exitCode,
  output,
  durationMs: 1,
});

/** A bench on which everything passes; what it is asked for is noted. */
function benchOf(more: Partial<Asked> = {}) {
  const asked: string[] = [];
  const noted = <A extends unknown[], R>(name: string, does: (...args: A) => Promise<R>) => {
    return async (...args: A) => {
      asked.push([name, ...args].join(' '));
      return does(...args);
    };
  };
  const bench: Asked = {
    commit: 'c'.repeat(40),
    base: 'b'.repeat(40),
    prepare: noted('prepare', more.prepare ?? (async () => null)),
    isBaseReady: noted('isBaseReady', more.isBaseReady ?? (async () => true)),
    runAll: noted('runAll', more.runAll ?? (async () => [result('test', 0)])),
    baseline: noted('baseline', more.baseline ?? (async () => null)),
    runAgain: noted('runAgain', more.runAgain ?? (async () => new Map())),
  };
  return { bench, asked };
}
const told = { cycles: [] };
const verdictOf = (came: Checked | { unprepared: string }): Verdict => {
  if ('unprepared' in came) throw new Error(came.unprepared);
  return judgeChecks(came);
};

describe('checks of a result', () => {
  test('all green: no base is looked at for it', async () => {
    const { bench, asked } = benchOf();
    expect(verdictOf(await check(bench, told))).toMatchObject({ kind: 'APPROVED' });
    expect(asked).toEqual(['prepare', 'runAll', 'baseline if known', 'runAgain ']);
  });

  test('what fails anew is run once more, and nothing else is', async () => {
    const [red, old] = [result('test', 1), result('lint', 1)];
    const { bench, asked } = benchOf({
      runAll: async () => [old, red, result('types', 0)],
      baseline: async () => ({ commit: 'b', setupDigest: 'd', checks: [old] }),
      runAgain: async () => new Map([['test', result('test', 0)]]),
    });
    expect(verdictOf(await check(bench, told))).toMatchObject({
      kind: 'APPROVED',
      summary: 'BASELINE_RED: lint; flaky: test; 1 check passes',
    });
    expect(asked.slice(2)).toEqual(['baseline needed', 'runAgain test']);
  });

  test('work that breaks the setup is sent back with what it printed', async () => {
    const { bench, asked } = benchOf({ prepare: async () => result('npm ci', 1, 'no such lock') });
    const verdict = verdictOf(await check(bench, told));
    expect(verdict).toMatchObject({ kind: 'REVISION', summary: 'npm ci fails' });
    expect(verdict.issues[0]?.text).toContain('no such lock');
    expect(asked).toEqual(['prepare', 'isBaseReady']);
  });

  test('a setup that fails on the base as well is nobody’s revision', async () => {
    const { bench } = benchOf({
      prepare: async () => result('npm ci', 1, 'registry away'),
      isBaseReady: async () => false,
    });
    expect(await check(bench, told)).toEqual({ unprepared: 'registry away' });
  });

  test('issues of checks are answered by checks, those of agents are left to them', async () => {
    const issues = [{ severity: 'blocking' as const, text: 'test fails: exit code 1' }];
    const verdict = { ...verdictOf(await check(benchOf().bench, told)), issues };
    const reviews = [
      { number: 1, agent: 'checks', byChecks: true, verdict },
      { number: 2, agent: 'Reviewer', byChecks: false, verdict },
    ];
    const execution = { number: 1, agent: 'Implementer', report: '', superseded: false };
    const came = await check(benchOf().bench, { cycles: [{ cycle: 1, execution, reviews }] });
    expect(verdictOf(came).earlier).toEqual([{ issue: 'R1.1', answer: 'fixed' }]);
  });
});

describe('turns', () => {
  const signal = new AbortController().signal;
  const onWait = async () => {};

  test('so many at once, in the order in which they came', async () => {
    const inTurn = createTurns(1);
    const done: string[] = [];
    const gate = deferred<undefined>();
    const first = inTurn({ signal, onWait }, async () => {
      await gate.promise;
      done.push('first');
    });
    const others = ['second', 'third'].map((name) =>
      inTurn({ signal, onWait }, async () => void done.push(name)),
    );
    await Promise.resolve();
    expect(done).toEqual([]);
    gate.resolve(undefined);
    await Promise.all([first, ...others]);
    expect(done).toEqual(['first', 'second', 'third']);
  });

  test('who gives up, or may not wait, keeps nobody from a turn', async () => {
    const inTurn = createTurns(1);
    const gate = deferred<undefined>();
    const first = inTurn({ signal, onWait }, () => gate.promise);
    const stop = new AbortController();
    const given = inTurn({ signal: stop.signal, onWait }, async () => 'ran');
    const paused = inTurn(
      { signal, onWait: () => Promise.reject(new Error('paused')) },
      async () => 'ran',
    );
    const last = inTurn({ signal, onWait }, async () => 'ran');
    stop.abort(new Error('cancelled'));
    await expect(given).rejects.toThrow('cancelled');
    await expect(paused).rejects.toThrow('paused');
    gate.resolve(undefined);
    await first;
    expect(await last).toBe('ran');
  });
});
