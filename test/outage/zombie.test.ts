import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { openRig, type Rig } from '../support/rig.js';
import { eventually, type Filed, file } from '../support/tasks.js';

/** How long the worker stands still at least; 90 s by `npm run test:long`. */
const STILL_MS = process.env.MC_LONG === '1' ? 90_000 : 0;

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
}, 90_000);
afterAll(() => rig.close());

const attemptsOf = (task: Filed) => rig.database.sql<
  { number: number; end: string | null; turn: number | null }[]
>`
  select a.number, a.end, (a.checkpoint ->> 'turn')::integer as turn from attempts a
  join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
  where t.workflow_id = ${task.workflowId} and r.kind = 'EXECUTION' order by a.number`;

/** `turn 2 (attempt 1)`, as the agents noted it outside of the system. */
async function performed(task: Filed): Promise<string[]> {
  const ids = new Set((await task.runs()).map(({ id }) => id));
  const effects = (await rig.effects()).filter(
    ({ run, kind }) => ids.has(String(run)) && kind === 'EXECUTION',
  );
  return effects.map(({ turn, attempt }) => `turn ${turn} (attempt ${attempt})`);
}

/** Whether a process sleeps for exactly this many seconds, a number that no other command has. */
function sleeps(seconds: number): boolean {
  const all = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  return all.split('\n').some((line) => line.trim() === `sleep ${seconds}`);
}

const turns = (second: object) => [{ files: { 'one.txt': 'one' } }, second];

test('a worker that stood still: its writes are refused, its processes end', async () => {
  const seconds = 100_000 + process.pid;
  const once = join(rig.home, 'slept');
  const first = await rig.startWorker();
  const busy = await file(rig, {
    executions: [
      {
        turns: turns({ commands: [`test -e ${once} || { touch ${once}; sleep ${seconds}; }`] }),
        report: 'done in attempt {{attempt}}',
      },
    ],
  });
  await eventually(async () => expect(sleeps(seconds)).toBe(true), 60_000);
  // Its turn is over the moment the worker goes on: it tries to store what it did.
  const late = await file(
    rig,
    { executions: [{ turns: turns({ delayMs: 10_000 }), report: 'done in attempt {{attempt}}' }] },
    { assignee: 'writer' },
  );
  await eventually(async () => expect(await attemptsOf(late)).toMatchObject([{ turn: 1 }]));
  first.child.kill('SIGSTOP');
  const since = Date.now();
  await rig.startWorker();
  // A worker that stands still is not proved dead: the heartbeat's timeout gives its runs away.
  for (const task of [busy, late]) {
    await eventually(async () => {
      const attempts = await attemptsOf(task);
      expect(attempts).toMatchObject([{ end: 'lost' }, { number: 2, end: 'succeeded' }]);
    }, 150_000);
  }
  const took = ((Date.now() - since) / 1000).toFixed(0);
  console.log(`another worker had taken over and finished ${took} s after the stop`);
  await sleep(Math.max(0, STILL_MS - (Date.now() - since)));
  first.child.kill('SIGCONT');

  await eventually(async () => expect(sleeps(seconds)).toBe(false), 60_000);
  await eventually(async () =>
    expect(await performed(late)).toEqual([
      'turn 1 (attempt 1)',
      'turn 2 (attempt 2)',
      'turn 2 (attempt 1)', // the zombie's, of which the record holds nothing
    ]),
  );
  for (const task of [busy, late]) {
    expect(await task.result()).toMatchObject({ status: 'DONE', summary: expect.any(String) });
    expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    expect(await attemptsOf(task)).toMatchObject([
      { number: 1, end: 'lost', turn: 1 },
      { number: 2, end: 'succeeded', turn: 2 },
    ]);
    expect(await task.instructions('REVIEW', 1)).toContain('done in attempt 2');
  }
  expect(await performed(busy)).toEqual(['turn 1 (attempt 1)', 'turn 2 (attempt 2)']);
  expect(await checkInvariants(rig.database)).toEqual([]);
  expect(first.child.exitCode).toBeNull(); // it works on, as any other
}, 300_000);
