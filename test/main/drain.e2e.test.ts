import { afterEach, beforeEach, expect, test } from 'vitest';
import { drain } from '../../src/main/drain.js';
import { type House, openHouse } from '../support/house.js';
import { eventually, execution, file } from '../support/tasks.js';

let house: House;
let said: string[];
let asked: AbortController;
beforeEach(async () => {
  house = await openHouse();
  said = [];
  asked = new AbortController();
});
afterEach(async () => {
  const { sql } = house.database;
  for (const { workflow_id: id } of await sql`select workflow_id from tasks where ended_at is null`)
    await house.client.workflow.getHandle(id).terminate();
  await house.close();
});

const HANGS = { executions: [{ report: 'late', turns: [{}], faults: { hangAtTurn: 1 } }] };
const LONG_MS = 600_000;
const drained = (timeoutMs: number) =>
  drain(house.databaseUrl, house.client, {
    timeoutMs,
    signal: asked.signal,
    say: (line) => said.push(line),
  });

/** Filed, and an agent is at work on it. */
async function working(script: object = HANGS) {
  const task = await file(house, script);
  await task.until('IN_PROGRESS');
  return task;
}

test('says which runs it waits for, how long, and at the end which will resume', async () => {
  await working();
  await drained(1_200);
  expect(said[0]).toMatch(
    /^Waiting for Execution 1 of T-1 \(implementer, for \d+ s\); at most [12] s more$/,
  );
  expect(said.slice(-2)).toEqual([
    'Not at the end of a turn after 1.2 s: it is stopped',
    'Resumes from its last checkpoint after the next start: Execution 1 of T-1',
  ]);
  const [row] = await house.database.sql`select squad_paused_by from installation`;
  expect(row?.squad_paused_by).toBe('system:drain');
});

test('is over with the turn of the last run, and says when what it waits for changes', async () => {
  const turns = [{ delayMs: 1_500 }, { delayMs: LONG_MS }];
  await working({ executions: [{ report: 'late', turns }] });
  const other = await working();
  const over = drained(LONG_MS);
  await eventually(async () => expect(said).toHaveLength(2));
  expect(said[0]).toContain('Execution 1 of T-1');
  expect(said[0]).toContain('Execution 1 of T-2');
  expect(said[1]).not.toContain('T-1');
  await other.say('cancel');
  await over;
  expect(said.slice(2)).toEqual([]);
});

test('does not wait for a run that nobody is at work on', async () => {
  await working();
  await house.worker.stop(); // Temporal tries it again as soon as there is a worker
  const { sql } = house.database;
  // As after a try that failed without a word to the record.
  await sql`update attempts set ended_at = null, "end" = null`;
  await drained(LONG_MS);
  expect(said).toEqual([
    'Resumes from its last checkpoint after the next start: Execution 1 of T-1',
  ]);
});

test('a second wish to end cuts it short', async () => {
  await working();
  const over = drained(LONG_MS);
  await eventually(async () => expect(said).toHaveLength(1));
  asked.abort();
  await expect(over).rejects.toThrow();
});

test('runs that have nothing to do are drained at once', async () => {
  const task = await file(house, { executions: [execution('done')] });
  await task.result();
  await drained(LONG_MS);
  expect(said).toEqual([]);
});
