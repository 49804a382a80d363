import { createServer, type Server } from 'node:net';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  ConfigError,
  connect,
  type MissionControl,
  MissionError,
  TaskFailed,
  Timeout,
  Unreachable,
} from '../../src/client/index.js';
import { type House, openHouse } from '../support/house.js';
import { temporal } from '../support/services.js';
import { connectTo, openConnection } from './support.js';

let house: House;
let mission: MissionControl;
beforeAll(async () => {
  house = await openHouse();
  mission = await connectTo(house);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await mission.close();
  await house.close();
});

/** A port where connections are accepted and nothing is ever said. */
async function mute(): Promise<{ server: Server; address: string }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { server, address: `127.0.0.1:${bound.port}` };
}

describe('connect', () => {
  test('takes what it is not told from the environment', async () => {
    vi.stubEnv('TEMPORAL_ADDRESS', temporal().address);
    vi.stubEnv('TEMPORAL_NAMESPACE', temporal().namespace);
    vi.stubEnv('MISSION_TASK_QUEUE', 'of-the-environment');
    const found = await connect();
    expect(found).toMatchObject({ ...temporal(), taskQueue: 'of-the-environment' });
    expect(found.by).toBe(`person:${userInfo().username}`);
    await found.close();
  });

  test('leaves a connection open that the caller has opened', async () => {
    const connection = await openConnection();
    const borrowing = await connectTo(house, { connection });
    await borrowing.close();
    await expect(connection.workflowService.getSystemInfo({})).resolves.toBeDefined();
    await connection.close();
  });

  test('nobody listens: Unreachable, with the address and what to do', async () => {
    const { server, address } = await mute();
    await new Promise((resolve) => server.close(resolve));
    const error = await connect({ address, timeoutMs: 500 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unreachable);
    expect(error).toBeInstanceOf(MissionError);
    expect(error).toMatchObject({ code: 'Unreachable', address });
    expect(String(error)).toMatch(new RegExp(`at ${address}; start it \\(mission up\\), or name`));
  });

  test('somebody listens and never answers: the same', async () => {
    const { server, address } = await mute();
    const sockets: { destroy(): void }[] = [];
    server.on('connection', (socket) => sockets.push(socket));
    await expect(connect({ address, timeoutMs: 500 })).rejects.toBeInstanceOf(Unreachable);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('a namespace that is not there', async () => {
    const lost = await connectTo(house, { namespace: 'nowhere' });
    await expect(lost.tasks.start({ title: 'x' })).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining('has no namespace "nowhere"'),
    });
    await lost.close();
  });

  test('a variable that cannot be used is named', async () => {
    vi.stubEnv('MISSION_TASK_QUEUE', 'no blanks');
    await expect(connect(temporal())).rejects.toBeInstanceOf(ConfigError);
    vi.unstubAllEnvs();
  });
});

describe('no worker', () => {
  test('a verb is a Timeout, and the same call again gets the answer', async () => {
    const hasty = await connectTo(house, { timeoutMs: 2_000 });
    const { workflowId, state } = await mission.tasks.start({ title: 'A plan', assignee: 'lead' });
    await state();
    await house.worker.stop();

    const task = await hasty.tasks.get(workflowId);
    const error = await task.approve({ timeoutMs: 300 }).catch((thrown: unknown) => thrown);
    if (!(error instanceof Timeout)) throw error;
    const { messageId } = error;
    expect(error.message).toContain('it may still be applied');
    expect(error.message).toContain(`repeat the call with messageId "${messageId}"`);
    await expect(task.state()).rejects.toMatchObject({ code: 'Timeout', messageId: null });

    await house.startWorker();
    const answer = await task.approve({ messageId: String(messageId), timeoutMs: 20_000 });
    expect(answer.applied).toBe(true);
    expect((await task.result()).status).toBe('DONE');
    await hasty.close();
  });

  test('a task is filed and a signal kept all the same', async () => {
    const nobody = await connectTo({ taskQueue: `nobody-${process.pid}` });
    const task = await nobody.tasks.start({ title: 'x', assignee: 'lead' });
    await task.signal.approve();
    await nobody.close();
  });
});

describe('what happens in Temporal alone', () => {
  test('a terminated task has no outcome, and says so', async () => {
    const task = await mission.tasks.start({ title: 'A plan', assignee: 'lead' });
    await task.state();
    const result = expect(task.result()).rejects.toBeInstanceOf(TaskFailed);
    await house.client.workflow.getHandle(task.workflowId).terminate('enough of it');
    await result;
    const said = `${task.workflowId} was terminated in Temporal (enough of it)`;
    await expect(task.result()).rejects.toThrow(said);
    await expect(task.approve()).rejects.toThrow(said);
    await expect(task.follow().next()).resolves.toMatchObject({ value: { status: 'INBOX' } });
    await expect(
      (async () => {
        for await (const _ of task.follow());
      })(),
    ).rejects.toThrow(said);
  });

  test('a cancelled one is CANCELLED', async () => {
    const task = await mission.tasks.start({ title: 'A plan', assignee: 'lead' });
    await task.state();
    await house.client.workflow.getHandle(task.workflowId).cancel();
    expect((await task.result()).status).toBe('CANCELLED');
  });

  test('result() and follow() go on over a reset', async () => {
    const task = await mission.tasks.start({ title: 'A plan', assignee: 'lead' });
    const states = task.follow();
    await states.next();
    const result = task.result();
    const { workflowId } = task;
    await house.client.workflowService.resetWorkflowExecution({
      namespace: mission.namespace,
      workflowExecution: { workflowId },
      workflowTaskFinishEventId: 4 as never,
      requestId: crypto.randomUUID(),
      reason: 'a test',
    });
    await task.approve({ timeoutMs: 20_000 });
    expect((await result).status).toBe('DONE');
    let last = '';
    for await (const { status } of states) last = status;
    expect(last).toBe('DONE');
  });
});
