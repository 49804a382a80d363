import { mkdirSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnLogged } from './child.js';
import { forgetDrain, tellDrain, wishedDrain } from './drain-file.js';
import { makeHome } from './home.js';
import { takeLock } from './lock.js';
import { type ProcessRef, thisProcess } from './process.js';
import {
  type Running,
  remember,
  type ServiceOptions,
  startDatabase,
  startServer,
} from './stack-services.js';
import { readState, type State } from './state.js';
import { endLeftovers } from './stop.js';
import { type Failure, supervise } from './supervise.js';

/** Where everything is. */
export interface Addresses {
  databaseUrl: string;
  temporalAddress: string;
  namespace: string;
  /** The Temporal Web UI; null with a server of the person's own. */
  uiUrl: string | null;
}

export interface WorkerProgram {
  /** As people call it; its log is `logs/<name>.log` in the data folder. */
  name: string;
  program: string;
  args: readonly string[];
  /** Beside what every worker gets. */
  env?: Readonly<Record<string, string>>;
}

export interface DrainHow {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** For who asked for it as well. */
  say(line: string): void;
}

export interface StackOptions extends ServiceOptions {
  /** Migrations, then seed: run one after the other as soon as the database answers. */
  prepare: readonly ((databaseUrl: string) => Promise<unknown>)[];
  /** Get MISSION_HOME, DATABASE_URL, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE. */
  workers: readonly WorkerProgram[];
  /** Settles when work can be taken, such as when the queue has a poller. */
  ready?(addresses: Addresses): Promise<unknown>;
  /** Settles when nothing is worth waiting for any more; `signal` cuts it short. */
  drain?(addresses: Addresses, how: DrainHow): Promise<unknown>;
  /** A worker of this stack, of this or an earlier start, is dead beyond doubt. */
  onWorkerExit?(process: ProcessRef, addresses: Addresses): void | Promise<void>;
  /** Ends a start that is under way; afterwards `stop` does. */
  signal?: AbortSignal;
}

export interface Stack {
  addresses: Addresses;
  /** True when another process holds it: then `stop` does nothing and `ended` is settled. */
  adopted: boolean;
  /** null after `stop`; why, when a part could not be kept running. All has ended by then. */
  ended: Promise<StackError | null>;
  /** Ends all in reverse order. Draining is waited for, unless `stop` is called again without. */
  stop(how?: { drain?: boolean }): Promise<void>;
}

/** Workers hand back their runs when they are asked to end; that has its own limit (30 s). */
const WORKER_GRACE_MS = 40_000;

/** A part could not be kept running; the message holds its last lines. */
export class StackError extends Error {
  override name = 'StackError';
}

/**
 * Brings the whole stack up and keeps it up, or finds the one that runs on this data folder
 * already. When it throws, everything that it had started has ended again.
 */
export async function up(options: StackOptions): Promise<Stack> {
  if (platform() === 'win32') throw new Error('Windows itself is not supported: use WSL2.');
  await makeHome(options.home);
  for (let said = false; ; said = true) {
    options.signal?.throwIfAborted();
    const lock = takeLock(options.home);
    if (lock.kind === 'held') return start(options, lock.release);
    const state = readState(options.home);
    if (state?.phase === 'ready' && state.holder?.pid === lock.by.pid) return joined(state);
    if (!said) options.say(`Waiting for process ${lock.by.pid}, which starts or stops it …`);
    await sleep(200);
  }
}

function joined(state: State): Stack {
  const { postgres, temporal } = state;
  if (!postgres || !temporal) throw new Error('The state file says ready but names no servers.');
  const { address: temporalAddress, namespace, uiUrl } = temporal;
  return {
    addresses: { databaseUrl: postgres.url, temporalAddress, namespace, uiUrl },
    adopted: true,
    ended: Promise.resolve(null),
    stop: () => Promise.resolve(),
  };
}

async function start(options: StackOptions, release: () => void): Promise<Stack> {
  const before = readState(options.home);
  const state: State = {
    phase: 'starting',
    holder: thisProcess(),
    startedAt: new Date().toISOString(),
    postgres: before?.postgres ?? null,
    temporal: before?.temporal ?? null,
    workers: [],
  };
  const running: Running = { options, state, parts: [] };
  const finish = async () => {
    await endParts(running);
    release();
  };
  try {
    forgetDrain(options.home);
    const addresses = await bringUp(running, options, before);
    remember(running, { phase: 'ready' });
    return hold(running, options, addresses, finish);
  } catch (error) {
    await finish();
    throw error;
  }
}

/** Both servers at once; the workers when both are ready. */
async function bringUp(
  running: Running,
  options: StackOptions,
  before: State | null,
): Promise<Addresses> {
  const orphans = await endLeftovers(before, {
    say: options.say,
    keepPostgres: options.databaseUrl === null,
    keepTemporal: options.temporal === null,
  });
  remember(running, {});
  const servers = [prepareDatabase(running, options), startServer(running)] as const;
  await Promise.allSettled(servers); // so that what one has started is known when the other fails
  const [databaseUrl, { address, uiUrl }] = await Promise.all(servers);
  const addresses: Addresses = {
    databaseUrl,
    temporalAddress: address,
    namespace: options.namespace,
    uiUrl,
  };
  for (const orphan of orphans) await options.onWorkerExit?.(orphan, addresses);
  options.signal?.throwIfAborted();
  for (const worker of options.workers) await startWorker(running, options, worker, addresses);
  await Promise.race([options.ready?.(addresses), failed(running), aborted(options.signal)]);
  return addresses;
}

async function prepareDatabase(running: Running, options: StackOptions): Promise<string> {
  const url = await startDatabase(running);
  for (const step of options.prepare) {
    options.signal?.throwIfAborted();
    await step(url);
  }
  return url;
}

async function startWorker(
  running: Running,
  options: StackOptions,
  { name, program, args, env: own }: WorkerProgram,
  addresses: Addresses,
): Promise<void> {
  const { home, say } = options;
  mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
  const logFile = join(home, 'logs', `${name}.log`);
  const env = {
    ...own,
    MISSION_HOME: home,
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    TEMPORAL_NAMESPACE: addresses.namespace,
  };
  const begin = () => spawnLogged(program, args, { logFile, env });
  const onChange = (process: ProcessRef | null) => {
    const others = running.state.workers.filter((worker) => worker.name !== name);
    remember(running, { workers: process ? [...others, { name, process }] : others });
  };
  const first = await begin();
  onChange(first.process);
  const onExit = (process: ProcessRef) => options.onWorkerExit?.(process, addresses);
  const part = supervise({ name, first, start: begin, say, onChange, onExit });
  running.parts.push({ part, graceMs: WORKER_GRACE_MS });
}

/** Rejects when a part cannot be kept running. */
async function failed(running: Running): Promise<never> {
  throw asError(await Promise.race(running.parts.map(({ part }) => part.gaveUp)));
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = () => reject(signal?.reason);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}

/** For people: which part, how it ended, what it said last. */
function asError({ name, how, lastLines }: Failure): StackError {
  const lines = lastLines.map((line) => `  ${line}`);
  return new StackError([`${name} does not stay up: ${how}. Its last lines:`, ...lines].join('\n'));
}

function hold(
  running: Running,
  options: StackOptions,
  addresses: Addresses,
  finish: () => Promise<void>,
): Stack {
  const hurry = new AbortController();
  let end: (how: null) => void = () => undefined;
  const asked = new Promise<null>((resolve) => {
    end = resolve;
  });
  const failure = Promise.race(running.parts.map(({ part }) => part.gaveUp));
  const ended = Promise.race([asked, failure.then(asError)]).then(async (how) => {
    await finish();
    return how;
  });
  return {
    addresses,
    adopted: false,
    ended,
    async stop({ drain = true } = {}) {
      const timeoutMs = drain ? wishedDrain(options.home) : null;
      if (timeoutMs === null) hurry.abort();
      const say = (line: string) => {
        options.say(line);
        tellDrain(options.home, line);
      };
      try {
        if (timeoutMs !== null && !hurry.signal.aborted) {
          await options.drain?.(addresses, { timeoutMs, signal: hurry.signal, say });
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!hurry.signal.aborted) options.say(`Draining failed, ending anyway: ${reason}`);
      }
      end(null);
      await ended;
    },
  };
}

/** In reverse order of their start: workers, then the servers that they need. */
async function endParts(running: Running): Promise<void> {
  remember(running, { phase: 'stopping' });
  for (const { part, graceMs } of running.parts.reverse()) await part.stop(graceMs);
  remember(running, { phase: 'stopped', holder: null });
}
