import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunOutcome } from '../../src/agents/backend.js';
import { Bench } from '../support/bench.js';
import { rehearse } from './rehearsals.js';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await bench.close();
});

const turns = [{ commands: ['echo 1 >> performed'] }, { commands: ['echo 2 >> performed'] }];

const review = async (faults: object): Promise<(reask: string | null) => Promise<unknown>> => {
  const verdict = { verdict: 'APPROVED', summary: 'Good.' };
  const backend = await rehearse(bench, { reviews: [{ verdict, faults }] });
  return async (reask) => {
    const outcome = await bench.attempt(backend, bench.request({ kind: 'REVIEW', reask }));
    return outcome.kind === 'finished' ? outcome.verdict : outcome;
  };
};

describe('a fault of a scenario', () => {
  const execute = async (faults: object): Promise<() => Promise<RunOutcome>> => {
    const backend = await rehearse(bench, { executions: [{ turns, report: 'Done.', faults }] });
    return async () => {
      const resume = await bench.restore();
      return await bench.attempt(backend, bench.request({ resume }));
    };
  };

  it('crashes before a turn in every attempt, the turns before it done once', async () => {
    const attempt = await execute({ crashBeforeTurn: 2 });
    await expect(attempt()).rejects.toThrow('the scenario crashes before turn 2');
    await expect(attempt()).rejects.toThrow('the scenario crashes before turn 2');
    expect(await bench.read('performed')).toBe('1\n');
  });

  it('happens in one attempt alone when it says so', async () => {
    const attempt = await execute({ crashBeforeTurn: 3, onlyAttempt: 2 });
    await expect(attempt()).resolves.toMatchObject({ kind: 'finished' });
    await expect(attempt()).rejects.toThrow('the scenario crashes before turn 3');
    await expect(attempt()).resolves.toMatchObject({ kind: 'finished' });
  });

  it('pauses in the attempt it names, even when that is resumed there', async () => {
    const attempt = await execute({ later: { turn: 3, seconds: 9 }, onlyAttempt: 2 });
    expect(await attempt()).toMatchObject({ kind: 'finished' });
    expect(await attempt()).toMatchObject({ kind: 'later', retryAfterSeconds: 9 });
    expect(await attempt()).toMatchObject({ kind: 'finished' });
  });

  it('runs out of budget once, and goes on when it is let', async () => {
    const attempt = await execute({ outOfBudget: { turn: 1, message: 'all spent' } });
    expect(await attempt()).toEqual({ kind: 'out-of-budget', message: 'all spent' });
    expect(await attempt()).toMatchObject({ kind: 'finished' });
    expect(await bench.read('performed')).toBe('1\n2\n');
  });

  it('hangs until it is aborted', async () => {
    const backend = await rehearse(bench, {
      executions: [{ turns, report: 'Never.', faults: { hangAtTurn: 2 } }],
    });
    const stop = new AbortController();
    const running = bench.attempt(backend, bench.request(), { signal: stop.signal });
    await expect.poll(() => bench.checkpoints.length).toBe(1);
    stop.abort(new Error('over its time'));
    await expect(running).rejects.toThrow('over its time');
    expect(await bench.read('performed')).toBe('1\n');
  });

  it('never stops: turn after turn until it is aborted', async () => {
    const backend = await rehearse(bench, {
      executions: [{ turns, report: 'Never.', faults: { neverStop: true } }],
    });
    const stop = new AbortController();
    const running = bench.attempt(backend, bench.request(), {
      signal: stop.signal,
      onCheckpoint: (turn) => (turn === 4 ? stop.abort(new Error('over its time')) : undefined),
    });
    await expect(running).rejects.toThrow('over its time');
    expect(await bench.read('performed')).toBe('1\n2\n2\n2\n');
  });
});

describe('a garbage verdict', () => {
  it.each([[null], ['APPROVED'], [{ verdict: 'approved' }]])(
    'is handed over raw: %j',
    async (garbageVerdict) => {
      const ask = await review({ garbageVerdict });
      expect(await ask(null)).toEqual(garbageVerdict);
      expect(await ask('unreadable')).toEqual(garbageVerdict);
    },
  );

  it('is mended when it is asked again, if it says once', async () => {
    const ask = await review({ garbageOnce: 'Looks good to me!' });
    expect(await ask(null)).toBe('Looks good to me!');
    expect(await ask('unreadable')).toMatchObject({ verdict: 'APPROVED', nonce: 'nonce-1' });
  });

  it('comes in one attempt alone when it says so', async () => {
    const ask = await review({ garbageVerdict: 'no', onlyAttempt: 2 });
    expect(await ask(null)).toMatchObject({ verdict: 'APPROVED' });
    expect(await ask(null)).toBe('no');
  });
});
