import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Child, spawnLogged } from '../../src/dev/child.js';
import { findProcess, type ProcessRef, send, untilDead } from '../../src/dev/process.js';
import { type Life, type PartOptions, restartDelay, supervise } from '../../src/dev/supervise.js';
import { tempFolder, until } from './support.js';

describe('the delay before a restart', () => {
  /** Lives of these lengths, each beginning a second after the last has ended. */
  const lives = (...lengths: number[]): Life[] => {
    let now = 0;
    return lengths.map((length) => {
      const from = now + 1_000;
      now = from + length;
      return { from, to: now };
    });
  };

  test('doubles from a quarter of a second, at most ten', () => {
    const each = (count: number) => restartDelay(lives(...Array(count).fill(14_000)));
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(each)).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });

  test('begins anew after 30 s of health', () => {
    expect(restartDelay(lives(0, 0, 0, 31_000))).toBe(250);
    const killed = lives(...Array(12).fill(0)).map((life) => ({ ...life, killed: true }));
    expect(restartDelay(killed)).toBe(10_000); // it can run, so it is never given up
    expect(restartDelay(lives(0, 0, 0, 31_000, 0))).toBe(250);
    expect(restartDelay(lives(0, 0, 0, 31_000, 0, 0))).toBe(500);
  });

  test('ends when five restarts within a minute have failed', () => {
    expect(restartDelay(lives(0, 0, 0, 0, 0))).toBe(4_000);
    expect(restartDelay(lives(0, 0, 0, 0, 0, 0))).toBeNull();
    expect(restartDelay(lives(0, 0, 0, 0, 55_000, 0))).toBe(250);
  });
});

describe('a part under supervision', () => {
  /** Runs `body` in a shell as a part and notes all that is said and done about it. */
  async function part(body: string, change: Partial<PartOptions> = {}) {
    const logFile = join(tempFolder(), 'log');
    const said: string[] = [];
    const exits: ProcessRef[] = [];
    const now: { process: ProcessRef | null } = { process: null };
    const start = () => spawnLogged('/bin/sh', ['-c', body], { logFile });
    const first = await start();
    now.process = first.process;
    const supervised = supervise({
      name: 'worker',
      first,
      start,
      say: (line) => said.push(line),
      onChange: (process) => {
        now.process = process;
      },
      onExit: (process) => void exits.push(process),
      ...change,
    });
    onTestFinished(() => supervised.stop(0));
    return { supervised, first, said, exits, now };
  }

  test('that is killed is started again, said in one line, its death reported', async () => {
    const { first, said, exits, now } = await part('exec sleep 60');
    send(first.process.pid, 'SIGKILL');
    const second = await until(() => (now.process?.pid === first.process.pid ? null : now.process));
    expect(said).toEqual(['worker ended (SIGKILL); starting it again in 0.25 s']);
    expect(exits).toEqual([first.process]);
    expect(findProcess(second.pid)).toEqual(second);
  });

  test('leaves nothing of its own process group behind', async () => {
    const { first } = await part('sleep 60 & echo $!; wait');
    const inner = await until(() => findProcess(Number(first.lastLines()[0])));
    send(first.process.pid, 'SIGKILL');
    await untilDead(inner);
  });

  test('that cannot live, or not even be started again, is given up with the reason', async () => {
    const start = () => Promise.reject<Child>(new Error('the port is taken'));
    const [crashing, blocked] = [
      await part('echo no database; exit 4'),
      await part('exit 1', { start }),
    ];
    expect(await crashing.supervised.gaveUp).toEqual({
      name: 'worker',
      how: 'exit code 4',
      lastLines: ['no database'],
    });
    expect(crashing.exits).toHaveLength(6);
    expect(crashing.said).toHaveLength(5);
    expect(await blocked.supervised.gaveUp).toMatchObject({ lastLines: ['the port is taken'] });
  });

  test('that is stopped stays stopped, also between two starts', async () => {
    const { supervised, first, said, now } = await part('exec sleep 60');
    await supervised.stop(5_000);
    expect(findProcess(first.process.pid)).toBeNull();
    expect(now.process).toBeNull();
    expect(said).toEqual([]);

    const crashing = await part('exit 1');
    await until(() => crashing.said.length === 3); // waits a second now
    await crashing.supervised.stop(5_000);
    expect(crashing.exits).toHaveLength(3);
  });

  test('a fault of the hook for its death does not end the supervision', async () => {
    const onExit = () => Promise.reject(new Error('no reclaim'));
    const { first, said, now } = await part('exec sleep 60', { onExit });
    send(first.process.pid, 'SIGKILL');
    await until(() => now.process !== null && now.process.pid !== first.process.pid);
    expect(said[0]).toBe('After the end of worker: no reclaim');
  });
});
