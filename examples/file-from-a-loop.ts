/**
 * Files one task for each finding of a report. Each has a key, so running it again, or in two
 * places at once, files nothing twice.
 *
 *     npx tsx examples/file-from-a-loop.ts
 */
import { connect, InvalidTaskInput } from 'mission-control';

const findings = [
  { id: 'CVE-1', title: 'Update the parser' },
  { id: 'CVE-2', title: 'Escape the search term' },
  { id: 'CVE-3', title: 'Limit the upload size' },
];

const mission = await connect().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
for (const { id, title } of findings) {
  try {
    const options = { source: 'security-report', idempotencyKey: id };
    const task = await mission.tasks.start({ title, priority: 'HIGH' }, options);
    const { label, status } = await task.state();
    console.log(`${id} is ${label} (${status}), ${task.workflowId}`);
  } catch (error) {
    if (!(error instanceof InvalidTaskInput)) throw error;
    console.error(`${id} was not filed: ${error.message}`);
  }
}
await mission.close();
