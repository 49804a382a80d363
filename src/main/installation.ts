import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { connect } from '../../drizzle/db.js';
import { migrate } from '../../drizzle/migrate.js';
import { type SeededRow, seed } from '../../drizzle/seed.js';
import type { Config } from '../config.js';
import { SEARCH_ATTRIBUTES } from '../contract.js';
import { type Addresses, type DrainHow, type Stack, up, type WorkerProgram } from '../dev/stack.js';
import { drain, goOn } from './drain.js';
import { bindStore, storeOf } from './store.js';

export interface InstallationOptions {
  readonly config: Config;
  /** The data folder, found already. */
  readonly home: string;
  readonly say: (line: string) => void;
  /** What the seed inserted or left alone, once the database answers. */
  readonly onSeeded?: (rows: readonly SeededRow[]) => void;
  /** Told when the database belongs to another Temporal store: workers wait for a repair. */
  readonly onStrangeStore?: () => void;
  /** Scenario files for rehearsals; else those of the configuration. */
  readonly scenarios?: string;
  readonly signal?: AbortSignal;
}

const WORKER: WorkerProgram = {
  name: 'worker',
  program: process.execPath,
  args: [fileURLToPath(new URL('./worker.js', import.meta.url))],
};

/** A poller is alive when it has asked for work lately; the count alone outlives the dead. */
const POLLER_ALIVE_MS = 70_000;

/** Brings up, or finds, the whole installation: both servers, migrations, seed, workers. */
export function bringUp(options: InstallationOptions): Promise<Stack> {
  const { config, home, say, signal } = options;
  return up({
    ...config,
    home,
    say,
    searchAttributes: SEARCH_ATTRIBUTES,
    prepare: [
      migrate,
      async (url) => {
        const rows = await seed(url);
        options.onSeeded?.(rows);
      },
    ],
    workers: [
      options.scenarios ? { ...WORKER, env: { MISSION_SCENARIOS: options.scenarios } } : WORKER,
    ],
    ready: (addresses) => untilPolled(addresses, options),
    drain: (addresses, how) => drainBy(addresses, how, config),
    ...(signal ? { signal } : {}),
  });
}

async function drainBy(addresses: Addresses, how: DrainHow, config: Config): Promise<void> {
  const connection = await Connection.connect(
    config.temporal?.connectionOptions ?? { address: addresses.temporalAddress },
  );
  const client = new Client({ connection, namespace: addresses.namespace });
  try {
    await drain(addresses.databaseUrl, client, how);
  } finally {
    await connection.close();
  }
}

/** Settles when a worker asks for work, or when none will before a person repairs the store. */
async function untilPolled(
  { databaseUrl, temporalAddress, namespace }: Addresses,
  options: InstallationOptions,
): Promise<void> {
  const { config } = options;
  const database = connect(databaseUrl, { max: 1 });
  const connection = await Connection.connect(
    config.temporal?.connectionOptions ?? { address: temporalAddress },
  );
  try {
    const { bound } = await bindStore(database, await storeOf(connection, namespace));
    if (!bound) return options.onStrangeStore?.();
    const client = new Client({ connection, namespace });
    const before = Date.now();
    while (!(await isPolled(client, config.taskQueue, before))) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await goOn(database, client);
  } finally {
    await Promise.allSettled([connection.close(), database.close()]);
  }
}

/**
 * Whether a worker has asked the queue for workflow work.
 * @param since milliseconds of the epoch; by default as long ago as a live poller may be silent
 */
export async function isPolled(
  client: Client,
  taskQueue: string,
  since = Date.now() - POLLER_ALIVE_MS,
): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1,
  });
  return (pollers ?? []).some((poller) => {
    const { seconds, nanos } = poller.lastAccessTime ?? {};
    return Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6 >= since;
  });
}
