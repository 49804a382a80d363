/** The worker process of the bare loop: the product's worker options, one statement an activity. */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { connect } from '../../drizzle/db.js';
import { text } from './work.js';

export interface BareInput {
  readonly cycles: number;
  readonly agentMs: number;
}

export interface BareActivities {
  execute(cycle: number, agentMs: number): Promise<void>;
  review(cycle: number, agentMs: number): Promise<void>;
}

const [address = '', databaseUrl = '', taskQueue = ''] = process.argv.slice(2);
Runtime.install({ shutdownSignals: ['SIGTERM', 'SIGINT'] });
const { sql, close } = connect(databaseUrl);
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue,
  activities: { execute: perform, review: perform } satisfies BareActivities,
  workflowBundle: await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./bare-workflow.ts', import.meta.url)),
  }),
  maxHeartbeatThrottleInterval: '5s',
  defaultHeartbeatThrottleInterval: '5s',
  stickyQueueScheduleToStartTimeout: '2s',
});
try {
  await worker.run();
} finally {
  await Promise.allSettled([connection.close(), close()]);
}

async function perform(cycle: number, agentMs: number): Promise<void> {
  const { activityType: kind, workflowExecution } = Context.current().info;
  const task = workflowExecution?.workflowId ?? '';
  if (agentMs > 0) await pause(agentMs);
  const body = text(`${kind} ${cycle} of ${task}`);
  await sql`insert into bare_runs (task, kind, number, body)
    values (${task}, ${kind}, ${cycle}, ${body}) on conflict do nothing`;
}
