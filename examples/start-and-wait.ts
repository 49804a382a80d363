/**
 * Files a task and waits for its end.
 *
 *     npx tsx examples/start-and-wait.ts "Implement search pagination"
 */
import { connect } from 'mission-control';

const [title = 'Implement search pagination'] = process.argv.slice(2);
const mission = await connect().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});

const task = await mission.tasks.start({
  title,
  acceptance: ['Every page has at most 20 results'],
});
console.log(`filed as ${task.workflowId}`);

const outcome = await task.result();
console.log(`${outcome.status} after ${outcome.cycles} cycle(s): ${outcome.summary}`);
console.log((await task.timeline()).join('\n'));

await mission.close();
