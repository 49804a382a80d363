import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRig, type Rig } from '../support/rig.js';
import { eventually } from '../support/tasks.js';

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig.close());

const says = (log: string, what: string) =>
  eventually(async () => expect(await readFile(log, 'utf8')).toContain(what));

test('a worker that is started before its servers waits for each of them, then works', async () => {
  await rig.killTemporal();
  await rig.postgres().stop('fast');
  const worker = await rig.startWorker();
  await says(worker.log, 'waiting to reach Temporal');
  const told = await rig.startWorker();
  await says(told.log, 'waiting to reach Temporal');
  await told.kill('SIGTERM');
  expect(await told.ended).toMatchObject({ code: 0 });

  await rig.startTemporal();
  await says(worker.log, 'waiting to learn whose database it is');
  await rig.startPostgres();
  await says(worker.log, ' polls ');
  const handle = await rig.client.workflow.start('task', {
    ...{ taskQueue: rig.taskQueue, workflowId: 'first', args: [{ title: 'The first' }] },
  });
  expect(await handle.result()).toMatchObject({ status: 'DONE' });
  await worker.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
});
