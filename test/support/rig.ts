import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { connect, type Database } from '../../drizzle/db.js';
import { migrate } from '../../drizzle/migrate.js';
import { seed } from '../../drizzle/seed.js';
import { loadConfig } from '../../src/config.js';
import { SEARCH_ATTRIBUTES } from '../../src/contract.js';
import { makeHome } from '../../src/dev/home.js';
import { choosePort } from '../../src/dev/ports.js';
import { type Postgres, startPostgres } from '../../src/dev/postgres.js';
import { startTemporal, type Temporal } from '../../src/dev/temporal.js';
import { obtainTemporalCli } from '../../src/dev/temporal-cli.js';
import { bindStore, storeOf } from '../../src/main/store.js';
import { build, ROOT } from './build.js';

const WORKER = join(ROOT, 'dist/src/main/worker.js');

/** A turn that a scripted agent really performed: told from outside the system. */
export interface Effect {
  readonly [fact: string]: unknown;
}

/** A worker process of the build, to be killed. */
export interface RigWorker {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Its output, standard error included. */
  readonly log: string;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** A whole installation out of processes of its own, each of which may be killed. */
export interface Rig {
  readonly home: string;
  readonly effectsLog: string;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly client: Client;
  readonly address: string;
  readonly taskQueue: string;
  /** The environment of the command line and of workers. */
  readonly env: Readonly<Record<string, string>>;
  readonly workers: ReadonlySet<RigWorker>;
  postgres(): Postgres;
  temporal(): Temporal;
  /** Both start on the port they had. */
  startPostgres(): Promise<void>;
  startTemporal(): Promise<void>;
  killTemporal(): Promise<void>;
  /** Resolves when the process runs; whoever needs it polling waits for work to be done. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<RigWorker>;
  effects(): Promise<Effect[]>;
  /** Ends all processes; the files stay where somebody wants to look at them. */
  close(how?: { readonly keepFiles?: boolean }): Promise<void>;
}

export interface RigOptions {
  /** true: flushed to disk, as an installation's; for tests of speed and of lost machines. */
  readonly durable?: boolean;
  /** Timers after 10 ms instead of a second. */
  readonly fastTimers?: boolean;
}

/** Starts both servers on free ports in a folder of their own, migrated, seeded and bound. */
export async function openRig(options: RigOptions = {}): Promise<Rig> {
  build();
  const { durable = false, fastTimers = false } = options;
  const home = await mkdtemp(join(tmpdir(), 'mission-rig-'));
  await chmod(home, 0o711); // Postgres runs as another account when we are root
  await makeHome(home);
  const { temporalCli: named, searchPath, cacheDir } = loadConfig();
  const cli = await obtainTemporalCli({ named, searchPath, cacheDir });
  const ports = { postgres: await choosePort([]), temporal: await choosePort([]) };
  const effectsLog = join(home, 'effects.jsonl');
  const taskQueue = 'mission-control';
  const workers = new Set<RigWorker>();

  const bringPostgres = () => startPostgres({ home, cacheDir, durable, port: ports.postgres });
  // Always on a file: a killed server comes back with what it had acknowledged.
  const bringTemporal = () =>
    startTemporal({
      ...{ home, cli, durable: true, webUi: false, fastTimers, port: ports.temporal },
      searchAttributes: SEARCH_ATTRIBUTES,
    });
  let [postgres, temporal] = await Promise.all([bringPostgres(), bringTemporal()]);
  const { url: databaseUrl } = postgres;
  await migrate(databaseUrl);
  await seed(databaseUrl);
  const database = connect(databaseUrl);
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  await bindStore(database, await storeOf(connection, 'default'));
  const env = {
    PATH: searchPath,
    HOME: home,
    DATABASE_URL: databaseUrl,
    MISSION_HOME: home,
    MISSION_TASK_QUEUE: taskQueue,
    MISSION_EFFECTS_LOG: effectsLog,
    TEMPORAL_ADDRESS: temporal.address,
  };

  const rig: Rig = {
    ...{ home, effectsLog, database, databaseUrl, client, env, workers, taskQueue },
    address: temporal.address,
    postgres: () => postgres,
    temporal: () => temporal,
    async startPostgres() {
      postgres = await bringPostgres();
    },
    async startTemporal() {
      temporal = await bringTemporal();
    },
    async killTemporal() {
      process.kill(temporal.child.process.pid, 'SIGKILL');
      await temporal.child.exited;
    },
    async startWorker(more = {}) {
      const worker = spawnWorker(join(home, `worker-${workers.size + 1}.log`), { ...env, ...more });
      workers.add(worker);
      await once(worker.child, 'spawn');
      return worker;
    },
    effects: () => readEffects(effectsLog),
    async close({ keepFiles = false } = {}) {
      await Promise.all([...workers].map((worker) => worker.kill()));
      await connection.close();
      await database.close();
      await Promise.all([temporal.stop(), postgres.stop('immediate')]);
      if (!keepFiles) await rm(home, { recursive: true, force: true });
    },
  };
  return rig;
}

function spawnWorker(log: string, env: Readonly<Record<string, string>>): RigWorker {
  const file = openSync(log, 'a');
  const child = spawn(process.execPath, [WORKER], { env, stdio: ['ignore', file, file] });
  closeSync(file);
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return {
    child,
    pid: child.pid ?? 0,
    log,
    ended,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
  };
}

async function readEffects(file: string): Promise<Effect[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Effect);
}
