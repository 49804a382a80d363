import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.js';
import { type ProcessRef, send } from './process.js';

/** One part of the stack that must run: a worker, Postgres, Temporal. */
export interface PartOptions {
  /** As people call it: `worker`, `Postgres`. */
  name: string;
  /** Runs already. */
  first: Child;
  /** Starts it again, at the same address. */
  start(): Promise<Child>;
  say(line: string): void;
  /** Whenever another process takes its place; null while there is none. */
  onChange(process: ProcessRef | null): void;
  /** It is dead beyond doubt: whatever it held may be given to others. */
  onExit?(process: ProcessRef): void | Promise<void>;
}

/** Why the stack cannot go on. */
export interface Failure {
  name: string;
  /** How it ended last: `exit code 1`. */
  how: string;
  lastLines: string[];
}

export interface Part {
  /** Settles, never rejects, when restarting it has been given up. */
  gaveUp: Promise<Failure>;
  /** Ends it for good: asks, waits so many milliseconds, kills. */
  stop(graceMs: number): Promise<void>;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
const HEALTHY_MS = 30_000;
const RESTARTS_PER_MINUTE = 5;

/** How long one process of a part lived, in milliseconds since any fixed time. */
export interface Life {
  from: number;
  to: number;
  /** By a signal: somebody or something killed it; it did not end by itself. */
  killed?: boolean;
}

/**
 * How long to wait before the next start, in milliseconds, or null to give up: after the lives so
 * far, the last of which has just ended. 250 ms, doubled for every life in a row that was shorter
 * than 30 s, at most 10 s; given up when five restarts within a minute have all ended by
 * themselves. One that is killed can run: what kills it must not take the rest of the stack down.
 */
export function restartDelay(lives: readonly Life[]): number | null {
  const now = lives.at(-1)?.to ?? 0;
  const healthy = lives.findLastIndex((life) => life.to - life.from >= HEALTHY_MS);
  const short = lives.slice(healthy + 1);
  const recent = short.filter((life) => !life.killed && life.to > now - 60_000);
  if (recent.length > RESTARTS_PER_MINUTE) return null;
  return Math.min(FIRST_DELAY_MS * 2 ** Math.max(0, short.length - 1), LONGEST_DELAY_MS);
}

/** Keeps a part running until it is stopped: a process that ends is started again and said. */
export function supervise(options: PartOptions): Part {
  const stopping = new AbortController();
  const current = { child: options.first as Child | null };
  const lives: Life[] = [];
  let giveUp: (failure: Failure) => void = () => undefined;
  const gaveUp = new Promise<Failure>((resolve) => {
    giveUp = resolve;
  });

  /** Watches one process to its end; how it ended and what it said last. */
  const live = async (child: Child, from: number): Promise<Omit<Failure, 'name'>> => {
    const how = await child.exited;
    lives.push({ from, to: Date.now(), killed: /^SIG/.test(how) });
    current.child = null;
    // What it left in its own process group must not go on without it.
    send(-child.process.pid, 'SIGKILL');
    options.onChange(null);
    try {
      await options.onExit?.(child.process);
    } catch (error) {
      options.say(`After the end of ${options.name}: ${messageOf(error)}`);
    }
    return { how, lastLines: child.lastLines() };
  };

  const restart = async (): Promise<Child | Error> => {
    const from = Date.now();
    try {
      const child = await options.start();
      current.child = child;
      options.onChange(child.process);
      return child;
    } catch (error) {
      lives.push({ from, to: Date.now() });
      return new Error(messageOf(error));
    }
  };

  const run = async (): Promise<void> => {
    let from = Date.now();
    let next: Child | Error = options.first;
    for (;;) {
      const end: Omit<Failure, 'name'> =
        next instanceof Error
          ? { how: 'it could not be started', lastLines: next.message.split('\n') }
          : await live(next, from);
      if (stopping.signal.aborted) return;
      const delay = restartDelay(lives);
      if (delay === null) return giveUp({ name: options.name, ...end });
      options.say(`${options.name} ended (${end.how}); starting it again in ${delay / 1000} s`);
      await sleep(delay, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      from = Date.now();
      next = await restart();
      if (stopping.signal.aborted) return; // `stop` sees to the one that has just been started
    }
  };

  const running = run();
  return {
    gaveUp,
    async stop(graceMs) {
      stopping.abort();
      await current.child?.stop(graceMs);
      await running;
      await current.child?.stop(graceMs);
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
