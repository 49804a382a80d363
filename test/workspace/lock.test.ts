import { fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LockTimeout } from '../../src/workspace/errors.js';
import { withLock } from '../../src/workspace/lock.js';
import { place, startOf } from '../../src/workspace/process-table.js';
import { temporaryFolder } from './support.js';

const lockFile = () => join(temporaryFolder(), 'a.lock');
const holder = (more: object) =>
  JSON.stringify({ token: 'x', pid: process.pid, started: '1', ...more });

test('one at a time and in order within a process, also when one fails', async () => {
  const path = lockFile();
  const order: number[] = [];
  let inside = 0;
  const one = (i: number) =>
    withLock(path, {}, async () => {
      expect(++inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
      order.push(i);
      if (i === 2) throw new Error('failed');
    });
  const all = await Promise.allSettled([0, 1, 2, 3, 4].map(one));
  expect(order).toEqual([0, 1, 2, 3, 4]);
  expect(all.map(({ status }) => status).indexOf('rejected')).toBe(2);
  expect(existsSync(path)).toBe(false);
});

test('whoever is called off leaves the queue at once, and holds nobody up', async () => {
  const path = lockFile();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = withLock(path, {}, () => held);
  const called = new AbortController();
  const second = withLock(path, { signal: called.signal }, async () => 'second');
  const third = withLock(path, {}, async () => 'third');
  called.abort(new Error('called off'));
  await expect(second).rejects.toThrow('called off');
  release();
  await first;
  expect(await third).toBe('third');
});

test('across processes: no count is lost', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'count'), '0');
  const script = new URL('lock-child.ts', import.meta.url).pathname;
  const children = [1, 2, 3].map(
    () =>
      new Promise((resolve) => {
        fork(script, [folder, '10'], { execArgv: ['--import', 'tsx'] }).once('exit', resolve);
      }),
  );
  expect(await Promise.all(children)).toEqual([0, 0, 0]);
  expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('30');
  expect(readdirSync(folder)).toEqual(['count']);
});

test('the lock of the dead is taken over: by pid, reused pid, silence from elsewhere', async () => {
  const here = await place();
  const started = await startOf(process.pid);
  const long = new Date(Date.now() - 120_000);
  const dead = [
    { content: holder({ place: here, pid: 4_190_000 }), old: false },
    { content: holder({ place: here, started: 'another time' }), old: false },
    { content: holder({ place: 'another host', started }), old: true },
  ];
  for (const { content, old } of dead) {
    const path = lockFile();
    writeFileSync(path, content);
    if (old) utimesSync(path, long, long);
    expect(await withLock(path, { timeoutMs: 5000 }, async () => 'mine')).toBe('mine');
  }
});

test('a living holder is waited for, named when time is up, and left by an abort', async () => {
  const path = lockFile();
  const started = await startOf(process.pid);
  writeFileSync(path, holder({ place: await place(), started }));
  const waiting = withLock(path, { timeoutMs: 60 }, async () => 'mine');
  await expect(waiting).rejects.toThrow(LockTimeout);
  await expect(withLock(path, { timeoutMs: 60 }, async () => 1)).rejects.toThrow(
    `held by process ${process.pid}`,
  );
  const signal = AbortSignal.timeout(30);
  await expect(withLock(path, { signal }, async () => 1)).rejects.toThrow('timeout');
  expect(existsSync(path)).toBe(true);
  const elsewhere = lockFile();
  writeFileSync(elsewhere, holder({ place: 'another host' }));
  await expect(withLock(elsewhere, { timeoutMs: 60 }, async () => 1)).rejects.toThrow(LockTimeout);
});
