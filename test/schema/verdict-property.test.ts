import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accepts, VERDICT_KINDS } from '../../src/domain/verdict.js';
import { readVerdict } from '../../src/schema/verdict.js';
import { blocker, expected, fixed, met, none, spawn } from './verdicts.js';

describe('whatever comes', () => {
  const expectation = fc.constantFrom(expected, none);

  test('garbage is refused in words, never thrown, never read', () => {
    fc.assert(
      fc.property(fc.anything(), expectation, (raw, asked) => {
        const read = readVerdict(raw, asked);
        expect(read.ok).toBe(false);
        expect(!read.ok && read.error.length > 0).toBe(true);
      }),
    );
  });

  test('what is read keeps every rule', () => {
    const some = <T>(values: readonly T[]) => fc.subarray([...values]);
    const raw = fc.record({
      nonce: fc.constantFrom('n-1', 'n-1', 'n-1', 'old'),
      verdict: fc.constantFrom(...VERDICT_KINDS),
      summary: fc.string(),
      issues: some([blocker, { severity: 'minor', text: 'm' }]),
      criteria: some([met('A1'), met('A2'), { ...met('Own'), result: 'not-met' }]),
      earlier: some([...fixed, { issue: 'R1.1', answer: 'open' }]),
      spawn: some(spawn),
    });
    let read = 0;
    fc.assert(
      fc.property(raw, expectation, (told, asked) => {
        const answer = readVerdict(told, asked);
        if (!answer.ok) return;
        read += 1;
        const { kind, issues, criteria, earlier, followUps } = answer.verdict;
        expect(told.nonce).toBe('n-1');
        expect(earlier.map(({ issue }) => issue).toSorted()).toEqual(
          asked.earlier.map(({ id }) => id),
        );
        expect(followUps.length > 0).toBe(kind.includes('SPAWN'));
        const stops =
          issues.some(({ severity }) => severity === 'blocking') ||
          earlier.some(({ issue, answer: said }) => issue === 'R1.1' && said === 'open');
        expect(stops).toBe(!accepts(kind));
        if (!accepts(kind)) return;
        expect(criteria.every(({ result }) => result === 'met')).toBe(true);
        expect(criteria.map(({ criterion }) => criterion)).toEqual(
          expect.arrayContaining([...asked.acceptance]),
        );
      }),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(20);
  });
});
