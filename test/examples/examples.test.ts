import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TASK_QUEUE } from '../../src/contract.js';
import { type House, openHouse } from '../support/house.js';
import { temporal } from '../support/services.js';
import { ROOT } from '../support/source.js';

let house: House;
beforeAll(async () => {
  // The queue that a program finds when nobody tells it another.
  house = await openHouse({ taskQueue: TASK_QUEUE });
});
afterAll(() => house.close());

/** Runs an example as its first lines say, and answers what it printed. */
async function run(example: string, ...args: readonly string[]): Promise<string[]> {
  const { stdout, stderr } = await runOn(temporal().address, example, ...args);
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

/** The same at an address; a failure of the program is one of the promise. */
function runOn(address: string, example: string, ...args: readonly string[]) {
  const { namespace } = temporal();
  const env = {
    PATH: process.env.PATH,
    HOME: house.home,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  };
  const file = join('examples', `${example}.ts`);
  const tsx = join(ROOT, 'node_modules', '.bin', 'tsx');
  return promisify(execFile)(tsx, [file, ...args], { cwd: ROOT, env });
}

const examples: Readonly<Record<string, () => Promise<void>>> = {
  'start-and-wait': async () => {
    const [filed, ended, ...timeline] = await run('start-and-wait', 'Count the words');
    expect(filed).toMatch(/^filed as task\//);
    expect(ended).toMatch(/^DONE after 1 cycle\(s\): /);
    expect(timeline.at(0)).toBe('Task: "Count the words" (REHEARSED)');
    expect(timeline.at(-1)).toBe('└─ Status: DONE');
  },

  'approve-by-signal': async () => {
    const [waits, done] = await run('approve-by-signal');
    expect(waits).toMatch(/^T-\d+ is INBOX and waits for approval$/);
    const label = waits?.split(' ')[0];
    expect(done).toBe(`${label} is DONE, approved by person:${userInfo().username}`);
  },

  follow: async () => {
    const lines = await run('follow');
    expect(lines.at(-1)).toMatch(/^T-\d+ cycle 1: DONE$/);
    for (const line of lines) expect(line).toMatch(/^T-\d+ cycle [01]: [A-Z_]+( \([a-z-]+\))?$/);
    const task = await house.client.workflow.start('task', {
      taskQueue: TASK_QUEUE,
      workflowId: 'a-task-of-somebody',
      args: [{ title: 'Followed by its id' }],
    });
    await task.result();
    expect(await run('follow', task.workflowId)).toEqual([expect.stringMatching(/: DONE$/)]);
  },

  'file-from-a-loop': async () => {
    const idsOf = (lines: readonly string[]) => lines.map((line) => line.replace(/ \(.*\),/, ''));
    const first = idsOf(await run('file-from-a-loop'));
    expect(first).toEqual([1, 2, 3].map((n) => expect.stringMatching(`^CVE-${n} is T-\\d+ task/`)));
    expect(idsOf(await run('file-from-a-loop'))).toEqual(first);
    const rows = await house.database.sql`select key from tasks where source = 'security-report'`;
    expect(rows).toHaveLength(3);
  },

  'plain-temporal-client': async () => {
    const [approved, done, ...timeline] = await run('plain-temporal-client');
    expect(approved).toBe('approve: done, by person:ann');
    expect(done).toMatch(/^T-\d+ is DONE$/);
    expect(timeline.at(0)).toBe('Task: "Plan the release" (REHEARSED)');
  },
};

test('each example has a test here', async () => {
  const files = await readdir(join(ROOT, 'examples'));
  expect(
    Object.keys(examples)
      .map((name) => `${name}.ts`)
      .toSorted(),
  ).toEqual(files.toSorted());
});

/** Where nobody listens. */
const NOWHERE = '127.0.0.1:1';

test.each(Object.keys(examples))('%s without a server is one sentence and 1', async (name) => {
  const failed = await runOn(NOWHERE, name).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  const { stderr } = failed as { stderr: string };
  expect(stderr).toContain('TEMPORAL_ADDRESS');
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test('follow, given a number, says what it wants', async () => {
  const refused = await runOn(NOWHERE, 'follow', 'T-3').catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('workflow id') });
});

test.each(Object.entries(examples))('%s', async (_, check) => {
  await check();
});
