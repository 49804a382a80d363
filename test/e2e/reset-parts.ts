import { readFile } from 'node:fs/promises';
import { uuidv7 } from 'uuidv7';
import { expect } from 'vitest';
import { withLock } from '../../src/workspace/lock.js';
import { lockPath } from '../../src/workspace/names.js';
import { deferred } from '../matrix/deferred.js';
import type { House } from '../support/house.js';
import { addRepository, type Repository } from '../support/repository.js';
import { approved, eventually, execution, type Filed, file, until } from '../support/tasks.js';

/** Resets a task's workflow, as a person does in Temporal's Web UI. */
export async function resetTo(
  { client }: House,
  { handle, workflowId }: Filed,
  to: 'first' | 'second' | 'last',
  { reapply = true } = {},
): Promise<void> {
  const at = await eventually(async () => {
    const { events } = await handle.fetchHistory();
    const completed = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
    expect(completed).not.toEqual([]);
    return completed.at({ first: 0, second: 1, last: -1 }[to]);
  });
  const { runId } = await handle.describe();
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'a test',
    requestId: uuidv7(),
    resetReapplyType: reapply ? 3 : 2, // all that was said meanwhile, or none of it
    workflowTaskFinishEventId: at?.eventId ?? null,
  });
}

/** No turn was really performed twice, and no number is missing. */
export async function expectTurnsOnce(effectsLog: string, task: Filed): Promise<void> {
  const runs = await task.runs();
  const ids = new Set(runs.map(({ id }) => id));
  const log = await readFile(effectsLog, 'utf8').catch(() => ''); // the first turn makes it
  const lines = log.split('\n').filter((line) => line !== '');
  const turns = lines
    .map((line) => JSON.parse(line))
    .filter(({ run }) => ids.has(run))
    .map(({ kind, number, turn }) => `${kind} ${number} turn ${turn}`);
  expect(turns).toEqual([...new Set(turns)]);
  for (const kind of ['EXECUTION', 'REVIEW']) {
    const numbers = runs.filter((run) => run.kind === kind).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  }
  expect(runs.filter(({ state }) => /QUEUED|ADMITTED|RUNNING/.test(state))).toEqual([]);
}

/** A task that lands behind another landing of its repository, until that one is let go. */
export interface HeldLanding {
  readonly task: Filed;
  readonly repository: Repository;
  /** Answers when whoever waited for the repository has had it. */
  letGo(): Promise<void>;
}

/** Brings a task to LANDING and holds it there, by the lock that landings queue for. */
export async function heldAtLanding(house: House): Promise<HeldLanding> {
  const repository = await addRepository(house, { landing: 'merge' });
  const [row] = await house.database.sql<{ id: string }[]>`
    select id from repositories where name = ${repository.name}`;
  const lock = lockPath(house.home, { kind: 'repository', repositoryId: row?.id ?? '' });
  const asks = { ...approved, faults: { ask: { turn: 1, question: '?' } } };
  const script = { executions: [execution('work')], reviews: [asks] };
  const task = await file(house, script, { repository: repository.name });
  await until(task, 'BLOCKED', 'question'); // before the lock: an execution needs it as well
  const [begun, released] = [deferred<void>(), deferred<void>()];
  const holding = withLock(lock, {}, async () => {
    begun.resolve();
    await released.promise;
  });
  await begun.promise;
  await task.say('answer', { text: 'yes' });
  await until(task, 'LANDING');
  // The record is there first; from now on the workflow has asked for its landing as well.
  await eventually(async () => expect((await task.state()).status).toBe('LANDING'));
  const letGo = async () => {
    released.resolve();
    await holding;
    await withLock(lock, {}, async () => {});
  };
  return { task, repository, letGo };
}

/** The last turn of a run that was stored; null: none. */
export async function turnIn(house: House, task: Filed, kind: string, number = 1) {
  const [row] = await house.database.sql<{ turn: number | null }[]>`
    select max((a.checkpoint ->> 'turn')::integer) as turn from attempts a
    join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
    where t.workflow_id = ${task.workflowId} and r.kind = ${kind}
      and r.number = ${number}`;
  return row?.turn ?? null;
}

export const hangs = { faults: { hangAtTurn: 2, onlyAttempt: 1 } };
export const twoTurns = { turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }] };
export const failing = { report: 'none', faults: { fail: { turn: 1, message: 'no' } } };
export const garbage = { faults: { garbageVerdict: 'fine' } };

export const reviews = (...numbers: number[]) => numbers.map((n) => `REVIEW ${n} SUCCEEDED`);
