import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPKEEP_ID } from '../../src/contract.js';
import { type House, openHouse } from '../support/house.js';
import { eventually } from '../support/tasks.js';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.js';

let house: House;
let worker: WorkerProcess;
let url: string;
beforeAll(async () => {
  house = await openHouse();
  await house.worker.stop(); // the process alone takes upkeep
  const port = String(await getPort({ host: '127.0.0.1' }));
  url = `http://127.0.0.1:${port}/metrics`;
  // As a script that nobody told of would do it.
  await house.database.sql`update agents set enabled = false where id = 'intern'`;
  const log = join(tmpdir(), `effects-${house.taskQueue}.jsonl`);
  worker = startWorkerProcess(house, log, { MISSION_METRICS_ADDRESS: port });
  await worker.polling;
});
afterAll(async () => {
  worker.child.kill('SIGTERM');
  await worker.ended;
  await house.close();
});

/** The figure of each invariant, as a Prometheus server would read it. */
async function scrape(): Promise<Record<string, number>> {
  const text = await (await fetch(url)).text();
  const lines = [...text.matchAll(/^mission_invariant_breaches\{(.*)\} (\d+)$/gm)];
  return Object.fromEntries(
    lines.map(([, labels, rows]) => [/invariant="(\d+)"/.exec(labels ?? '')?.[1], Number(rows)]),
  );
}

test('a broken invariant is a figure of its worker, and said in its log', async () => {
  const figures = await eventually(async () => {
    const found = await scrape();
    expect(Object.keys(found)).toHaveLength(16);
    return found;
  }, 30_000);
  expect(figures['13']).toBe(1);
  expect(Object.values(figures).reduce((sum, rows) => sum + rows, 0)).toBe(1);
  expect(worker.lines.join('\n')).toMatch(/invariant 13 is broken .*: agent intern/);

  // Upkeep is another worker's now: this one knows of nothing any more.
  await house.client.workflow.getHandle(UPKEEP_ID).terminate();
  await eventually(async () => expect((await scrape())['13']).toBe(0), 45_000);
}, 90_000);
