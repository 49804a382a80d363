import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentBackend, AgentEvent, Usage } from '../../src/agents/backend.js';
import type { RunKind } from '../../src/domain/run.js';
import { Bench } from '../support/bench.js';

/** What the agent behind the backend shall do, in words that every backend can be brought to. */
export interface Situation {
  readonly kind: RunKind;
  readonly turns: readonly {
    readonly say?: string;
    readonly write?: { readonly path: string; readonly content: string };
    readonly command?: string;
    readonly tokens?: Usage;
  }[];
  readonly ends:
    | { readonly kind: 'finishes'; readonly report: string }
    /** Before the turn of that number; after the answer it goes on. */
    | { readonly kind: 'asks'; readonly turn: number; readonly question: string }
    /** Before the turn of that number, once. */
    | { readonly kind: 'later'; readonly turn: number; readonly seconds: number }
    | { readonly kind: 'fails'; readonly turn: number; readonly message: string };
}

/** Makes a backend whose agent does as the situation says. */
export type MakeBackend = (situation: Situation, bench: Bench) => Promise<AgentBackend>;

const TOKENS: Usage = { input: 100, output: 20, cacheRead: 7, cacheWrite: 3 };

/** Three turns; each leaves one line in `performed`, so that a repeated turn shows. */
const THREE_TURNS: Situation = {
  kind: 'EXECUTION',
  turns: [1, 2, 3].map((turn) => ({
    say: `turn ${turn}`,
    write: { path: `src/${turn}.txt`, content: `file ${turn}\n` },
    command: `echo ${turn} >> performed; echo out ${turn}`,
    tokens: TOKENS,
  })),
  ends: { kind: 'finishes', report: 'Three files made.' },
};

const turnsTold = (events: readonly AgentEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'turn' ? [event.turn] : []));

/** A text with these parts in this order: how they are framed is the backend's affair. */
const inOrder = (...parts: string[]): unknown =>
  expect.stringMatching(new RegExp(parts.join('[\\s\\S]*')));

/** What every backend owes the house. */
export function describeBackend(name: string, make: MakeBackend): void {
  describe(`the ${name} backend keeps the port's contract`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await Bench.open();
    });
    afterEach(async () => {
      await bench.close();
    });
    const setting: Setting = { make, bench: () => bench };
    itWorks(setting);
    itResumes(setting);
    itStops(setting);
    itPauses(setting);
    itFails(setting);
    itReviews(setting);
  });
}

interface Setting {
  readonly make: MakeBackend;
  readonly bench: () => Bench;
}

function itWorks({ make, bench }: Setting): void {
  it('finishes with its report, its files and the whole output of its commands', async () => {
    const backend = await make(THREE_TURNS, bench());
    const outcome = await bench().attempt(backend, bench().request());
    const commands = inOrder('out 1\n', 'out 2\n', 'out 3\n');
    const report = 'Three files made.';
    expect(outcome).toEqual({ kind: 'finished', report, commands, verdict: null });
    expect(await bench().read('src/3.txt')).toBe('file 3\n');
  });

  it('tells turns, texts, tools and usage as they happen', async () => {
    const backend = await make(THREE_TURNS, bench());
    await bench().attempt(backend, bench().request());
    const { events } = bench();
    expect(turnsTold(events)).toEqual([1, 2, 3]);
    expect(events).toContainEqual({ kind: 'text', text: 'turn 2' });
    const used = events.flatMap((event) => (event.kind === 'usage' ? [event.usage] : []));
    expect(used).toEqual([TOKENS, TOKENS, TOKENS]);
    const ran = events.filter((event) => event.kind === 'tool' && event.output === 'out 2\n');
    expect(ran).toMatchObject([{ kind: 'tool', exitCode: 0 }]);
  });

  it('goes on after a command that fails, and tells its exit code', async () => {
    const turns = [{ command: 'echo broken >&2; exit 3' }, { command: 'echo mended' }];
    const ends = { kind: 'finishes', report: 'Done.' } as const;
    const backend = await make({ kind: 'EXECUTION', turns, ends }, bench());
    const outcome = await bench().attempt(backend, bench().request());
    expect(outcome).toMatchObject({ commands: inOrder('broken\n', '3', 'mended\n') });
    expect(bench().events).toContainEqual(
      expect.objectContaining({ kind: 'tool', output: 'broken\n', exitCode: 3 }),
    );
  });
}

function itResumes({ make, bench }: Setting): void {
  it('begins no turn before the checkpoint of the last is durable', async () => {
    const backend = await make(THREE_TURNS, bench());
    const toldWhenDurable: number[][] = [];
    await bench().attempt(backend, bench().request(), {
      onCheckpoint: async () => {
        // Long enough for a backend that does not wait to show itself.
        for (let tick = 0; tick < 20; tick++) await new Promise(setImmediate);
        toldWhenDurable.push(turnsTold(bench().events));
      },
    });
    expect(toldWhenDurable.slice(0, 3)).toEqual([[1], [1, 2], [1, 2, 3]]);
    expect(bench().checkpoints.map(({ turn }) => turn)).toEqual([1, 2, 3]);
  });

  it('resumes after the last checkpoint, repeats no turn and keeps earlier output', async () => {
    const backend = await make(THREE_TURNS, bench());
    const lost = new AbortController();
    const first = bench().attempt(backend, bench().request(), {
      signal: lost.signal,
      onCheckpoint: (turn) => (turn === 2 ? lost.abort(new Error('worker lost')) : undefined),
    });
    await expect(first).rejects.toThrow('worker lost');

    bench().events.length = 0;
    const resume = await bench().restore();
    const outcome = await bench().attempt(backend, bench().request({ resume }));
    expect(turnsTold(bench().events)).toEqual([3]);
    expect(await bench().read('performed')).toBe('1\n2\n3\n');
    expect(await bench().read('src/1.txt')).toBe('file 1\n');
    const commands = inOrder('out 1\n', 'out 2\n', 'out 3\n');
    expect(outcome).toMatchObject({ kind: 'finished', commands });
  });

  it('performs no turn when all are done', async () => {
    const backend = await make(THREE_TURNS, bench());
    await bench().attempt(backend, bench().request());
    bench().events.length = 0;
    const resume = bench().checkpoints[2] ?? null;
    const outcome = await bench().attempt(backend, bench().request({ resume }));
    expect(outcome).toMatchObject({ kind: 'finished', report: 'Three files made.' });
    expect(turnsTold(bench().events)).toEqual([]);
    expect(await bench().read('performed')).toBe('1\n2\n3\n');
  });
}

function itStops({ make, bench }: Setting): void {
  const endless: Situation = {
    kind: 'EXECUTION',
    turns: [{ command: 'echo $$ > pid; sleep 60; touch late' }, { command: 'touch later' }],
    ends: { kind: 'finishes', report: 'Never.' },
  };

  it('ends within a second of the abort, with its reason, and nothing happens after', async () => {
    const backend = await make(endless, bench());
    const stop = new AbortController();
    const { signal } = stop;
    const running = bench().attempt(backend, bench().request(), { signal });
    const settled = running.catch((error: unknown) => error);
    await expect.poll(() => bench().read('pid'), { timeout: 5000 }).toMatch(/\d+\n/);
    const pid = Number(await bench().read('pid'));

    const reason = new Error('cancelled by a person');
    const before = performance.now();
    stop.abort(reason);
    expect(await settled).toBe(reason);
    expect(performance.now() - before).toBeLessThan(1000);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(bench().afterAbort).toEqual([]);
    expect(await bench().read('late')).toBeNull();
    expect(bench().checkpoints).toEqual([]);
  });

  it('does nothing when it is aborted before it begins', async () => {
    const backend = await make(THREE_TURNS, bench());
    const signal = AbortSignal.abort(new Error('too late'));
    const attempt = bench().attempt(backend, bench().request(), { signal });
    await expect(attempt).rejects.toThrow('too late');
    expect(bench().events).toEqual([]);
    expect(bench().afterAbort).toEqual([]);
  });

  it('ends when a checkpoint is refused, and does not take the next turn', async () => {
    const backend = await make(THREE_TURNS, bench());
    const attempt = bench().attempt(backend, bench().request(), {
      onCheckpoint: () => {
        throw new Error('not the current attempt');
      },
    });
    await expect(attempt).rejects.toThrow('not the current attempt');
    expect(turnsTold(bench().events)).toEqual([1]);
    expect(await bench().read('performed')).toBe('1\n');
  });
}

function itPauses({ make, bench }: Setting): void {
  it('asks, and goes on with the answer where it stood', async () => {
    const question = 'Which port?';
    const ends = { kind: 'asks', turn: 2, question } as const;
    const backend = await make({ ...THREE_TURNS, ends }, bench());
    const asked = await bench().attempt(backend, bench().request());
    expect(asked).toEqual({ kind: 'asks', question });
    expect(await bench().read('performed')).toBe('1\n');

    const resume = await bench().restore();
    const request = bench().request({ resume, answer: '8080' });
    expect(await bench().attempt(backend, request)).toMatchObject({ kind: 'finished' });
    expect(await bench().read('performed')).toBe('1\n2\n3\n');
  });

  it('says how long to wait, and goes on when it is called again', async () => {
    const ends = { kind: 'later', turn: 2, seconds: 3600 } as const;
    const backend = await make({ ...THREE_TURNS, ends }, bench());
    const paused = await bench().attempt(backend, bench().request());
    expect(paused).toMatchObject({ kind: 'later', retryAfterSeconds: 3600 });
    expect(paused).toHaveProperty('message', expect.stringMatching(/\S/));

    const resume = await bench().restore();
    const outcome = await bench().attempt(backend, bench().request({ resume }));
    expect(outcome).toMatchObject({ kind: 'finished' });
    expect(await bench().read('performed')).toBe('1\n2\n3\n');
  });
}

function itFails({ make, bench }: Setting): void {
  it("gives the agent's own failure as an outcome with its cause, and does not throw", async () => {
    const ends = { kind: 'fails', turn: 2, message: 'the agent gave up' } as const;
    const backend = await make({ ...THREE_TURNS, ends }, bench());
    const outcome = await bench().attempt(backend, bench().request());
    expect(outcome).toEqual({
      kind: 'failed',
      cause: 'agent-error',
      message: expect.stringContaining('the agent gave up'),
    });
    expect(await bench().read('performed')).toBe('1\n');
  });

  it('does not throw when the agent is refused a path outside its working copy', async () => {
    const outside = join(bench().base, 'outside');
    await mkdir(outside);
    await symlink(outside, join(bench().folder, 'link'));
    const turns = [{ write: { path: 'link/stolen', content: 'x' } }];
    const ends = { kind: 'finishes', report: 'Done.' } as const;
    const backend = await make({ kind: 'EXECUTION', turns, ends }, bench());
    const outcome = await bench().attempt(backend, bench().request());
    expect(['failed', 'finished']).toContain(outcome.kind);
    expect(await bench().read('../outside/stolen')).toBeNull();
  });
}

function itReviews({ make, bench }: Setting): void {
  const review: Situation = { ...THREE_TURNS, kind: 'REVIEW' };
  it.each(['nonce-a', 'nonce-b'])('hands over a verdict that bears %s', async (nonce) => {
    const backend = await make(review, bench());
    const request = bench().request({ kind: 'REVIEW', nonce });
    const outcome = await bench().attempt(backend, request);
    expect(outcome).toMatchObject({ kind: 'finished', verdict: { nonce, verdict: 'APPROVED' } });
  });

  it('answers every criterion and every earlier issue', async () => {
    const backend = await make(review, bench());
    const request = bench().request({
      kind: 'REVIEW',
      task: { number: 1, title: 'A task', description: '', acceptance: ['fast', 'small'] },
      earlierIssues: [
        { id: 'R1.1', text: 'slow' },
        { id: 'R1.2', text: 'big' },
      ],
    });
    const outcome = await bench().attempt(backend, request);
    expect(outcome).toMatchObject({
      verdict: {
        criteria: [
          { criterion: 'fast', result: 'met' },
          { criterion: 'small', result: 'met' },
        ],
        earlier: [{ issue: 'R1.1' }, { issue: 'R1.2' }],
      },
    });
  });

  it('asked again, makes the verdict anew without repeating a turn', async () => {
    const backend = await make(review, bench());
    await bench().attempt(backend, bench().request({ kind: 'REVIEW' }));
    const resume = bench().checkpoints.at(-1) ?? null;
    const reask = 'verdict: expected one of APPROVED, REVISION';
    const request = bench().request({ kind: 'REVIEW', resume, reask, nonce: 'nonce-2' });
    const outcome = await bench().attempt(backend, request);
    expect(outcome).toMatchObject({ kind: 'finished', verdict: { nonce: 'nonce-2' } });
    expect(await bench().read('performed')).toBe('1\n2\n3\n');
  });
}
