import { once } from 'node:events';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createActivities } from '../../activities/index.js';
import { createBackends } from '../../src/agents/index.js';
import { type House, openHouse } from '../support/house.js';
import { temporal, workflowBundle } from '../support/services.js';
import { approved, eventually, execution, file } from '../support/tasks.js';
import { resetTo } from './reset-parts.js';

let house: House;
let connection: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let told = new AbortController();
const untilTold = async () => told.signal.aborted || (await once(told.signal, 'abort'));
/** A worker whose runs are recorded at once and told of late. */
beforeAll(async () => {
  house = await openHouse();
  await house.worker.stop();
  const { address, namespace } = temporal();
  connection = await NativeConnection.connect({ address });
  const { database, workspaces, github, taskQueue } = house;
  const backends = createBackends({ scenarioFolder: null, effectsLog: null });
  const checks = { atOnce: 1, timeLimitMs: 30_000 };
  const deps = { database, workspaces, github, taskQueue, backends, checks, worker: 'late' };
  const activities = createActivities(deps);
  worker = await Worker.create({
    ...{ connection, namespace, taskQueue, workflowBundle: workflowBundle() },
    activities: {
      ...activities,
      async performExecution(...asked: Parameters<typeof activities.performExecution>) {
        const end = await activities.performExecution(...asked);
        await untilTold();
        return end;
      },
      async performReview(...asked: Parameters<typeof activities.performReview>) {
        const end = await activities.performReview(...asked);
        if (end.kind === 'closed') await untilTold();
        return end;
      },
    },
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await connection.close();
  await house.close();
});

test('what a run came to, told after a verb has changed it, does not show the past', async () => {
  const fails = execution('x', { faults: { fail: { turn: 1, message: 'no' } } });
  const task = await file(house, { executions: [fails] }, { assignee: 'intern' });
  await task.until('BLOCKED', 'execution-failed');
  expect(await task.say('reassign', { executor: 'lead' })).toMatchObject({ status: 'INBOX' });
  told.abort();
  await eventually(async () => {
    const { events } = await task.handle.fetchHistory();
    expect(events?.some(({ activityTaskCompletedEventAttributes: end }) => end)).toBe(true);
  });
  expect(await task.state()).toMatchObject({ status: 'INBOX', waitingFor: 'approval' });
  await task.say('approve');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
});

test('reset to before an answer whose run has ended: it goes on from the record', async () => {
  told.abort();
  const asks = { ...approved, faults: { ask: { turn: 1, question: '?' } } };
  const task = await file(house, { reviews: [asks] });
  await task.until('BLOCKED', 'question');
  told = new AbortController();
  await task.say('answer', { text: 'yes' });
  await task.until('LANDING');
  await resetTo(house, task, 'last');
  told.abort();
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
});
