import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockTimeout } from './errors.js';
import { place, startOf } from './process-table.js';

/**
 * Who holds a lock; `place` is one host, boot and PID namespace: only there does a pid mean
 * anything.
 */
interface Holder {
  token: string;
  pid: number;
  started: string;
  place: string;
}

export interface LockOptions {
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 600_000;
const BEAT_MS = 10_000;
/** A holder elsewhere cannot be seen; it is taken for dead after six missed beats. */
const SILENT_MS = 60_000;
const BREAKING_MS = 10_000;

/** Waiters of this process, so that they queue in order and do not poll against each other. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while this process alone holds the lock at `path`, across processes. A holder that
 * died is noticed by pid and start time; one on another host by a heartbeat that has stopped.
 * @throws LockTimeout; the signal's reason when it aborts while waiting
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(() => holding(path, options, work));
  const settled = mine
    .catch(() => undefined)
    .finally(() => {
      if (queues.get(path) === settled) queues.delete(path);
    });
  queues.set(path, settled);
  await turn(before, options.signal);
  return await mine;
}

/** Waits for one's turn; whoever is called off leaves the queue at once. */
async function turn(before: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let leave = () => {};
  const called = new Promise<never>((_, reject) => {
    leave = () => reject(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
  });
  try {
    await Promise.race([before, called]);
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

async function holding<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  options.signal?.throwIfAborted();
  const token = await acquire(path, options);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined); // gone: just released
  }, BEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readHolder(path))?.token === token) await rm(path, { force: true });
  }
}

async function acquire(path: string, options: LockOptions): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const token = randomUUID();
  const started = (await startOf(process.pid)) ?? 'unknown';
  const holder: Holder = { token, pid: process.pid, started, place: await place() };
  const draft = `${path}.${token}`;
  await writeFile(draft, JSON.stringify(holder));
  const since = Date.now();
  try {
    for (let pause = 15; ; pause = Math.min(pause * 1.5, 250)) {
      if (await linked(draft, path)) return token;
      await breakIfDead(path);
      const waited = Date.now() - since;
      if (waited > (options.timeoutMs ?? TIMEOUT_MS)) {
        throw new LockTimeout(path, waited, describe(await readHolder(path)));
      }
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() =>
        options.signal?.throwIfAborted(),
      );
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** A hard link appears with its content or not at all, so nobody reads half a holder. */
async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead holder. One breaker at a time, and it looks again: else a fresh lock
 * could go.
 */
async function breakIfDead(path: string): Promise<void> {
  if (!(await isDead(path))) return;
  const breaking = `${path}.breaking`;
  try {
    await writeFile(breaking, String(process.pid), { flag: 'wx' });
  } catch {
    if ((await ageMs(breaking)) > BREAKING_MS) await rm(breaking, { force: true });
    return;
  }
  try {
    if (await isDead(path)) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}

async function isDead(path: string): Promise<boolean> {
  const holder = await readHolder(path);
  if (holder === null) return false;
  if (holder.place !== (await place())) return (await ageMs(path)) > SILENT_MS;
  return (await startOf(holder.pid)) !== holder.started;
}

async function readHolder(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null; // released in this moment
  }
}

async function ageMs(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}

function describe(holder: Holder | null): string {
  return holder === null ? 'another process' : `process ${holder.pid} on ${holder.place}`;
}

/** Whether a living process holds the lock at `path`, this one included. */
export async function isHeld(path: string): Promise<boolean> {
  return (await readHolder(path)) !== null && !(await isDead(path));
}

/** True for a system error with this code. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
