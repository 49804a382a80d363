import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { isTerminal, TASK_STATUSES } from '../../src/domain/task.js';
import { heldAtLanding } from '../e2e/reset-parts.js';
import { type House, openHouse } from '../support/house.js';
import { addRepository } from '../support/repository.js';
import {
  approved,
  eventually,
  execution,
  type Filed,
  file,
  revision,
  until,
} from '../support/tasks.js';

/** What Temporal's Web UI offers for any workflow, at each status; a reset is in test/e2e/reset. */

const effectsLog = join(tmpdir(), `effects-${uuidv7()}.jsonl`);
let house: House;
beforeAll(async () => {
  house = await openHouse({ effectsLog, upkeep: true });
});
afterAll(() => house.close());

/** Lets the landing go that a test has held; answers the subjects that its target has then. */
let landing: (() => Promise<string[]>) | null = null;
afterEach(async () => {
  const lets = landing;
  landing = null;
  expect((await lets?.()) ?? ['Begin']).toEqual(['Begin']);
});

const hangs = { turns: [{ say: 'a' }], faults: { hangAtTurn: 2 } };

const STATUSES: Record<string, () => Promise<Filed>> = {
  async INBOX() {
    const task = await file(house, {}, { assignee: 'lead' });
    await until(task, 'INBOX');
    return task;
  },
  async ASSIGNED() {
    const task = await file(house, {}, { assignee: 'lead' });
    await until(task, 'INBOX');
    await task.say('pause');
    await task.say('approve');
    await until(task, 'ASSIGNED');
    return task;
  },
  async IN_PROGRESS() {
    const task = await file(house, { executions: [{ ...hangs, report: 'x' }] });
    await until(task, 'IN_PROGRESS');
    return task;
  },
  async REVIEW() {
    const task = await file(house, { reviews: [{ ...hangs, ...approved }] });
    await until(task, 'REVIEW');
    await eventually(async () => expect((await task.runs()).at(-1)?.state).toBe('RUNNING'));
    return task;
  },
  async BLOCKED() {
    const asks = { ask: { turn: 1, question: 'blue?' } };
    const task = await file(house, { executions: [execution('x', { faults: asks })] });
    await until(task, 'BLOCKED', 'question');
    return task;
  },
  async LANDING() {
    const { task, repository, letGo } = await heldAtLanding(house);
    landing = async () => {
      await letGo();
      return repository.git('log', '--first-parent', '--format=%s', 'main').split('\n');
    };
    return task;
  },
  async 'BLOCKED at its landing'() {
    const repository = await addRepository(house, { landing: 'merge' });
    repository.write('shared.txt', 'dirty\n');
    const script = { executions: [execution('work')] };
    const task = await file(house, script, { repository: repository.name });
    await until(task, 'BLOCKED', 'landing-failed');
    return task;
  },
};

/** The record has ended as well, and nothing of the task is open or lies about. */
async function expectEnded(task: Filed, reason: string): Promise<void> {
  const record = await eventually(async () => {
    const row = await task.record();
    expect(row.status).toBe('CANCELLED');
    return row;
  }, 60_000);
  expect(record.ended_reason).toContain(reason);
  expect((await task.runs()).filter(({ state }) => /QUEUED|ADMITTED|RUNNING/.test(state))).toEqual(
    [],
  );
  const ids = new Set((await task.runs()).map(({ id }) => id));
  await eventually(async () => {
    const copies = await house.workspaces.listCopies();
    expect(copies.filter(({ runId }) => ids.has(runId))).toEqual([]);
  }, 60_000);
}

test('each status in which a task may be open is here', () => {
  const open = TASK_STATUSES.filter((status) => !isTerminal(status));
  expect(Object.keys(STATUSES)).toEqual(expect.arrayContaining(open));
});

describe.each(Object.entries(STATUSES))('at %s', (_, reach) => {
  test('cancelled in Temporal', async () => {
    const task = await reach();
    await task.handle.cancel();
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
    await expectEnded(task, 'cancelled in Temporal');
    expect(await checkInvariants(house.database)).toEqual([]);
  }, 120_000);

  test('terminated in Temporal', async () => {
    const task = await reach();
    await task.handle.terminate();
    await expectEnded(task, 'TERMINATED');
    expect(await checkInvariants(house.database)).toEqual([]);
  }, 120_000);
});

test('a finished history reset to each of its workflow tasks: nothing is done again', async () => {
  const task = await file(house, {
    executions: [execution('one'), execution('two')],
    reviews: [revision('more'), approved],
  });
  await task.result();
  const record = await task.record();
  const runs = await task.runs();
  const done = await readFile(effectsLog, 'utf8');
  const { events } = await task.handle.fetchHistory();
  const { runId } = await task.handle.describe();
  const points = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  expect(points.length).toBeGreaterThan(4);
  for (const { eventId } of points) {
    await house.client.workflowService.resetWorkflowExecution({
      namespace: house.client.options.namespace,
      workflowExecution: { workflowId: task.workflowId, runId },
      reason: 'a test',
      requestId: uuidv7(),
      workflowTaskFinishEventId: eventId ?? null,
    });
    // Before it was registered it is refused by name; later the record says that it has ended.
    const end = await task.result().catch(({ cause }) => cause.type);
    if (end !== 'TaskEnded') expect(end).toMatchObject({ status: 'DONE', cycles: 2 });
  }
  // Upkeep may have cleaned up meanwhile.
  const same = { ...(await task.record()), cleaned_at: null };
  expect(same).toEqual({ ...record, cleaned_at: null });
  expect(await task.runs()).toEqual(runs);
  expect(await readFile(effectsLog, 'utf8')).toBe(done);
}, 120_000);
