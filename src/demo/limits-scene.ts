import { setPolicy } from '../../drizzle/configure.js';
import { readPolicies } from '../../drizzle/read-house.js';
import { listTasks } from '../../drizzle/reads.js';
import { seed, seededLine } from '../../drizzle/seed.js';
import { explainWait } from '../domain/wait.js';
import type { Scene } from './scenes.js';
import { type Stage, until } from './stage.js';
import { TITLES } from './story.js';

const TASKS = 12;
/** Of those that wait: the others say the same. */
const SHOWN = 3;

/** Sets a figure of the limits as `mission policy set` does. */
async function limit(stage: Stage, maxConcurrentPerAgent: number, why: string): Promise<void> {
  const { database } = stage;
  const now = (await readPolicies(database)).find(({ name }) => name === 'execution-limits');
  const value = { ...now?.value, maxConcurrentPerAgent };
  const given = { name: 'execution-limits', baseVersion: now?.version ?? 0, value, why };
  const answer = await setPolicy(database, { ...given, by: 'person:demo', door: 'cli' });
  if (answer.kind !== 'set') throw new Error('the policy was changed by somebody else');
  await stage.wake(answer.wake);
  stage.say(`maxConcurrentPerAgent is ${maxConcurrentPerAgent} now (version ${answer.version})`);
}

const mostAtOnce = async ({ database }: Stage, since: Date): Promise<number> => {
  const [row] = await database.sql<{ most: number }[]>`
    select max(n)::integer as most from (
      select sum(d) over (order by at, d) as n from (
        select started_at as at, 1 as d from runs
        where agent_id = 'writer' and started_at > ${since.toISOString()}
        union all
        select ended_at, -1 from runs
        where agent_id = 'writer' and started_at > ${since.toISOString()}) e) s`;
  return row?.most ?? 0;
};

export const limited: Scene = {
  title: 'Twelve tasks against a limit of two; the limit is raised while they wait',
  async play(stage) {
    const { mission, database } = stage;
    await limit(stage, 2, 'the demo shows a line');
    const since = new Date();
    const tasks = await Promise.all(
      Array.from({ length: TASKS }, (_, index) =>
        mission.tasks.start({ title: `${TITLES.note} ${index + 1}`, assignee: 'writer' }),
      ),
    );
    const waiting = await until('ten of them wait', async () => {
      const open = await listTasks(database, { assignee: 'writer', waiting: true, limit: 50 });
      const inLine = open.filter(({ queued }) => queued.some(({ reason }) => reason === 'slot'));
      return inLine.length >= TASKS - 2 ? inLine : null;
    });
    for (const { number, queued } of waiting.toReversed().slice(0, SHOWN)) {
      const [wait] = queued;
      if (wait) stage.say(`T-${number} ${explainWait(wait, { label: `T-${number}` }).sentence}`);
    }
    if (waiting.length > SHOWN) stage.say(`… ${waiting.length - SHOWN} more`);
    const most = await mostAtOnce(stage, since);
    stage.claim(`never more than two ran at once (most: ${most})`, most <= 2);
    const before = Date.now();
    await limit(stage, 6, 'enough of waiting');
    const running = await until('more than two run', async () => {
      const [row] = await database.sql<{ n: number }[]>`select slots_of('writer')::integer as n`;
      return (row?.n ?? 0) > 2 ? (row?.n ?? 0) : null;
    });
    stage.claim(`raising it let ${running} run within ${Date.now() - before} ms`, running > 2);
    const outcomes = await Promise.all(tasks.map((task) => task.result()));
    stage.claim(
      `all ${TASKS} are DONE`,
      outcomes.every(({ status }) => status === 'DONE'),
    );
  },
};

export const reseeded = (databaseUrl: string): Scene => ({
  title: 'The seed script runs again over the tuned policy: nothing changes',
  async play(stage) {
    const before = JSON.stringify(await readPolicies(stage.database));
    const rows = await seed(databaseUrl);
    for (const row of rows) if (row.table === 'policies') stage.say(seededLine(row));
    const alone = rows.every(({ outcome }) => outcome === 'left alone');
    const same = before === JSON.stringify(await readPolicies(stage.database));
    stage.claim('every row was left alone and every value is as it was', alone && same);
  },
});
