import { describe, expect, test } from 'vitest';
import { openIssues, settleReviews } from '../../src/domain/reviews.js';
import { accepts, VERDICT_KINDS, type Verdict } from '../../src/domain/verdict.js';
import { blocking, cycleOf, minor, verdictOf } from './samples.js';

describe('settling', () => {
  const all: readonly (Verdict | null)[] = [null, ...VERDICT_KINDS.map((kind) => verdictOf(kind))];

  test('any revision sends back, else any unreadable fails, else accepted: every pair', () => {
    for (const left of all) {
      for (const right of all) {
        const pair = [left, right];
        const expected = pair.some((each) => each !== null && !accepts(each.kind))
          ? 'revision'
          : pair.includes(null)
            ? 'unreadable'
            : 'accepted';
        expect(settleReviews(pair)).toEqual({ kind: expected });
      }
    }
  });

  test('no verdict accepts nothing', () => {
    expect(settleReviews([])).toEqual({ kind: 'unreadable' });
  });
});

describe('open issues', () => {
  const first = cycleOf(
    1,
    1,
    verdictOf('REVISION', { issues: [blocking('a'), { ...minor('b'), file: 'src/b.ts' }] }),
    verdictOf('REVISION', { issues: [blocking('c')] }),
  );
  const second = (...answers: readonly Verdict['earlier'][]) =>
    cycleOf(
      2,
      3,
      ...answers.map((earlier) => verdictOf('REVISION', { earlier, issues: [blocking('new')] })),
    );
  const ids = (...cycles: Parameters<typeof openIssues>[0]) =>
    openIssues(cycles).map(({ id }) => id);

  test('blocking and minor ones of every reviewer, in full, under review and place', () => {
    expect(openIssues([first])).toEqual([
      { id: 'R1.1', severity: 'blocking', text: 'a' },
      { id: 'R1.2', severity: 'minor', text: 'b', file: 'src/b.ts' },
      { id: 'R2.1', severity: 'blocking', text: 'c' },
    ]);
  });

  test('fixed and withdrawn ones are gone, open and unanswered ones stay', () => {
    const answers = second([
      { issue: 'R1.1', answer: 'fixed' },
      { issue: 'R1.2', answer: 'withdrawn' },
      { issue: 'R2.1', answer: 'open' },
    ]);
    expect(ids(first, answers)).toEqual(['R2.1', 'R3.1']);
    expect(ids(first, second([]))).toEqual(['R1.1', 'R1.2', 'R2.1', 'R3.1']);
  });

  test('where two reviewers disagree the issue stays open, whoever speaks first', () => {
    const fixed = [{ issue: 'R1.1', answer: 'fixed' }] as const;
    const open = [{ issue: 'R1.1', answer: 'open' }] as const;
    expect(ids(first, second(fixed, open))).toContain('R1.1');
    expect(ids(first, second(open, fixed))).toContain('R1.1');
    expect(ids(first, second(fixed, fixed))).not.toContain('R1.1');
  });

  test('a cycle is told by its number, not by its place in the list', () => {
    const fixed = second([{ issue: 'R1.1', answer: 'fixed' }]);
    expect(ids(fixed, first)).toEqual(ids(first, fixed));
  });

  test('an answer in a later cycle closes what an earlier one left open', () => {
    const open = second([{ issue: 'R1.1', answer: 'open' }]);
    const fixed = cycleOf(
      3,
      4,
      verdictOf('APPROVED', { earlier: [{ issue: 'R1.1', answer: 'fixed' }] }),
    );
    expect(ids(first, open, fixed)).toEqual(['R1.2', 'R2.1', 'R3.1']);
  });
});
