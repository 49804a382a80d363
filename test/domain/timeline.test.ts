import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUN_KINDS, RUN_STATES } from '../../src/domain/run.js';
import {
  type TimelineRun,
  type TimelineTask,
  timeline,
  timelineMarkdown,
} from '../../src/domain/timeline.js';
import { VERDICT_KINDS } from '../../src/domain/verdict.js';

const task: TimelineTask = {
  number: 42,
  title: 'Implement search pagination',
  status: 'DONE',
  blockedBy: null,
  rehearsed: false,
  waits: null,
};
const execution = (number: number, summary: string | null, more = {}): TimelineRun => ({
  kind: 'EXECUTION',
  number,
  cycle: number,
  agent: 'Implementer',
  state: 'SUCCEEDED',
  summary,
  verdict: null,
  superseded: false,
  byPerson: false,
  ...more,
});
const review = (number: number, summary: string | null, more = {}): TimelineRun => ({
  ...execution(number, summary),
  kind: 'REVIEW',
  agent: 'Reviewer',
  verdict: 'APPROVED',
  ...more,
});
const story = [
  execution(1, 'Missing error handling'),
  review(1, 'Add error handling', { verdict: 'REVISION' }),
  execution(2, 'Error handling added'),
  review(2, 'All criteria are met'),
];
const lineOf = (run: TimelineRun): string | undefined => timeline(task, [run])[1];

describe('the timeline', () => {
  const picture = [
    'Task: "Implement search pagination"',
    '├─ Execution 1 [Implementer] SUCCEEDED — Missing error handling',
    '├─ Review 1 [Reviewer] SUCCEEDED — Verdict: REVISION: Add error handling',
    '├─ Execution 2 [Implementer] SUCCEEDED — Error handling added',
    '├─ Review 2 [Reviewer] SUCCEEDED — Verdict: APPROVED',
    '└─ Status: DONE',
  ];

  test('is the picture that the design draws', () => {
    expect(timeline(task, story)).toEqual(picture);
  });

  test('has one order, however the runs come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(story, { minLength: story.length }), (runs) => {
        expect(timeline(task, runs)).toEqual(picture);
      }),
    );
  });

  test('orders by cycle first: numbers are per kind, and a cycle may hold two executions', () => {
    const runs = [
      review(3, null, { cycle: 2 }),
      execution(3, null, { cycle: 2 }),
      review(2, null, { cycle: 1 }),
      review(1, null, { cycle: 1 }),
      execution(2, null, { cycle: 1 }),
      execution(1, null, { cycle: 1, state: 'FAILED' }),
    ];
    const heads = timeline(task, runs).map((line) => /(?:Exec|Rev)\w+ \d/.exec(line)?.[0]);
    expect(heads.filter((head) => head !== undefined)).toEqual([
      'Execution 1',
      'Execution 2',
      'Review 1',
      'Review 2',
      'Execution 3',
      'Review 3',
    ]);
  });

  test.each([
    [execution(1, null, { state: 'QUEUED' }), 'Execution 1 [Implementer] QUEUED'],
    [
      execution(1, 'ISO or local dates?', { state: 'QUEUED' }),
      'Execution 1 [Implementer] QUEUED — asks: ISO or local dates?',
    ],
    [execution(1, 'old', { state: 'RUNNING' }), 'Execution 1 [Implementer] RUNNING'],
    [
      execution(1, 'time-limit', { state: 'FAILED' }),
      'Execution 1 [Implementer] FAILED — time-limit: the run took longer than its limit',
    ],
    [
      execution(1, 'exit code 3', { state: 'FAILED' }),
      'Execution 1 [Implementer] FAILED — exit code 3',
    ],
    [
      execution(1, 'constructor', { state: 'FAILED' }),
      'Execution 1 [Implementer] FAILED — constructor',
    ],
    [
      review(1, null, { state: 'FAILED', verdict: null }),
      'Review 1 [Reviewer] FAILED — the cause was not recorded',
    ],
    [
      execution(1, 'Done', { superseded: true }),
      'Execution 1 [Implementer] SUCCEEDED (superseded) — Done',
    ],
    [
      review(1, null, { agent: 'person:ann', byPerson: true }),
      'Review 1 [person:ann] SUCCEEDED (by a person) — Verdict: APPROVED',
    ],
    [
      review(1, 'Fine; two more things', { verdict: 'SPAWN' }),
      'Review 1 [Reviewer] SUCCEEDED — Verdict: SPAWN: Fine; two more things',
    ],
    [
      execution(1, `${'x'.repeat(101)}\nsecond line`),
      `Execution 1 [Implementer] SUCCEEDED — ${'x'.repeat(99)}…`,
    ],
    [
      execution(1, 'a\u001B[31m\u202E', { agent: 'Im\nplementer' }),
      'Execution 1 [Im] SUCCEEDED — a<U+001B>[31m<U+202E>',
    ],
  ])('%# draws %o', (run, line) => {
    expect(lineOf(run)).toBe(`├─ ${line}`);
  });

  test('says what is rehearsed, what blocks and what is waited for', () => {
    const blocked = { ...task, status: 'BLOCKED', blockedBy: 'revision-cap' } as const;
    expect(timeline({ ...task, rehearsed: true }, [])[0]).toBe(
      'Task: "Implement search pagination" (REHEARSED)',
    );
    expect(timeline(blocked, []).at(-1)).toBe('└─ Status: BLOCKED (revision-cap)');
    expect(timeline({ ...task, status: 'ASSIGNED', waits: 'waits for a slot' }, []).at(-1)).toBe(
      '└─ Status: ASSIGNED — waits for a slot',
    );
  });
});

describe('the timeline in Markdown', () => {
  test('is the same picture in a block, as wide as the page shows, with a few words below', () => {
    expect(timelineMarkdown(task, story, ['Priority NORMAL.']).split('\n')).toEqual([
      '**T-42**',
      '',
      '```text',
      'Task: "Implement search pagination"',
      '├─ Execution 1 [Implementer] SUCCEEDED — Missing error',
      '│     handling',
      '├─ Review 1 [Reviewer] SUCCEEDED — Verdict: REVISION:',
      '│     Add error handling',
      '├─ Execution 2 [Implementer] SUCCEEDED — Error handling',
      '│     added',
      '├─ Review 2 [Reviewer] SUCCEEDED — Verdict: APPROVED',
      '└─ Status: DONE',
      '```',
      '',
      'Priority NORMAL.',
    ]);
  });

  test('loses no letter by being folded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        const run = execution(1, text);
        const rows = timelineMarkdown(task, [run]).split('\n').slice(4, -2);
        const bare = (line: string) => line.replaceAll(/[│├─\s]/gu, '');
        expect(bare(rows.join(''))).toBe(bare(lineOf(run) ?? ''));
        expect(Math.max(...rows.map((row) => Array.from(row).length))).toBeLessThanOrEqual(56);
      }),
    );
  });

  test('cuts the middle of a long history and says how much', () => {
    const runs = Array.from({ length: 400 }, (_, index) => execution(index + 1, 'x '.repeat(45)));
    const whole = timeline(task, runs);
    const unfolded = timelineMarkdown(task, runs).replaceAll('\n│     ', ' ');
    const lines = unfolded.split('\n').slice(3, -1);
    const at = lines.findIndex((line) => line.includes('lines cut'));
    const cut = Number(/… (\d+) lines cut …/.exec(lines[at] ?? '')?.[1]);
    expect(lines.slice(0, at)).toEqual(whole.slice(0, at));
    expect(lines.slice(at + 1)).toEqual(whole.slice(at + cut));
    expect(lines.length - 1 + cut).toBe(whole.length);
    expect(lines.at(-1)).toBe('└─ Status: DONE');
    expect(lines.length).toBeGreaterThan(100);
  });

  test('never takes more than 20,000 bytes, and nothing in it ends the block', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    const run: fc.Arbitrary<TimelineRun> = fc.record({
      kind: fc.constantFrom(...RUN_KINDS),
      number: fc.nat(),
      cycle: fc.nat(),
      agent: text,
      state: fc.constantFrom(...RUN_STATES),
      summary: fc.option(text),
      verdict: fc.option(fc.constantFrom(...VERDICT_KINDS)),
      superseded: fc.boolean(),
      byPerson: fc.boolean(),
    });
    const many = fc.tuple(fc.array(run, { maxLength: 20 }), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(text, fc.option(text), many, (title, waits, [runs, times]) => {
        const all = Array.from({ length: times }, () => runs).flat();
        const markdown = timelineMarkdown({ ...task, title: `\`\`\`${title}`, waits }, all);
        expect(Buffer.byteLength(markdown)).toBeLessThanOrEqual(20_000);
        expect(markdown.match(/^ {0,3}`{3}/gm)).toHaveLength(2);
      }),
    );
  });
});
