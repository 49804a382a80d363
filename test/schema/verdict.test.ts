import { describe, expect, test } from 'vitest';
import { readVerdict } from '../../src/schema/verdict.js';
import { approved, blocker, expected, fixed, met, none, revision, spawn } from './verdicts.js';

const errorOf = (raw: unknown, asked: Parameters<typeof readVerdict>[1] = expected): string => {
  const read = readVerdict(raw, asked);
  return read.ok ? 'it was read' : read.error;
};

describe('a whole verdict', () => {
  test('is read into what the record holds', () => {
    expect(readVerdict({ ...revision, verdict: 'REVISION+SPAWN', spawn }, expected)).toEqual({
      ok: true,
      verdict: {
        kind: 'REVISION+SPAWN',
        summary: 'Good',
        issues: [blocker],
        criteria: [],
        earlier: fixed,
        followUps: [{ title: 'Next', description: '', acceptance: [] }],
      },
    });
  });

  test('may leave out the lists it has nothing for', () => {
    const bare = { nonce: 'n-1', verdict: 'APPROVED', summary: '' };
    expect(readVerdict(bare, none)).toEqual({
      ok: true,
      verdict: {
        kind: 'APPROVED',
        summary: '',
        issues: [],
        criteria: [],
        earlier: [],
        followUps: [],
      },
    });
  });

  test('answers a criterion by id, by text or by both; the record holds the text', () => {
    for (const told of ['A1', 'a1', ' it  WORKS', 'A1. It works', 'A1: It works']) {
      const read = readVerdict({ ...approved, criteria: [met(told), met('A2')] }, expected);
      expect(read.ok && read.verdict.criteria.map(({ criterion }) => criterion)).toEqual([
        'It works',
        'It is fast',
      ]);
    }
  });

  test('a criterion whose text looks like the id of another is itself', () => {
    const asked = { ...none, acceptance: ['A2', 'fast'] };
    const criteria = [{ ...met('A2'), evidence: 'first' }, met('fast')];
    const read = readVerdict({ ...approved, earlier: [], criteria }, asked);
    expect(read.ok && read.verdict.criteria[0]).toMatchObject({ criterion: 'A2' });
  });

  test('an earlier blocking issue that is still open is enough for a revision', () => {
    const earlier = [
      { issue: 'R1.1', answer: 'open' },
      { issue: 'R1.2', answer: 'fixed' },
    ];
    expect(readVerdict({ ...revision, issues: [], earlier }, expected).ok).toBe(true);
  });

  test('text is mended so that it can be stored', () => {
    const read = readVerdict({ ...approved, summary: 'a\u0000b\uD800' }, expected);
    expect(read.ok && read.verdict.summary).toBe('a\uFFFDb\uFFFD');
  });
});

describe('refused, in words that can be handed back', () => {
  test.each([
    ['no object', 'APPROVED', 'verdict: expected an object, got "APPROVED"'],
    ['nothing', undefined, 'verdict: expected an object, got nothing'],
    [
      'an unknown kind',
      { ...approved, verdict: 'approved' },
      'verdict.verdict: expected one of APPROVED, REVISION, SPAWN, REVISION+SPAWN, got "approved"',
    ],
    [
      'an unknown field',
      { ...approved, isues: [] },
      'verdict.isues: unknown field; known are nonce, verdict, summary, issues, criteria, ' +
        'earlier, spawn; did you mean issues?',
    ],
    [
      'an unknown field further in',
      { ...revision, issues: [{ ...blocker, line: 3 }] },
      'verdict.issues[0].line: unknown field; known are severity, text, file',
    ],
    [
      'a wrong nonce',
      { ...approved, nonce: 'old' },
      'verdict.nonce: expected the nonce of this review, got "old"; ' +
        'a verdict from elsewhere does not count',
    ],
    [
      'a revision without a blocking issue',
      { ...revision, issues: [{ severity: 'minor', text: 'x' }] },
      'verdict.issues: REVISION needs at least one "blocking" issue',
    ],
    [
      'an issue that says nothing',
      { ...revision, issues: [{ severity: 'blocking', text: ' \u200B' }] },
      'verdict.issues[0].text: expected some text, got " <U+200B>"',
    ],
    [
      'an approval with a blocking issue',
      { ...approved, issues: [blocker] },
      'verdict.issues[0].severity: APPROVED holds no "blocking" issue',
    ],
    [
      'SPAWN with a blocking issue',
      { ...approved, verdict: 'SPAWN', spawn, issues: [blocker] },
      'verdict.issues[0].severity: SPAWN holds no "blocking" issue',
    ],
    [
      'SPAWN without a follow-up',
      { ...approved, verdict: 'SPAWN' },
      'verdict.spawn: SPAWN needs at least one follow-up task, got none',
    ],
    [
      'REVISION+SPAWN without a follow-up',
      { ...revision, verdict: 'REVISION+SPAWN' },
      'verdict.spawn: REVISION+SPAWN needs at least one follow-up task, got none',
    ],
    [
      'an approval with follow-ups',
      { ...approved, spawn },
      'verdict.spawn: APPROVED files no follow-up task, got 1',
    ],
    [
      'a criterion that was not verified',
      { ...approved, criteria: [met('A1'), { ...met('A2'), result: 'not-verified' }] },
      'verdict.criteria[1].result: "It is fast" is "not-verified"; ' +
        'APPROVED needs every criterion "met"',
    ],
    [
      'a criterion of its own that is not met',
      { ...approved, criteria: [...approved.criteria, { ...met('Own'), result: 'not-met' }] },
      'verdict.criteria[2].result: "Own" is "not-met"; APPROVED needs every criterion "met"',
    ],
    [
      'a criterion without an answer',
      { ...approved, criteria: [met('A1')] },
      'verdict.criteria: A2 "It is fast" is not answered; APPROVED needs every criterion "met"',
    ],
    [
      'a criterion without evidence',
      { ...approved, criteria: [{ ...met('A1'), evidence: '' }, met('A2')] },
      'verdict.criteria[0].evidence: expected some text, got ""',
    ],
    [
      'a criterion answered twice',
      { ...approved, criteria: [met('A1'), met('A2'), met('It works')] },
      'verdict.criteria[2].criterion: "It works" is answered twice',
    ],
    [
      'an earlier issue without an answer',
      { ...approved, earlier: fixed.slice(0, 1) },
      'verdict.earlier: R1.2 is not answered; say fixed, open or withdrawn',
    ],
    [
      'an earlier issue without an answer in a revision',
      { ...revision, earlier: fixed.slice(1) },
      'verdict.earlier: R1.1 is not answered; say fixed, open or withdrawn',
    ],
    [
      'an earlier issue answered twice',
      { ...approved, earlier: [...fixed, { issue: 'R1.1', answer: 'withdrawn' }] },
      'verdict.earlier[2].issue: "R1.1" is answered twice',
    ],
    [
      'an answer to what nobody raised',
      { ...approved, earlier: [...fixed, { issue: 'R9.9', answer: 'fixed' }] },
      'verdict.earlier[2].issue: "R9.9" is no earlier issue to answer; they are R1.1, R1.2',
    ],
    [
      'an approval that leaves an earlier blocking issue open',
      { ...approved, earlier: [{ issue: 'R1.1', answer: 'open' }, fixed[1]] },
      'verdict.earlier: R1.1 is blocking and "open"; APPROVED leaves none open',
    ],
    [
      'a follow-up whose title has two lines',
      { ...approved, verdict: 'SPAWN', spawn: [{ title: 'a\nb' }] },
      'verdict.spawn[0].title: expected a single line, got "a\\nb"',
    ],
    [
      'too many issues',
      { ...revision, issues: Array.from({ length: 201 }, () => blocker) },
      'verdict.issues: expected at most 200 entries, got a list of 201',
    ],
    [
      'an endless summary',
      { ...approved, summary: 'x'.repeat(10_001) },
      `verdict.summary: expected at most 10000 characters, got "${'x'.repeat(79)}…"`,
    ],
    [
      'an endless issue',
      { ...revision, issues: [{ ...blocker, text: 'x'.repeat(20_001) }] },
      `verdict.issues[0].text: expected at most 20000 characters, got "${'x'.repeat(79)}…"`,
    ],
  ])('%s', (_, raw, error) => {
    expect(errorOf(raw)).toBe(error);
  });

  test('without a nonce to compare nothing is believed', () => {
    const raw = { nonce: '', verdict: 'APPROVED', summary: '' };
    expect(errorOf(raw, { ...none, nonce: '' })).toContain('verdict.nonce');
  });

  test('of a wrong nonce nothing else is said: the rest is not this run’s', () => {
    expect(errorOf({ ...approved, nonce: 'old', earlier: [] })).not.toContain('R1.1');
  });

  test('a text that holds a verdict is no verdict', () => {
    expect(errorOf(JSON.stringify(approved))).toContain('expected an object');
    expect(errorOf({ ...approved, verdict: 'I say APPROVED' })).toContain('expected one of');
  });

  test('many faults are told in a few sentences', () => {
    const issues = Array.from({ length: 150 }, () => ({ severity: 'x'.repeat(500) }));
    const error = errorOf({ ...revision, issues });
    expect(error).toContain('; and 295 more');
    expect(error.length).toBeLessThan(2_000);
  });
});
