import { readWork } from '../../drizzle/read-output.js';
import { findTask, readTask, type TaskRecord } from '../../drizzle/reads.js';
import type { TaskHandle } from '../client/index.js';
import { gitIn, runTests } from './repository.js';
import { REPOSITORY, type Stage, until } from './stage.js';
import { TITLES } from './story.js';

/** One act of the demo: a sentence that says what is shown, and what happens. */
export interface Scene {
  readonly title: string;
  play(stage: Stage): Promise<void>;
}

const record = async ({ database }: Stage, handle: TaskHandle): Promise<TaskRecord> => {
  const { taskId } = await handle.state();
  return readTask(database, taskId);
};

async function tell(stage: Stage, handle: TaskHandle): Promise<void> {
  for (const line of await handle.timeline()) stage.say(line);
}

const failing = (output: string): string =>
  [...output.matchAll(/^not ok \d+ - (.+)$/gm)].map(([, name]) => name).join(', ');

/** The diff without what only git needs. */
function showDiff(stage: Stage, diff: string): void {
  const noise = /^(index |new file|--- )/;
  for (const line of diff.split('\n')) if (!noise.test(line)) stage.say(line);
}

export const reviewed: Scene = {
  title: 'A task is executed, sent back, executed again, approved and landed',
  async play(stage) {
    const { mission, database, repository } = stage;
    const before = await runTests(repository);
    stage.claim(`the repository's own test fails: ${failing(before.output)}`, !before.passed);
    const task = await mission.tasks.start({ title: TITLES.pagination, repository: REPOSITORY });
    const { status } = await task.result();
    await tell(stage, task);
    const { id, landing, runs } = await record(stage, task);
    const work = await readWork(database, id);
    showDiff(stage, work?.diff ?? '');
    const after = await runTests(repository);
    stage.claim('all tests of the repository pass on the landed result', after.passed);
    const tip = await gitIn(repository)('rev-parse', 'main');
    stage.claim(`it landed as ${tip.slice(0, 10)} on main`, landing?.commit === tip);
    stage.claim(
      'it is DONE after two executions and two reviews',
      status === 'DONE' && runs.length === 4,
    );
    const whole = runs.filter(({ kind }) => kind === 'REVIEW');
    const same = whole.every(
      ({ bytesProduced, bytesHandedOver }) => bytesProduced === bytesHandedOver,
    );
    const bytes = whole.map(({ bytesHandedOver }) => bytesHandedOver).join(' and ');
    stage.claim(`the reviewer was handed the whole work (${bytes} bytes), not a preview`, same);
  },
};

export const led: Scene = {
  title: "A LEAD's task waits for a person, whatever the policy says",
  async play(stage) {
    const { mission } = stage;
    const task = await mission.tasks.start({
      title: TITLES.lead,
      assignee: 'lead',
      repository: REPOSITORY,
    });
    const { admission, status } = await until('the task is in the inbox', async () => {
      const found = await record(stage, task).catch(() => null);
      return found?.admission.kind === 'waits' ? found : null;
    });
    stage.say(`it waits: ${admission.reason}`);
    stage.claim('nothing ran while it waited', status === 'INBOX');
    await task.signal.approve({ by: 'person:ann', reason: 'go ahead' });
    stage.say('person:ann approves it by a signal');
    const outcome = await task.result();
    await tell(stage, task);
    const { decisions } = await record(stage, task);
    const [decision] = decisions;
    stage.claim(
      `it ran after ${decision?.by} had ${decision?.decision} it`,
      outcome.status === 'DONE' && decision?.by === 'person:ann',
    );
  },
};

export const spawned: Scene = {
  title: 'A review sends the work back and asks for a follow-up, which runs by itself',
  async play(stage) {
    const { mission, database } = stage;
    const task = await mission.tasks.start({ title: TITLES.docs, repository: REPOSITORY });
    await task.result();
    await tell(stage, task);
    const { children } = await record(stage, task);
    const [child] = children;
    stage.claim(
      `one follow-up was filed: T-${child?.number} "${child?.title}"`,
      children.length === 1,
    );
    const found = await findTask(database, { number: child?.number ?? 0 });
    const followUp = await mission.tasks.get(found?.workflowId ?? '');
    const { status } = await followUp.result();
    await tell(stage, followUp);
    stage.claim('the follow-up is DONE', status === 'DONE');
    const files = await gitIn(stage.repository)('ls-tree', '--name-only', 'main');
    stage.claim(
      'both results are on main',
      /README\.md/.test(files) && /CHANGELOG\.md/.test(files),
    );
  },
};

/** Kills the worker as a crash would, and waits until another one is there. */
async function killWorker(stage: Stage): Promise<void> {
  const pid = await until('a worker runs', async () => stage.workerPid());
  process.kill(pid, 'SIGKILL');
  stage.say(`kill -9 ${pid}`);
  await until('a new worker runs', async () => {
    const now = stage.workerPid();
    return now !== null && now !== pid;
  });
}

const turnsStored = async ({ database }: Stage, taskId: string, kind: string): Promise<number> => {
  const [row] = await database.sql<{ turn: number | null }[]>`
    select max((a.checkpoint ->> 'turn')::integer) as turn
    from attempts a join runs r on r.id = a.run_id
    where r.task_id = ${taskId}::uuid and r.kind::text = ${kind}`;
  return row?.turn ?? 0;
};

export const killed: Scene = {
  title: 'The worker is killed in an execution and in a review; both go on from their last turn',
  async play(stage) {
    const { mission, database } = stage;
    const task = await mission.tasks.start({ title: TITLES.benchmark, repository: REPOSITORY });
    const { taskId } = await until('the task is registered', () => task.state().catch(() => null));
    for (const kind of ['EXECUTION', 'REVIEW'] as const) {
      await until(
        `two turns of the ${kind}`,
        async () => (await turnsStored(stage, taskId, kind)) >= 2,
      );
      await killWorker(stage);
    }
    const { status } = await task.result();
    await tell(stage, task);
    const { runs } = await readTask(database, taskId);
    for (const { kind, number, attempt } of runs) {
      stage.claim(
        `${kind} ${number} is still number 1; its attempt ${attempt} ended it`,
        number === 1 && attempt === 2,
      );
    }
    const told = await database.sql<{ kind: string; turns: number[] }[]>`
      select r.kind::text, jsonb_agg((e.event ->> 'turn')::integer order by e.id) as turns
      from run_events e join runs r on r.id = e.run_id
      where r.task_id = ${taskId}::uuid and e.event ->> 'kind' = 'turn' group by r.kind`;
    for (const { kind, turns } of told) {
      const once = new Set(turns).size === turns.length && turns.length === 4;
      stage.claim(`${kind}: turns ${turns.join(', ')} were each stored once`, once);
    }
    const files = await gitIn(stage.repository)('ls-tree', '-r', '--name-only', 'main');
    const all = [1, 2, 3, 4].every((step) => files.includes(`bench/step-${step}.txt`));
    stage.claim('it is DONE and all four files landed', status === 'DONE' && all);
  },
};
