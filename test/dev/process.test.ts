import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnLogged } from '../../src/dev/child.js';
import { takeLock } from '../../src/dev/lock.js';
import {
  findProcess,
  isAlive,
  lastLines,
  type ProcessRef,
  send,
  terminate,
  thisProcess,
  untilDead,
} from '../../src/dev/process.js';
import { tempFolder, until } from './support.js';

/** A shell with the given body, ended with the test whatever happens. */
async function shell(body: string, folder = tempFolder()) {
  const child = await spawnLogged('/bin/sh', ['-c', body], { logFile: join(folder, 'log') });
  onTestFinished(() => send(-child.process.pid, 'SIGKILL'));
  return child;
}

describe('a process', () => {
  test('is known by pid and start time', async () => {
    const child = await shell('exec sleep 60');
    expect(findProcess(child.process.pid)).toEqual(child.process);
    expect(isAlive(child.process)).toBe(true);
    expect(isAlive({ ...child.process, startedAt: 'another' })).toBe(false);
    expect(child.process.startedAt).not.toBe(thisProcess().startedAt);
    await child.stop(5_000);
    expect(await child.exited).toBe('SIGTERM');
    expect(isAlive(child.process)).toBe(false);
    await untilDead(child.process);
  });

  test('that has ended but was not collected by its parent counts as dead', async () => {
    const folder = tempFolder();
    // The parent becomes `sleep`, which never collects the child that it inherits.
    const parent = await shell('sh -c "exit 0" & echo $!; exec sleep 60', folder);
    const pid = await until(() => Number(lastLines(join(folder, 'log'))[0]));
    await until(() => findProcess(pid) === null);
    expect(isAlive(parent.process)).toBe(true);
  });

  test('that does not listen is killed, with all that it started', async () => {
    const folder = tempFolder();
    const body = 'trap "" TERM; sleep 60 & echo $!; while :; do sleep 1; done';
    const child = await shell(body, folder);
    const inner = await until(() => findProcess(Number(child.lastLines()[0])));
    await terminate(child.process, { graceMs: 50, group: true });
    expect(await child.exited).toBe('SIGKILL');
    await untilDead(inner);
  });

  test('a stranger with the same pid is left alone', async () => {
    const child = await shell('exec sleep 60');
    await terminate({ ...child.process, startedAt: 'earlier' }, { graceMs: 0, group: true });
    expect(isAlive(child.process)).toBe(true);
  });
});

describe('the output of a child', () => {
  test('goes to a file; the last lines are those of this start', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'log'), 'of an earlier start\n');
    const child = await shell('echo out; echo err >&2; exit 3', folder);
    expect(await child.exited).toBe('exit code 3');
    expect(child.lastLines()).toEqual(['out', 'err']);
    expect(lastLines(join(folder, 'log'), { count: 1 })).toEqual(['err']);
    expect(lastLines(join(folder, 'none'))).toEqual([]);
  });

  test('a program that does not exist says so', async () => {
    const logFile = join(tempFolder(), 'log');
    const child = await spawnLogged('/no/such/program', [], { logFile });
    expect(await child.exited).toBe('exit code 127');
    expect(child.lastLines().join()).toContain('/no/such/program');
  });

  test('a log that has grown too long begins anew', async () => {
    const folder = tempFolder();
    appendFileSync(join(folder, 'log'), Buffer.alloc(20_000_001, 'x'));
    const child = await shell('echo new', folder);
    await child.exited;
    expect(lastLines(join(folder, 'log'))).toEqual(['new']);
    expect(lastLines(join(folder, 'log.1'))).toHaveLength(1);
  });
});

describe('the lock of a data folder', () => {
  test('is held by one, and free again after its release', () => {
    const home = tempFolder();
    const first = takeLock(home);
    expect(first.kind).toBe('held');
    expect(takeLock(home)).toEqual({ kind: 'taken', by: thisProcess() });
    if (first.kind === 'held') first.release();
    expect(takeLock(home).kind).toBe('held');
  });

  test('a holder that has died, or whose pid belongs to a stranger, holds nothing', () => {
    const holders: ProcessRef[] = [
      { pid: 2 ** 22, startedAt: 'long ago' },
      { ...thisProcess(), startedAt: 'long ago' },
    ];
    for (const holder of holders) {
      const home = tempFolder();
      writeFileSync(join(home, 'lock.7'), JSON.stringify({ holder }));
      expect(takeLock(home).kind).toBe('held');
      expect(takeLock(home)).toEqual({ kind: 'taken', by: thisProcess() });
    }
  });

  test('of several that find a dead holder at once, one gets it', async () => {
    const home = join(tempFolder(), 'home');
    mkdirSync(home);
    writeFileSync(join(home, 'lock.3'), JSON.stringify({ holder: { pid: 1, startedAt: 'x' } }));
    const program = new URL('./lock-taker.ts', import.meta.url).pathname;
    const takers = Array.from({ length: 4 }, () =>
      execa(process.execPath, ['--import', 'tsx', program, home]),
    );
    onTestFinished(() => takers.forEach((taker) => void taker.kill('SIGKILL')));
    const lines = takers.map(
      (taker) =>
        new Promise<string>((resolve) =>
          taker.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())),
        ),
    );
    const results = await Promise.all(lines);
    expect(results.filter((line) => line === 'held')).toHaveLength(1);
    for (const taker of takers) taker.stdin.end();
    await Promise.all(takers);
  });
});
