import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { addRepository, type Repository } from '../support/repository.js';
import { openRig, type Rig, type RigWorker } from '../support/rig.js';
import { eventually, execution, type Filed, file, filed, until } from '../support/tasks.js';

/** How long Postgres is away; the whole ten minutes by `npm run test:long`. */
const AWAY_S = process.env.MC_LONG === '1' ? 600 : 30;
const EVENTS_MAX = 100;
/** The longest that a step waits between two tries (`workflows/proxies.ts`). */
const BACK_OFF_MAX_S = 60;
/** A timer that is set and fires, the workflow task that tries again, and what it left. */
const EVENTS_A_TRY = 6;

let rig: Rig;
let worker: RigWorker;
beforeAll(async () => {
  rig = await openRig();
  worker = await rig.startWorker();
}, 90_000);
afterAll(() => rig.close());

/** Two turns; the second takes this long, so that its checkpoint meets no database. */
const slow = (ms: number) => ({ turns: [{ say: 'first' }, { say: 'second', delayMs: ms }] });

/** One task in every phase that a task can stand in. */
async function fileAll(repository: Repository) {
  repository.write('shared.txt', 'dirty\n'); // a landing waits for a person
  const asks = { ask: { turn: 1, question: 'blue?' } };
  const lead = { assignee: 'lead' };
  const work = { executions: [execution('work')] };
  const tasks = {
    inbox: await file(rig, {}, lead),
    told: await file(rig, {}, lead),
    queued: await file(rig, {}, lead),
    landing: await file(rig, work, { assignee: 'operator', repository: repository.name }),
    asking: await file(rig, { executions: [execution('x', { faults: asks })] }),
  };
  for (const task of [tasks.inbox, tasks.told, tasks.queued]) await until(task, 'INBOX');
  await tasks.queued.say('pause');
  await tasks.queued.say('approve');
  await until(tasks.queued, 'ASSIGNED');
  await until(tasks.asking, 'BLOCKED', 'question');
  await until(tasks.landing, 'BLOCKED', 'landing-failed');
  // Last, since these do not wait for anybody.
  const reviewed = await file(rig, { reviews: [slow(10_000)] }, { assignee: 'writer' });
  await until(reviewed, 'REVIEW');
  const working = await file(rig, { executions: [{ ...slow(10_000), report: 'done' }] });
  await until(working, 'IN_PROGRESS');
  return { ...tasks, working, reviewed };
}

const eventsOf = async (task: Filed): Promise<number> =>
  (await task.handle.describe()).historyLength;

/** The seconds of all timers that a history has set. */
async function timersOf(task: Filed): Promise<number[]> {
  const { events } = await task.handle.fetchHistory();
  return (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
    timer ? [Number(timer.startToFireTimeout?.seconds ?? 0)] : [],
  );
}

/** How many events a step that fails all the time leaves in ten minutes, by its own back-off. */
function eventsInTenMinutes(timers: readonly number[]): number {
  let [at = 0] = timers;
  let tries = 0;
  for (let passed = 0; passed < 600; tries++) {
    passed += at;
    at = Math.min(at * 2, BACK_OFF_MAX_S);
  }
  return tries * EVENTS_A_TRY;
}

test(
  `Postgres away for ${AWAY_S} s, tasks in every phase: few events, and all go on at once`,
  async () => {
    const repository = await addRepository(rig, { landing: 'merge' });
    const tasks = await fileAll(repository);
    const before = new Map<string, number>();
    for (const [name, task] of Object.entries(tasks)) before.set(name, await eventsOf(task));
    const down = Date.now();
    await rig.postgres().stop('fast');
    // What is asked meanwhile is kept by Temporal.
    repository.git('checkout', '--quiet', 'shared.txt');
    await tasks.landing.handle.signal('retry', { by: 'person:ann' });
    await tasks.told.handle.signal('guide', { by: 'person:ann', text: 'mind the edges' });
    const workflowId = 'filed-in-the-dark';
    await rig.client.workflow.start('task', {
      ...{ taskQueue: rig.taskQueue, workflowId, args: [{ title: 'Filed in the dark' }] },
      workflowTaskTimeout: '5s',
    });
    const dark = filed(rig, workflowId);
    await sleep(AWAY_S * 1000 - (Date.now() - down)); // the outage itself, not a wait for work

    const grown: Record<string, number> = {};
    for (const [name, task] of Object.entries(tasks)) {
      grown[name] = (await eventsOf(task)) - (before.get(name) ?? 0);
    }
    grown.dark = await eventsOf(dark);
    console.log(`events while Postgres was away for ${AWAY_S} s:`, JSON.stringify(grown));
    for (const count of Object.values(grown)) expect(count).toBeLessThan(EVENTS_MAX);
    const timers = await timersOf(dark);
    expect(timers.length).toBeGreaterThan(1); // it waits by timers, the intervals double
    for (const [index, seconds] of timers.entries()) {
      const last = timers[index - 1] ?? 0;
      expect(seconds).toBeGreaterThanOrEqual(Math.min(last * 2, BACK_OFF_MAX_S));
    }
    const predicted = eventsInTenMinutes(timers);
    console.log(`a step that fails for ten minutes leaves ${predicted} events`);
    expect(predicted).toBeLessThan(EVENTS_MAX);

    await rig.startPostgres();
    const back = Date.now();
    const after: Record<string, number> = {};
    const noted = (name: string) => () => {
      after[name] = (Date.now() - back) / 1000;
    };
    const within = 2 * BACK_OFF_MAX_S * 1000;
    await Promise.all([
      tasks.working.result().then(noted('working')),
      tasks.reviewed.result().then(noted('reviewed')),
      dark.result().then(noted('dark')),
      eventually(async () => {
        const [row] = await rig.database.sql`select count(*)::integer as count from guidance`;
        expect(row?.count).toBe(1);
      }, within).then(noted('told')),
      tasks.asking.say('answer', { text: 'yes' }).then(noted('asking')),
      tasks.queued.say('resume').then(noted('queued')),
      tasks.landing.result().then(noted('landing')),
      tasks.inbox.say('approve').then(noted('inbox')),
    ]);
    console.log('seconds after its return until each went on:', JSON.stringify(after));
    // An agent's work is tried again every 15 s, a small step every minute at the latest.
    expect(after.working).toBeLessThan(60);
    await tasks.told.say('approve');
    for (const task of [...Object.values(tasks), dark]) {
      expect(await task.result()).toMatchObject({ status: 'DONE' });
      expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    }
    expect(await checkInvariants(rig.database)).toEqual([]);
    expect(worker.child.exitCode).toBeNull(); // the same worker, all the time
  },
  AWAY_S * 1000 + 300_000,
);
