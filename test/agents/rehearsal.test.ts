import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandResult } from '../../src/agents/backend.js';
import { createBackends } from '../../src/agents/index.js';
import { Bench } from '../support/bench.js';
import { rehearse, scriptedOf, taskOf } from './rehearsals.js';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await bench.close();
});

describe('a task without a script', () => {
  const bare = scriptedOf({ scenarioFolder: null, effectsLog: null });

  it('is rehearsed: nothing is done, and the report says so', async () => {
    const task = taskOf({ title: 'Paint it' });
    expect(await bench.attempt(bare, bench.request({ task }))).toEqual({
      kind: 'finished',
      report: 'rehearsed, nothing was done: Paint it',
      commands: '',
      verdict: null,
    });
    expect(bench.events).toEqual([]);
    expect(bench.checkpoints).toEqual([]);
  });

  it('is approved, every criterion met and every earlier issue fixed', async () => {
    const request = bench.request({
      kind: 'REVIEW',
      number: 2,
      task: taskOf({ acceptance: ['it is fast'] }),
      earlierIssues: [{ id: 'R1.1', text: 'slow' }],
    });
    expect(await bench.attempt(bare, request)).toMatchObject({
      report: 'rehearsed',
      verdict: {
        nonce: 'nonce-1',
        verdict: 'APPROVED',
        summary: 'rehearsed',
        issues: [],
        criteria: [{ criterion: 'it is fast', result: 'met', evidence: 'rehearsed' }],
        earlier: [{ issue: 'R1.1', answer: 'fixed' }],
        spawn: [],
      },
    });
  });

  it('is what a run beyond the last script gets', async () => {
    const backend = await rehearse(bench, { executions: [{ report: 'First.' }] });
    expect(await bench.attempt(backend, bench.request())).toMatchObject({ report: 'First.' });
    expect(await bench.attempt(backend, bench.request({ number: 2 }))).toMatchObject({
      report: 'rehearsed, nothing was done: A task',
    });
  });
});

it('has no other backend yet', () => {
  const backends = createBackends({ scenarioFolder: null, effectsLog: null });
  expect(backends).toMatchObject({ command: { kind: 'command' }, anthropic: null });
});

describe('a turn', () => {
  it('fills placeholders into texts once, and never into a command', async () => {
    const turn = {
      say: 'run {{run}}',
      files: { note: '{{answer}} in {{run}}.{{attempt}} {{other}}' },
      commands: ["echo '{{answer}}'"],
    };
    const script = { turns: [turn], report: 'Attempt {{attempt}}.' };
    const backend = await rehearse(bench, { executions: [{ report: 'x' }, script] });
    const request = bench.request({ number: 2, answer: 'the {{run}}' });
    expect(await bench.attempt(backend, request)).toMatchObject({
      report: 'Attempt 1.',
      commands: "$ echo '{{answer}}'\n{{answer}}\nexit 0\n",
    });
    expect(await bench.read('note')).toBe('the {{run}} in 2.1 {{other}}');
    expect(bench.events).toContainEqual({ kind: 'text', text: 'run 2' });
  });

  it('keeps the whole output of each command, and how it ended', async () => {
    const commands = ['printf begun; exit 1', 'kill -TERM $$', `printf 'x%.0s' $(seq 20000)`];
    const backend = await rehearse(bench, { executions: [{ turns: [{ commands }], report: 'x' }] });
    const outcome = await bench.attempt(backend, bench.request());
    const [first, second, third] = commands;
    expect(outcome).toMatchObject({
      commands:
        `$ ${first}\nbegun\nexit 1\n$ ${second}\nended by a signal\n` +
        `$ ${third}\n${'x'.repeat(20_000)}\nexit 0\n`,
    });
  });

  it('removes the file whose content is null', async () => {
    const turns = [{ files: { 'a/b': 'x', c: 'y' } }, { files: { 'a/b': null, never: null } }];
    const backend = await rehearse(bench, { executions: [{ turns, report: 'x' }] });
    await bench.attempt(backend, bench.request());
    expect(await bench.read('a/b')).toBeNull();
    expect(await bench.read('c')).toBe('y');
    expect(bench.events).toContainEqual(expect.objectContaining({ tool: 'remove', input: 'a/b' }));
  });

  it('waits its delay before it touches anything, and not when it is aborted', async () => {
    const turns = [{ say: 'wait', delayMs: 60_000, files: { late: 'x' } }];
    const backend = await rehearse(bench, { executions: [{ turns, report: 'x' }] });
    const stop = new AbortController();
    const reason = new Error('enough');
    const running = bench.attempt(backend, bench.request(), {
      signal: stop.signal,
      onEvent: ({ kind }) => kind === 'text' && setImmediate(() => stop.abort(reason)),
    });
    await expect(running).rejects.toBe(reason);
    expect(await bench.read('late')).toBeNull();
    expect(bench.afterAbort).toEqual([]);
  });

  it.each([
    ['write', { files: { one: 'x', two: 'y' } }],
    ['run', { commands: ['echo first', 'touch two'] }],
  ])('does no more of itself once it is aborted: %s', async (tool, turn) => {
    const backend = await rehearse(bench, { executions: [{ turns: [turn], report: 'x' }] });
    const stop = new AbortController();
    const running = bench.attempt(backend, bench.request(), {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.kind === 'tool' && event.tool === tool) stop.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect(bench.afterAbort).toEqual([]);
    expect(await bench.read('two')).toBeNull();
  });

  it.each([
    ['write', { files: { one: 'x' } }],
    ['remove', { files: { one: null } }],
    ['run', { commands: ['true'] }],
  ])('tells nothing of what was under way when it was aborted: %s', async (effect, turn) => {
    const backend = await rehearse(bench, { executions: [{ turns: [turn], report: 'x' }] });
    const stop = new AbortController();
    const hooks = bench.hooks({ signal: stop.signal });
    const aborting = async (): Promise<CommandResult> => {
      stop.abort(new Error('enough'));
      return { exitCode: 0, output: '' };
    };
    const effects = { ...hooks.effects, [effect]: aborting };
    await expect(backend.run(bench.request(), { ...hooks, effects })).rejects.toThrow('enough');
    expect(bench.afterAbort).toEqual([]);
  });

  it('fails the run, naming the path, when it may not be written', async () => {
    const turns = [{ files: { a: 'x' } }, { files: { 'a/b': 'y' } }];
    const backend = await rehearse(bench, { executions: [{ turns, report: 'x' }] });
    expect(await bench.attempt(backend, bench.request())).toEqual({
      kind: 'failed',
      cause: 'agent-error',
      message: expect.stringContaining('a/b'),
    });
  });

  it('is logged outside the system, one line for each turn really performed', async () => {
    const log = join(bench.base, 'effects.log');
    const turns = [{ say: 'one' }, { say: 'two' }];
    const faults = { crashBeforeTurn: 2, onlyAttempt: 1 };
    const backend = await rehearse(bench, { executions: [{ turns, report: 'x', faults }] }, log);
    await expect(bench.attempt(backend, bench.request())).rejects.toThrow('crashes before turn 2');
    const resume = await bench.restore();
    await bench.attempt(backend, bench.request({ resume }));
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { run: 'run-1', attempt: 1, kind: 'EXECUTION', number: 1, turn: 1 },
      { run: 'run-1', attempt: 2, kind: 'EXECUTION', number: 1, turn: 2 },
    ]);
  });
});

it('refuses a transcript that is not its own as a defect', async () => {
  const backend = await rehearse(bench, {});
  const resume = { turn: 1, commit: 'c', transcript: { text: 'of another backend' } };
  await expect(bench.attempt(backend, bench.request({ resume }))).rejects.toThrow('commands');
});

describe("a review's verdict", () => {
  const earlierIssues = [
    { id: 'R1.1', text: 'slow' },
    { id: 'R1.2', text: 'big' },
  ];
  const judge = async (verdict: object): Promise<unknown> => {
    const script = { verdict: { verdict: 'REVISION', summary: 'Not yet.', ...verdict } };
    const backend = await rehearse(bench, { reviews: [script] });
    const task = taskOf({ acceptance: ['fast'] });
    const request = bench.request({ kind: 'REVIEW', task, earlierIssues });
    const outcome = await bench.attempt(backend, request);
    return outcome.kind === 'finished' ? outcome.verdict : outcome;
  };

  it('holds what the script says, and the nonce of the request', async () => {
    const issues = [{ severity: 'blocking', text: 'No error handling', file: 'a.ts' }];
    const spawn = [{ title: 'Docs' }];
    const criteria = [{ criterion: 'fast', result: 'not-met', evidence: '3 s' }];
    expect(await judge({ issues, spawn, criteria, earlierAll: 'open' })).toEqual({
      nonce: 'nonce-1',
      verdict: 'REVISION',
      summary: 'Not yet.',
      issues,
      criteria,
      earlier: [
        { issue: 'R1.1', answer: 'open' },
        { issue: 'R1.2', answer: 'open' },
      ],
      spawn: [{ title: 'Docs', description: '', acceptance: [] }],
    });
  });

  it('leaves out nothing that it was not told', async () => {
    expect(await judge({})).toMatchObject({
      criteria: [{ criterion: 'fast', result: 'not-verified' }],
      earlier: [{ answer: 'fixed' }, { answer: 'fixed' }],
    });
  });

  it('can leave an earlier issue unanswered, or give the rest one answer', async () => {
    const earlier = [{ issue: 'R1.2', answer: 'withdrawn' }];
    expect(await judge({ earlier })).toMatchObject({ earlier });
    expect(await judge({ earlier, earlierAll: 'fixed' })).toMatchObject({
      earlier: [...earlier, { issue: 'R1.1', answer: 'fixed' }],
    });
  });

  it("can bear another verdict's nonce", async () => {
    expect(await judge({ nonce: 'stolen' })).toMatchObject({ nonce: 'stolen' });
  });

  it('is its report unless the script has one', async () => {
    const verdict = { verdict: 'APPROVED', summary: 'Good.' };
    const backend = await rehearse(bench, { reviews: [{ verdict }, { verdict, report: 'Long.' }] });
    const review = { kind: 'REVIEW' } as const;
    expect(await bench.attempt(backend, bench.request(review))).toMatchObject({ report: 'Good.' });
    const second = bench.request({ ...review, number: 2 });
    expect(await bench.attempt(backend, second)).toMatchObject({ report: 'Long.' });
  });
});
