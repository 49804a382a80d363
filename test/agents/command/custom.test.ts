import { describe, expect, test } from 'vitest';
import { custom } from '../../../src/agents/command/custom.js';
import { type Facts, outcomeOf, spentSince } from '../../../src/agents/command/outcome.js';
import type { Handover, Told } from '../../../src/agents/command/reading.js';
import { ended, exited } from './recordings.js';

const NOW = 1000;
const read = (stdout: string, more: Parameters<typeof ended>[1] = {}) =>
  custom.read(ended(stdout, more), 'EXECUTION', NOW);

describe('how a program of the contract is read', () => {
  test('the result file beats what was printed', () => {
    const result = JSON.stringify({
      report: 'Done.',
      usage: { input: 5, output: 2, costUsd: 0.1 },
      session: 's1',
    });
    expect(read('chatter', { result })).toEqual({
      told: {
        kind: 'handed-over',
        handover: { report: 'Done.', unchanged: null, question: null, verdict: null },
        denials: [],
      },
      session: 's1',
      spent: { usage: { input: 5, output: 2, cacheRead: 0, cacheWrite: 0 }, costUsd: 0.1 },
    });
  });

  test('JSON on standard output, and plain words as a report', () => {
    const handover = { report: 'x', question: 'Which?' };
    expect(read('{"report":"x","question":"Which?"}').told).toMatchObject({ handover });
    expect(read('I did it.\n').told).toMatchObject({ handover: { report: 'I did it.\n' } });
  });

  test('plain words are no verdict', () => {
    const { told } = custom.read(ended('APPROVED {"verdict":"APPROVED"}'), 'REVIEW', NOW);
    expect(told).toMatchObject({ handover: { verdict: null } });
  });

  test('a limit with its end', () => {
    const { told } = read('{"later":{"seconds":60,"message":"full"}}');
    expect(told).toEqual({ kind: 'limited', message: 'full', resetsAt: NOW + 60 });
  });

  test.each([
    ['nothing', '', {}, 'no-result'],
    ['an object of another shape', '{"report":[]}', {}, 'no-result'],
    ['an empty hand-over', '{}', {}, 'no-result'],
    ['a bad exit code', '{"report":"Done."}', exited(2), 'agent-error'],
    ['a cut output', 'Done.', { cutBytes: 3 }, 'no-result'],
  ])('%s is a failure', (_, stdout, more, cause) => {
    expect(read(stdout, more).told).toMatchObject({ kind: 'failed', cause });
  });

  test('what it prints is its log, but for its result', () => {
    const { hear } = custom.listen();
    expect(hear('working', 'stdout')).toEqual([{ kind: 'log', source: 'stdout', text: 'working' }]);
    expect(hear('{"report":"Done."}', 'stdout')).toEqual([]);
    expect(hear(' ', 'stdout')).toEqual([]);
  });
});

describe('success is a fact', () => {
  const facts: Facts = { changed: true, hasFiles: true, commands: '$ x\n', now: NOW };
  const handed = (more: Partial<Handover> = {}, denials: string[] = []): Told & object => ({
    kind: 'handed-over',
    handover: { report: 'Done.', unchanged: null, question: null, verdict: null, ...more },
    denials,
  });
  const outcome = (
    told: Told,
    more: Partial<Facts> = {},
    kind: 'EXECUTION' | 'REVIEW' = 'EXECUTION',
  ) => outcomeOf(kind, told as Exclude<Told, { kind: 'no-session' }>, { ...facts, ...more });

  test('with a change the report counts, denied tools or not', () => {
    const done = { kind: 'finished', report: 'Done.', commands: '$ x\n', verdict: null };
    expect(outcome(handed())).toEqual(done);
    expect(outcome(handed({}, ['Bash']))).toEqual(done);
  });

  test('without a change and a reason it failed, and denied tools are named', () => {
    const none = { changed: false };
    expect(outcome(handed(), none)).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('changed no file and gives no reason'),
    });
    expect(outcome(handed({ unchanged: 'could not' }, ['Bash', 'Bash']), none)).toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('denied Bash;'),
    });
    expect(outcome(handed({ unchanged: ' \u200B' }), none)).toMatchObject({ kind: 'failed' });
  });

  test('with a reason it stands, and the reviewer reads it', () => {
    expect(outcome(handed({ unchanged: 'it was there' }), { changed: false })).toMatchObject({
      kind: 'finished',
      report: 'Done.\n\nNothing was changed: it was there',
    });
  });

  test('a task without files is done in words', () => {
    const words = { changed: false, hasFiles: false };
    expect(outcome(handed(), words)).toMatchObject({ kind: 'finished' });
    expect(outcome(handed({ report: ' ' }), words)).toMatchObject({ cause: 'no-result' });
  });

  test('a question is asked before anything else counts', () => {
    const told = handed({ question: 'Which?' }, ['Bash']);
    expect(outcome(told, { changed: false })).toEqual({ kind: 'asks', question: 'Which?' });
  });

  test('a review hands its verdict over, unparsed', () => {
    const verdict = { any: 'thing' };
    const told = handed({ report: '', verdict });
    expect(outcome(told, {}, 'REVIEW')).toMatchObject({ kind: 'finished', verdict });
  });

  test('a limit waits for its end, or a quarter of an hour, and never for ever', () => {
    const limited = (resetsAt: number | null) =>
      outcome({ kind: 'limited', message: 'm', resetsAt });
    expect(limited(NOW + 90)).toEqual({
      kind: 'later',
      because: 'limit',
      message: 'm',
      retryAfterSeconds: 90,
    });
    expect(limited(null)).toMatchObject({ retryAfterSeconds: 900 });
    expect(limited(NOW - 5)).toMatchObject({ retryAfterSeconds: 1 });
    expect(limited(NOW + 1e9)).toMatchObject({ retryAfterSeconds: 7 * 86_400 });
  });

  test('what a session had used up before is not counted again', () => {
    const spent = (input: number, costUsd: number | null) => ({
      usage: { input, output: 10, cacheRead: 0, cacheWrite: 0 },
      costUsd,
    });
    expect(spentSince(null, spent(5, 0.5))).toEqual(spent(5, 0.5));
    const since = spentSince(spent(5, 0.5), spent(12, 0.75));
    expect(since).toMatchObject({ usage: { input: 7, output: 0 }, costUsd: 0.25 });
    expect(spentSince(spent(50, 0.5), spent(5, null))).toEqual(spent(5, null));
  });
});
