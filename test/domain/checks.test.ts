import { describe, expect, test } from 'vitest';
import {
  type Checked,
  type CheckStanding,
  checksReport,
  compareCheck,
  judgeChecks,
} from '../../src/domain/checks.js';
import type { Baseline, CheckResult } from '../../src/domain/repository.js';

const result = (command: string, exitCode: number | null, output = ''): CheckResult => ({
  command,
  exitCode,
  output,
  durationMs: 1,
});
const baseline = (...checks: CheckResult[]): Baseline => ({
  commit: 'b'.repeat(40),
  setupDigest: 'd',
  checks,
});
const checked = (more: Partial<Checked>): Checked => ({
  commit: 'c'.repeat(40),
  base: 'b'.repeat(40),
  compared: [],
  findings: [],
  earlier: [],
  ...more,
});
const as = (standing: CheckStanding, check: CheckResult) => ({ check, standing });

describe('a check beside its base', () => {
  const [green, red] = [result('test', 0), result('test', 1)];
  const base = { green: baseline(green), red: baseline(red), other: baseline(result('x', 1)) };

  test.each([
    ['green', green, null, null],
    ['green', green, base.green, null],
    ['mended', green, base.red, null],
    ['baseline-red', red, base.red, null],
    ['new-failure', red, base.green, red],
    ['new-failure', red, base.other, red],
    ['new-failure', red, null, red],
    ['flaky', red, base.green, green],
    ['new-failure', result('test', null), base.green, null],
  ] as const)('%s', (standing, first, known, again) => {
    expect(compareCheck(first, known, again).standing).toBe(standing);
  });

  test('what counts, and is shown, is the second time', () => {
    const second = result('test', 2, 'again');
    expect(compareCheck(red, base.green, second).check).toBe(second);
  });
});

describe('the verdict', () => {
  test('only a new failure sends the work back, with command, exit code and output', () => {
    const compared = [
      as('new-failure', result('npm test', 1, 'not ok\u001b[31m')),
      as('baseline-red', result('npm run lint', 2, 'old')),
    ];
    const verdict = judgeChecks(checked({ compared }));
    expect(verdict).toMatchObject({
      kind: 'REVISION',
      summary: 'npm test fails; BASELINE_RED: npm run lint',
    });
    expect(verdict.issues).toHaveLength(1);
    expect(verdict.issues[0]?.severity).toBe('blocking');
    expect(verdict.issues[0]?.text).toContain('npm test fails: exit code 1');
    expect(verdict.issues[0]?.text).toContain('not ok<U+001B>[31m');
  });

  test('what is red on the base, flaky, or mended is told and accepted', () => {
    const compared = [
      as('baseline-red', result('a', 1)),
      as('flaky', result('b', 1)),
      as('mended', result('c', 0)),
    ];
    expect(judgeChecks(checked({ compared }))).toMatchObject({
      kind: 'APPROVED',
      summary: 'BASELINE_RED: a; flaky: b; red on the base and green now: c; 1 check passes',
      issues: [],
    });
  });

  test('what no result may hold sends it back, whatever the checks say', () => {
    const verdict = judgeChecks(
      checked({ compared: [as('green', result('a', 0))], findings: ['x: is a link out of it'] }),
    );
    expect(verdict).toMatchObject({ kind: 'REVISION' });
    expect(verdict.issues).toEqual([{ severity: 'blocking', text: 'x: is a link out of it' }]);
  });

  test('a long output loses its middle and says so', () => {
    const output = `begin${'x'.repeat(50_000)}end`;
    const { issues } = judgeChecks(
      checked({ compared: [as('new-failure', result('a', 1, output))] }),
    );
    const text = issues[0]?.text ?? '';
    expect(text.length).toBeLessThan(7000);
    expect(text).toMatch(/begin.*characters of the output are left out.*end$/s);
  });

  test('earlier issues of checks are answered by what comes out now', () => {
    const failing = as('new-failure', result('npm test -- one', 1));
    const first = judgeChecks(
      checked({ compared: [as('new-failure', result('npm test', 1)), failing] }),
    );
    const earlier = first.issues.map((issue, index) => ({ id: `R1.${index + 1}`, ...issue }));
    const compared = [as('green', result('npm test', 0)), failing];
    expect(judgeChecks(checked({ compared, earlier })).earlier).toEqual([
      { issue: 'R1.1', answer: 'fixed' },
      { issue: 'R1.2', answer: 'withdrawn', note: 'told anew in this review' },
    ]);
  });

  test('what is not looked at now is not answered', () => {
    const failed = judgeChecks(checked({ compared: [as('new-failure', result('npm test', 1))] }));
    const findings = ['link: leads out of it'];
    const [link] = judgeChecks(checked({ findings })).issues;
    const issues = [...failed.issues, ...(link ? [link] : [])];
    const earlier = issues.map((issue, index) => ({ id: `R1.${index + 1}`, ...issue }));
    expect(judgeChecks(checked({ findings: ['big: too large'], earlier })).earlier).toEqual([
      { issue: 'R1.2', answer: 'fixed' },
    ]);
    expect(judgeChecks(checked({ findings, earlier })).earlier).toMatchObject([
      { issue: 'R1.2', answer: 'withdrawn' },
    ]);
  });
});

test('the report names commit and base, and holds what is red', () => {
  const compared = [
    as('green', result('a', 0, 'quiet')),
    as('baseline-red', result('b', 3, 'loud')),
  ];
  const report = checksReport(checked({ compared }));
  expect(report).toContain('commit cccccccccccc, beside its base bbbbbbbbbbbb');
  expect(report).toContain('- a passes\n- b BASELINE_RED: fails, as on the base (exit code 3)');
  expect(report).toContain('loud');
  expect(report).not.toContain('quiet');
});
