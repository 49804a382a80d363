/**
 * A LEAD's task always waits for a person. This program approves it by a signal: it is kept and
 * applied once, also when no worker runs at this moment.
 *
 *     npx tsx examples/approve-by-signal.ts
 */
import { connect } from 'mission-control';

const mission = await connect().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
const task = await mission.tasks.start({ title: 'Plan the release', assignee: 'lead' });

const { label, status, waitingFor } = await task.state();
console.log(`${label} is ${status} and waits for ${waitingFor}`);

await task.signal.approve({ reason: 'the plan is small' });
const outcome = await task.result();
console.log(`${label} is ${outcome.status}, approved by ${mission.by}`);

await mission.close();
