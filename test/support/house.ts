import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { connect, type Database } from '../../drizzle/db.js';
import { createBackends } from '../../src/agents/index.js';
import { createTaskWorker } from '../../src/main/task-worker.js';
import { createWorkspaces } from '../../src/workspace/index.js';
import { freshDatabase, temporal, workflowBundle } from './services.js';

/** One installation for a test file: its own database, home folder, queue and worker. */
export interface House {
  readonly client: Client;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly home: string;
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

let count = 0;

/** The real thing in one process: real Temporal, Postgres, git, and scripted agents. */
export async function openHouse(options: { readonly upkeep?: boolean } = {}): Promise<House> {
  const { address, namespace } = temporal();
  const taskQueue = `house-${process.pid}-${++count}`;
  const { url, drop } = await freshDatabase();
  const home = await mkdtemp(join(tmpdir(), 'mission-house-'));
  const database = connect(url);
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const workspaces = await createWorkspaces({ home, searchPath: process.env.PATH ?? '' });
  const backends = createBackends({ scenarioFolder: null, effectsLog: null });
  const started: RunningWorker[] = [];

  const startWorker = async (): Promise<RunningWorker> => {
    const native = await NativeConnection.connect({ address });
    const deps = { database, workspaces, backends, taskQueue, worker: `test-${++count}` };
    const worker = await createTaskWorker({
      connection: native,
      namespace,
      workflowBundle: workflowBundle(),
      deps,
    });
    const running = worker.run();
    let stopped: Promise<void> | null = null;
    const stop = async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
      await native.close();
    };
    const one = { worker, stop: () => (stopped ??= stop()) };
    started.push(one);
    return one;
  };

  const worker = await startWorker();
  if (options.upkeep) {
    await client.workflow.start('upkeep', { taskQueue, workflowId: `upkeep/${taskQueue}` });
  }
  return {
    client,
    database,
    databaseUrl: url,
    home,
    taskQueue,
    startWorker,
    worker,
    async close() {
      if (options.upkeep) await client.workflow.getHandle(`upkeep/${taskQueue}`).terminate();
      await Promise.all(started.map((each) => each.stop()));
      await connection.close();
      await database.close();
      await drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
