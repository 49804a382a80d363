import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { z } from 'zod';
import { type Child, spawnLogged, watch } from './child.js';
import { readJson, writeJson } from './files.js';
import { choosePort } from './ports.js';
import { isAlive, lastLines, processRef, terminate } from './process.js';
import type { TemporalCli } from './temporal-cli.js';
import {
  addSearchAttributes,
  connectTemporal,
  keepForAMonth,
  type SearchAttributes,
} from './temporal-namespace.js';

const HOST = '127.0.0.1';
const USUAL_PORT = 7233;
const USUAL_UI_PORT = 8233;

export interface TemporalOptions {
  /** The data folder; the server keeps all of its own in `temporal` below it. */
  home: string;
  cli: TemporalCli;
  /** The one that is used; `default` unless configured otherwise. */
  namespace?: string | undefined;
  /** More of them, made ready likewise. */
  namespaces?: readonly string[] | undefined;
  searchAttributes: SearchAttributes;
  /** false: in memory. For tests. */
  durable: boolean;
  /** With its Web UI; left out, as `durable` says. */
  webUi?: boolean | undefined;
  /** Timers and retries may fire after 10 ms instead of a second. For tests. */
  fastTimers?: boolean | undefined;
  /** The ports of the last start. */
  port?: number | undefined;
  uiPort?: number | undefined;
  say?: ((line: string) => void) | undefined;
}

export interface Temporal {
  /** `127.0.0.1:7233` */
  address: string;
  port: number;
  namespace: string;
  /** null when it was started without one. */
  uiUrl: string | null;
  uiPort: number | null;
  /** Of the CLI that runs the server. */
  version: string;
  /** True when it ran already: started by a process of this installation that has died. */
  adopted: boolean;
  child: Child;
  stop(): Promise<void>;
}

/** What a later process needs to know to adopt the server. */
const record = z.object({
  process: processRef,
  port: z.number(),
  uiPort: z.number().nullable(),
  version: z.string(),
});
type ServerRecord = z.infer<typeof record>;

/**
 * Starts Temporal's dev server on 127.0.0.1 with the data in `home`, or adopts the one that runs
 * on exactly these files; then sees to search attributes and retention. The caller holds the
 * lock of `home`: two servers on one file would both start without complaint.
 * Throws with the last lines of its log.
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const folder = join(options.home, 'temporal');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const adopted = await adopt(folder);
  const server = adopted ?? (await start(folder, options));
  try {
    await prepare(server.connection, options);
  } catch (error) {
    if (!adopted) await server.child.stop(0);
    throw error;
  } finally {
    await server.connection.close();
  }
  const { port, uiPort, version } = server.record;
  return {
    address: `${HOST}:${port}`,
    port,
    namespace: options.namespace ?? 'default',
    uiUrl: uiPort === null ? null : `http://${HOST}:${uiPort}`,
    uiPort,
    version,
    adopted: adopted !== null,
    child: server.child,
    stop: () => server.child.stop(5_000),
  };
}

interface Server {
  record: ServerRecord;
  child: Child;
  connection: Connection;
}

/** The server that a killed process of ours has left behind; one that does not answer is ended. */
async function adopt(folder: string): Promise<Server | null> {
  const left = readJson(recordFile(folder), record);
  if (!left || !isAlive(left.process)) return null;
  const stop = (graceMs: number) => terminate(left.process, { graceMs, group: true });
  try {
    await untilListening(left.port, 2_000);
    const connection = await connectTemporal({ address: `${HOST}:${left.port}` });
    const lines = () => lastLines(logFile(folder));
    return { record: left, connection, child: watch(left.process, { lastLines: lines, stop }) };
  } catch {
    await stop(5_000);
    return null;
  }
}

/** A server that ends by itself as it starts has lost its port, or one of its own, to somebody. */
const TRIES = 3;

async function start(folder: string, options: TemporalOptions): Promise<Server> {
  if (options.durable) keepVersion(folder, options);
  for (let attempt = 1; ; attempt++) {
    const child = await spawnServer(folder, options);
    try {
      return await reached(child);
    } catch (error) {
      const ended = !isAlive(child.process);
      await child.stop(0);
      if (ended && attempt < TRIES) continue;
      const reason = error instanceof Error ? error.message : String(error);
      const lines = child.lastLines().map((line) => `  ${line}`);
      throw new Error(
        [`Temporal's dev server (${options.cli.path}) failed: ${reason}`, ...lines].join('\n') +
          '\nTo go on without it, set TEMPORAL_ADDRESS to a Temporal server of your own.',
      );
    }
  }
}

type Spawned = Child & { record: ServerRecord };

async function spawnServer(folder: string, options: TemporalOptions): Promise<Spawned> {
  const { durable, webUi = durable, cli } = options;
  const port = await choosePort([options.port, durable ? USUAL_PORT : null]);
  const uiPort = webUi ? await choosePort([options.uiPort, durable ? USUAL_UI_PORT : null]) : null;
  const args = serverArguments(folder, options, { port, uiPort });
  const child = await spawnLogged(cli.path, args, { logFile: logFile(folder) });
  const record = { process: child.process, port, uiPort, version: cli.version };
  // At once, so that whoever comes after our sudden end finds it.
  writeJson(recordFile(folder), record);
  return { ...child, record };
}

/** Its port may be open and not be its own: then it has ended, whoever answers there. */
async function reached(child: Spawned): Promise<Server> {
  const { record } = child;
  await untilListening(record.port, 20_000, child);
  const ended = child.exited.then((how) => Promise.reject(new Error(`it ended at once (${how})`)));
  const connecting = connectTemporal({ address: `${HOST}:${record.port}` });
  try {
    return { record, child, connection: await Promise.race([connecting, ended]) };
  } catch (error) {
    void connecting.then((connection) => connection.close()).catch(() => undefined);
    throw error;
  }
}

/**
 * A database file belongs to the version that made it: another version gets a new file, and the
 * records in Postgres start the missing workflows again.
 */
function keepVersion(folder: string, { cli, say }: TemporalOptions): void {
  const file = join(folder, 'temporal.db');
  const made = readJson(versionFile(folder), z.object({ version: z.string() }))?.version;
  if (existsSync(file) && made !== cli.version) {
    const aside = `${file}.${made ?? 'unknown'}.${Date.now()}`;
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
    say?.(
      `Temporal's file was made by version ${made ?? '(unknown)'}, the server is ${cli.version}: ` +
        `set it aside as ${aside} and began a new one; \`mission repair\` starts its tasks again.`,
    );
  }
  writeJson(versionFile(folder), { version: cli.version });
}

function serverArguments(
  folder: string,
  options: TemporalOptions,
  { port, uiPort }: { port: number; uiPort: number | null },
): string[] {
  const dynamic: Record<string, string | number> = {
    // The default of 20 a second makes every hand-over wait up to 50 ms.
    'history.transferProcessorMaxPollRPS': 1000,
    'history.timerProcessorMaxPollRPS': 1000,
    'history.visibilityProcessorMaxPollRPS': 1000,
    // With the default of 4 partitions, priority order is only approximate.
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
    ...(options.fastTimers ? { 'history.timerProcessorMaxTimeShift': '10ms' } : {}),
  };
  const pairs = (flag: string, values: readonly string[]) => values.flatMap((v) => [flag, v]);
  const settings = Object.entries(dynamic).map(([key, v]) => `${key}=${JSON.stringify(v)}`);
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(port)],
    ...['--log-level', 'error', '--ui-disable-news-fetch'],
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(options.durable ? ['--db-filename', join(folder, 'temporal.db')] : []),
    ...pairs('--sqlite-pragma', options.durable ? ['journal_mode=WAL', 'synchronous=FULL'] : []),
    ...pairs('--namespace', namespacesOf(options)),
    ...pairs('--dynamic-config-value', settings),
  ];
}

/** gRPC backs off for a second when the port is not open yet: so the port is watched first. */
async function untilListening(port: number, patienceMs: number, child?: Child): Promise<void> {
  let ended: string | null = null;
  void child?.exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + patienceMs;
  while (!(await listens(port))) {
    if (ended !== null) throw new Error(`it ended at once (${ended})`);
    if (Date.now() > deadline) throw new Error(`port ${port} was not open in time`);
    await sleep(20);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function prepare(connection: Connection, options: TemporalOptions): Promise<void> {
  await Promise.all(
    namespacesOf(options).map(async (namespace) => {
      await addSearchAttributes(connection, namespace, options.searchAttributes);
      if (options.durable) await keepForAMonth(connection, namespace);
    }),
  );
}

function namespacesOf({ namespace = 'default', namespaces = [] }: TemporalOptions): string[] {
  return [namespace, ...namespaces];
}

const logFile = (folder: string) => join(folder, 'log');
const recordFile = (folder: string) => join(folder, 'server.json');
const versionFile = (folder: string) => join(folder, 'version.json');
