/**
 * The same without this package: a task is a Temporal workflow named `task`, its input is bare
 * JSON, and its doors are a query, updates and signals. Any language with a Temporal SDK can do it.
 *
 *     npx tsx examples/plain-temporal-client.ts
 */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

const { connectionOptions, namespace } = loadClientConnectConfig();
const connection = await Connection.connect(connectionOptions).catch((error: Error) => {
  console.error(`${error.message}; set TEMPORAL_ADDRESS to what \`mission status\` prints`);
  process.exit(1);
});
const client = new Client({ connection, namespace: namespace ?? 'default' });

const task = await client.workflow.start('task', {
  taskQueue: 'mission-control',
  workflowId: `task/${randomUUID()}`,
  workflowIdReusePolicy: 'REJECT_DUPLICATE',
  args: [{ title: 'Plan the release', assignee: 'lead', owner: 'person:ann' }],
});

const answer: { message: string } = await task.executeUpdate('approve', {
  args: [{ by: 'person:ann', reason: 'the plan is small' }],
});
console.log(answer.message);

const outcome: { number: number; status: string } = await task.result();
console.log(`T-${outcome.number} is ${outcome.status}`);

const lines: string[] = await task.query('timeline');
console.log(lines.join('\n'));
await connection.close();
