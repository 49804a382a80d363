import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import type { Pace } from '../../activities/deps.js';
import { connect, type Database } from '../../drizzle/db.js';
import { createBackends } from '../../src/agents/index.js';
import { UPKEEP_ID, UPKEEP_WORKFLOW } from '../../src/contract.js';
import type { SandboxLevel } from '../../src/domain/sandbox.js';
import { createGitHub, type GitHub } from '../../src/github/index.js';
import { tellSandbox } from '../../src/main/sandbox-watch.js';
import { createTaskWorker } from '../../src/main/task-worker.js';
import { createWorkspaces, type Workspaces } from '../../src/workspace/index.js';
import { freshDatabase, takeNamespace, temporal, workflowBundle } from './services.js';

/** One installation for a test file: its own database, home folder, queue and worker. */
export interface House {
  readonly client: Client;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly home: string;
  readonly workspaces: Workspaces;
  readonly github: GitHub;
  readonly taskQueue: string;
  /** Starts another worker, after `worker.shutdown()` of the first. */
  startWorker(): Promise<RunningWorker>;
  readonly worker: RunningWorker;
  close(): Promise<void>;
}

export interface RunningWorker {
  readonly worker: Worker;
  stop(): Promise<void>;
}

export interface HouseOptions {
  /** Under the name that doctor and status ask for. */
  readonly upkeep?: boolean;
  /** Where each performed turn is noted: what was really done, told from outside. */
  readonly effectsLog?: string;
  /** What programs of agents may find of the worker's environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What programs of agents are run in; with it or another search path the worker tells of it. */
  readonly sandbox?: SandboxLevel;
  /** Where programs are found; that of the tests unless set. */
  readonly searchPath?: string;
  /** Another Temporal store over the records and files of this house, as after a loss. */
  readonly over?: House;
  /** Its own unless set. The files of one vitest worker, which share a namespace, run in turn. */
  readonly taskQueue?: string;
  /** Where pull requests are opened, and the token for it. */
  readonly github?: { readonly apiUrl: string; readonly token: string | null };
  readonly pace?: Pace;
}

/** Nobody answers there, and no token is read out of the environment of the tests. */
const NO_GITHUB = { apiUrl: 'http://127.0.0.1:9', token: null };

let count = 0;
// What is expected to go wrong is told by the tests, not by the runtime.
Runtime.install({ logger: new DefaultLogger('ERROR') });

/** The real thing in one process: real Temporal, Postgres, git, and scripted agents. */
export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const { address } = temporal();
  const namespace = options.over ? takeNamespace() : temporal().namespace;
  const { taskQueue = `house-${process.pid}-${++count}` } = options;
  const { url, home, close: leave } = await premises(options.over);
  const database = connect(url);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  // Of an earlier file of this vitest worker, whose queue nobody polls any more.
  if (!options.over) await ended(client.workflow.getHandle(UPKEEP_ID).terminate());
  const { effectsLog = null, variables = {}, sandbox, searchPath } = options;
  const path = searchPath ?? process.env.PATH ?? '';
  const workspaces = createWorkspaces({ home, searchPath: path, sandbox });
  const over = new AbortController();
  const variable = (name: string) => variables[name] ?? null;
  const backends = createBackends({ scenarioFolder: null, effectsLog, variable });
  const checks = { atOnce: 1, timeLimitMs: 30_000 };
  const { apiUrl, token: environment } = options.github ?? NO_GITHUB;
  const github = createGitHub({ apiUrl, environment, file: join(home, 'github-token') });
  const pace = options.pace ? { pace: options.pace } : {};
  const started: RunningWorker[] = [];

  const startWorker = async (): Promise<RunningWorker> => {
    const native = await NativeConnection.connect({ address });
    const worker = `test-${++count}`;
    const deps = { database, workspaces, backends, github, taskQueue, checks, worker, ...pace };
    const made = await createTaskWorker({
      connection: native,
      namespace,
      workflowBundle: workflowBundle(),
      deps,
    });
    const running = made.run();
    if (sandbox ?? searchPath) await tellSandbox(deps, over.signal);
    let stopped: Promise<void> | null = null;
    const stop = async () => {
      if (made.getState() === 'RUNNING') made.shutdown();
      await running;
      await native.close();
    };
    const one = { worker: made, stop: () => (stopped ??= stop()) };
    started.push(one);
    return one;
  };

  const worker = await startWorker();
  if (options.upkeep) {
    await client.workflow.start(UPKEEP_WORKFLOW, { taskQueue, workflowId: UPKEEP_ID });
  }
  return {
    client,
    database,
    databaseUrl: url,
    home,
    workspaces,
    github,
    taskQueue,
    startWorker,
    worker,
    async close() {
      over.abort();
      if (options.upkeep) await ended(client.workflow.getHandle(UPKEEP_ID).terminate());
      await Promise.all(started.map((each) => each.stop()));
      await connection.close();
      await database.close();
      await leave();
    },
  };
}

const ended = (call: Promise<unknown>) => call.catch(() => undefined);

/** Database and home folder: new ones, or those of the house that is there. */
async function premises(over: House | undefined) {
  if (over) return { url: over.databaseUrl, home: over.home, close: async () => {} };
  const { url, drop } = await freshDatabase();
  const home = await mkdtemp(join(tmpdir(), 'mission-house-'));
  const close = async () => {
    await drop();
    await rm(home, { recursive: true, force: true });
  };
  return { url, home, close };
}
