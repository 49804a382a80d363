/**
 * Prints every change of a task until it ends; Ctrl-C stops watching, never the task.
 *
 *     npx tsx examples/follow.ts [workflow id]
 */
import { connect } from 'mission-control';

const [id] = process.argv.slice(2);
if (id && /^(T-)?\d+$/i.test(id)) {
  console.error(`The SDK wants the workflow id; \`mission task show ${id}\` prints it.`);
  process.exit(1);
}
const mission = await connect().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
const task = id
  ? await mission.tasks.get(id)
  : await mission.tasks.start({ title: 'Describe how search works' });

const leaving = new AbortController();
process.once('SIGINT', () => leaving.abort());

const states = task.follow({
  signal: leaving.signal,
  patienceMs: Number.POSITIVE_INFINITY,
  onTrouble: (error) => console.error(error.message),
});
for await (const { label, status, blocked, waitingFor, cycle } of states) {
  const why = blocked ?? waitingFor;
  console.log(`${label} cycle ${cycle}: ${status}${why === null ? '' : ` (${why})`}`);
}

await mission.close();
