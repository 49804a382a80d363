#!/usr/bin/env node
/** A worker process: performs tasks until it is told to stop. Any number of them may run. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Client } from '@temporalio/client';
import {
  DefaultLogger,
  type LogEntry,
  NativeConnection,
  Runtime,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { connect } from '../../drizzle/db.js';
import { createBackends } from '../agents/index.js';
import { print, tell } from '../cli/print.js';
import { loadConfig, variablesOf } from '../config.js';
import { UPKEEP_ID, UPKEEP_WORKFLOW } from '../contract.js';
import { telemetryOf } from '../telemetry.js';
import { createWorkspaces } from '../workspace/index.js';
import { bundleWorkflows } from './bundle.js';
import { githubOf } from './github.js';
import { patiently } from './patience.js';
import { reclaim, workerIdentity } from './reclaim.js';
import { tellSandbox } from './sandbox-watch.js';
import { storeOf, untilBound } from './store.js';
import { createTaskWorker } from './task-worker.js';

const config = loadConfig();
if (config.databaseUrl === null || config.home === null || config.temporal === null) {
  throw new Error(
    'A worker needs DATABASE_URL, MISSION_HOME and TEMPORAL_ADDRESS; `mission up` sets them.',
  );
}
Runtime.install({
  logger: new DefaultLogger('INFO', logged),
  shutdownSignals: ['SIGTERM', 'SIGINT'],
  ...telemetryOf(config.metricsAddress),
});
let isStarting = true; // until then the runtime would hear the signal and nobody would act on it
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    if (isStarting) process.exit(0);
  });
}
const { namespace, taskQueue } = config;
const { connectionOptions, address } = config.temporal;
const connection = await patiently(`reach Temporal at ${address}`, () =>
  NativeConnection.connect(connectionOptions),
);
const database = connect(config.databaseUrl);
const client = new Client({ connection, namespace });
await patiently('learn whose database it is', async () =>
  untilBound(database, await storeOf(connection, namespace)),
);
const deps = {
  database,
  taskQueue,
  checks: { atOnce: config.checksAtOnce, timeLimitMs: config.checkMinutes * 60_000 },
  worker: workerIdentity(),
  workspaces: createWorkspaces({
    home: config.home,
    searchPath: config.searchPath,
    registries: config.registries,
    sandbox: config.sandbox,
  }),
  github: githubOf(config, config.home),
  backends: createBackends({
    scenarioFolder: config.scenarios,
    effectsLog: config.effectsLog,
    variable: variablesOf(config.home),
  }),
};
const worker = await createTaskWorker({
  connection,
  namespace,
  deps,
  workflowBundle: await bundled(),
});
isStarting = false;
const running = worker.run();
const stopped = new AbortController();
try {
  await Promise.race([takeOver(), running]);
  await running;
} finally {
  stopped.abort();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await Promise.allSettled([running]);
  await Promise.allSettled([connection.close(), database.close()]);
}

async function takeOver(): Promise<void> {
  const reclaimed = await patiently('take over', () => reclaim(client, database), stopped.signal);
  if (reclaimed > 0) print(`took over ${reclaimed} runs of workers that have died`);
  await patiently('start upkeep', startUpkeep, stopped.signal);
  print(`worker ${process.pid} polls ${taskQueue}`);
  // Last, as trying one takes a while on a busy machine: nobody waits for it.
  await patiently('tell of its sandbox', () => tellSandbox(deps, stopped.signal), stopped.signal);
}

/** As the runtime itself writes it, but that nothing in it steers the terminal it is read on. */
function logged({ level, timestampNanos, message, meta }: LogEntry): void {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  tell(`${time} [${level}] ${message}${meta === undefined ? '' : ` ${inspect(meta)}`}`);
}

/** The bundle that the build made; from the sources it is made now. */
async function bundled(): Promise<WorkflowBundleOption> {
  const made = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));
  if (existsSync(made)) return { codePath: made };
  return bundleWorkflows(new URL('../../workflows/index.ts', import.meta.url));
}

async function startUpkeep(): Promise<void> {
  await client.workflow.start(UPKEEP_WORKFLOW, {
    taskQueue,
    workflowId: UPKEEP_ID,
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'Keeps the house: starts what was filed, wakes, reconciles, cleans',
  });
}
