import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type MissionControl } from '../../src/client/index.js';
import { historyOf } from '../support/histories.js';
import { type House, openHouse } from '../support/house.js';
import { temporal, workflowBundle } from '../support/services.js';
import { eventually, type Filed, file } from '../support/tasks.js';

/** Temporal takes at most 10,000 signals and 2,000 updates for one history, and 51,200 events. */
const LONG = process.env.MC_LONG === '1';
const SIGNALS = LONG ? 10_000 : 1_000;
const UPDATES = LONG ? 2_001 : 660;
/** More than Temporal keeps for the end of a workflow task: it ends the task then. */
const MORE_THAN_WAIT = 150;
const PATIENCE = LONG ? 900_000 : 180_000;

const effectsLog = join(tmpdir(), `effects-${uuidv7()}.jsonl`);
let house: House;
let mission: MissionControl;
beforeAll(async () => {
  house = await openHouse({ effectsLog });
  const { taskQueue } = house;
  mission = await connect({ ...temporal(), taskQueue, by: 'person:ann', timeoutMs: 60_000 });
});
afterAll(async () => {
  await mission.close();
  await house.close();
});

/** `count` times, at most so many at once. */
async function flood(count: number, atOnce: number, say: (n: number) => Promise<unknown>) {
  let last = 0;
  const one = async () => {
    for (let n = ++last; n <= count; n = ++last) await say(n);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** Temporal has room for ten updates; who finds none in ten tries was not heard: asks again. */
async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!/in-flight updates/.test(String(error instanceof Error && error.cause))) throw error;
    }
  }
}

/** What the task was told, each text once for each time it was kept. */
async function guided(task: Filed): Promise<string[]> {
  const rows = await house.database.sql<{ text: string }[]>`
    select g.text from guidance g join tasks t on t.id = g.task_id
    where t.workflow_id = ${task.workflowId}`;
  return rows.map(({ text }) => text).sort();
}

const hints = (count: number) =>
  Array.from({ length: count }, (_, index) => `hint ${index + 1}`).sort();

const signal = (task: Filed) => (n: number) =>
  task.handle.signal('guide', { by: 'person:ann', text: `hint ${n}` });

/** True once the task goes on in another history than its first. */
async function expectAnotherHistory(task: Filed, first: string): Promise<void> {
  const { runId, historyLength } = await task.handle.describe();
  expect(runId).not.toBe(first);
  expect(historyLength).toBeLessThan(10_000);
}

const attemptsOf = (task: Filed) => house.database.sql<{ number: number; end: string }[]>`
  select a.number, a.end from attempts a join runs r on r.id = a.run_id
  join tasks t on t.id = r.task_id
  where t.workflow_id = ${task.workflowId} and r.kind = 'EXECUTION' order by a.number`;

async function hasCheckpoint(task: Filed): Promise<boolean> {
  const rows = await house.database.sql`
    select 1 from attempts a join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
    where t.workflow_id = ${task.workflowId} and a.checkpoint is not null`;
  return rows.length > 0;
}

async function turnsPerformed(task: Filed): Promise<string[]> {
  const ids = new Set((await task.runs()).map(({ id }) => id));
  const lines = (await readFile(effectsLog, 'utf8')).split('\n').filter(Boolean);
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ run }) => ids.has(run))
    .map(({ kind, number, turn }) => `${kind} ${number} turn ${turn}`);
}

async function waitingForLocks(): Promise<number> {
  const rows = await house.database.sql`
    select 1 from pg_locks l join pg_stat_activity a using (pid)
    where a.datname = current_database() and not l.granted`;
  return rows.length;
}

/** How many a worker can have been given: those that wait for the end of a task are not seen. */
async function signalsSeen(task: Filed): Promise<number> {
  const { events } = await historyOf(task.handle);
  return events.filter(({ eventType }) => eventType === 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED')
    .length;
}

async function expectAtRest(task: Filed): Promise<void> {
  const { raw } = await task.handle.describe();
  expect(raw.pendingWorkflowTask ?? null).toBeNull();
  expect(raw.pendingActivities ?? []).toEqual([]);
}

describe('a flood of messages', () => {
  test(
    `${UPDATES} updates to a task in the inbox, 11 at once: each is answered`,
    async () => {
      const task = await file(house, {}, { assignee: 'lead' });
      await task.until('INBOX');
      const { runId } = await task.handle.describe();
      const said = await mission.tasks.get(task.workflowId);
      await flood(UPDATES, 11, async (n) => {
        const answer = await insisting(() => said.guide(`hint ${n}`));
        expect(answer).toMatchObject({ applied: true });
      });
      expect(await guided(task)).toEqual(hints(UPDATES));
      await eventually(() => expectAnotherHistory(task, runId));
      await task.say('approve');
      expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
      expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    },
    PATIENCE,
  );

  test(
    `${SIGNALS} signals to a task whose agent works: each is kept once, no turn is repeated`,
    async () => {
      const turns = [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }];
      const hangs = { hangAtTurn: 2, onlyAttempt: 1 };
      const task = await file(house, { executions: [{ turns, report: 'done', faults: hangs }] });
      await eventually(async () => expect(await hasCheckpoint(task)).toBe(true));
      const { runId } = await task.handle.describe();
      await task.say('pause'); // heard after its turn: none is told too late
      await flood(SIGNALS, 20, signal(task));
      await eventually(async () => expect(await guided(task)).toEqual(hints(SIGNALS)), PATIENCE);
      await eventually(() => expectAnotherHistory(task, runId), PATIENCE);
      // The new history counts on: what it hears is not taken for what was heard before.
      await flood(20, 5, (n) => signal(task)(SIGNALS + n));
      await eventually(async () => expect(await guided(task)).toEqual(hints(SIGNALS + 20)), 60_000);
      await task.say('resume');
      expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });

      expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
      expect(await turnsPerformed(task)).toEqual(['EXECUTION 1 turn 1', 'EXECUTION 1 turn 2']);
      // The agent was stopped once for a new history, which counts as no loss.
      const ends = (await attemptsOf(task)).map(({ end }) => end);
      expect(ends).toContain('cancelled');
      expect(ends).not.toContain('lost');
    },
    PATIENCE,
  );

  test(`${MORE_THAN_WAIT} signals while the first is applied: the history replays`, async () => {
    const task = await file(house, {}, { assignee: 'lead' });
    await task.until('INBOX');
    await house.database.sql.begin(async (sql) => {
      await sql`select 1 from tasks where workflow_id = ${task.workflowId} for update`;
      await signal(task)(1);
      await eventually(async () => expect(await waitingForLocks()).toBeGreaterThan(0));
      await flood(MORE_THAN_WAIT - 1, 50, (n) => signal(task)(n + 1));
      await eventually(async () => expect(await signalsSeen(task)).toBeGreaterThan(100));
    });
    await eventually(async () => expect(await guided(task)).toEqual(hints(MORE_THAN_WAIT)));
    await eventually(() => expectAtRest(task));
    const history = await historyOf(task.handle);
    await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, 'task/replayed');
  });

  test(`${MORE_THAN_WAIT} signals while the task lands: the history replays`, async () => {
    const { sql } = house.database;
    await sql.unsafe(`
      create function held() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(1); return new; end $$;
      create trigger held before update on tasks for each row
        when (new.status = 'DONE') execute function held()`);
    const task = await sql.begin(async (holder) => {
      await holder`select pg_advisory_xact_lock(1)`;
      const filed = await file(house, { executions: [{ turns: [], report: 'It is so.' }] });
      await eventually(async () => expect(await waitingForLocks()).toBeGreaterThan(0));
      await flood(MORE_THAN_WAIT, 50, signal(filed));
      await eventually(async () => expect(await signalsSeen(filed)).toBeGreaterThan(100));
      return filed;
    });
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const history = await historyOf(task.handle);
    await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, 'task/replayed');
  });
});
