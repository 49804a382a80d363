import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { run } from '../support/mission.js';
import { addRepository } from '../support/repository.js';
import { openRig, type Rig } from '../support/rig.js';
import {
  approved,
  eventually,
  execution,
  type Filed,
  file,
  revision,
  until,
} from '../support/tasks.js';

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
}, 90_000);
afterAll(() => rig.close());

const mission = (...args: readonly string[]) => run(args, { env: rig.env });

const twoTurns = { turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }] };
const hangs = { faults: { hangAtTurn: 2, onlyAttempt: 1 } };
const asks = { faults: { ask: { turn: 2, question: 'blue?' } } };
const hanging = { executions: [{ ...twoTurns, report: 'done', ...hangs }] };
const reading = { reviews: [{ turns: [{ say: 'a' }, { say: 'b' }], ...approved, ...hangs }] };

interface Phase {
  readonly task: Filed;
  /** Brings it there. */
  readonly reached: () => Promise<unknown>;
  readonly goOn?: () => Promise<unknown>;
}

const checkpointOf = async (task: Filed, kind: string, number: number) => {
  const rows = await rig.database.sql`
    select 1 from attempts a join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
    where t.workflow_id = ${task.workflowId} and r.kind = ${kind} and r.number = ${number}
      and a.checkpoint is not null`;
  expect(rows).toHaveLength(1);
};

const at =
  (task: Filed, kind: string, number = 1) =>
  () =>
    eventually(() => checkpointOf(task, kind, number), 60_000);

async function fileAll(): Promise<Phase[]> {
  const repository = await addRepository(rig, { landing: 'merge' });
  repository.write('shared.txt', 'dirty\n');
  const times = <T>(count: number, make: () => Promise<T>) =>
    Promise.all(Array.from({ length: count }, make));
  const inbox = await times(4, async () => {
    const task = await file(rig, {}, { assignee: 'lead' });
    return { task, reached: () => until(task, 'INBOX'), goOn: () => task.say('approve') };
  });
  const queued = await times(3, async () => {
    const task = await file(rig, {}, { assignee: 'architect' });
    const reached = async () => {
      await until(task, 'INBOX');
      await task.say('pause');
      await task.say('approve');
      await until(task, 'ASSIGNED');
    };
    return { task, reached, goOn: () => task.say('resume') };
  });
  const asking = await times(3, async () => {
    const task = await file(
      rig,
      { executions: [{ ...twoTurns, report: 'x', ...asks }] },
      { assignee: 'intern' },
    );
    const goOn = () => task.say('answer', { text: 'yes' });
    return { task, reached: () => until(task, 'BLOCKED', 'question'), goOn };
  });
  const landing = await times(2, async () => {
    const input = { assignee: 'operator', repository: repository.name };
    const task = await file(rig, { executions: [execution('work')] }, input);
    const goOn = () => {
      repository.git('checkout', '--quiet', '--', '.');
      return task.say('retry');
    };
    return { task, reached: () => until(task, 'BLOCKED', 'landing-failed'), goOn };
  });
  // As many as there are slots, and two more, which wait in line.
  const working = await times(3, async () => {
    const task = await file(rig, hanging);
    return { task, reached: at(task, 'EXECUTION') };
  });
  await Promise.all(working.map(({ reached }) => reached())); // they hold every slot
  const behind = await times(2, async () => {
    const task = await file(rig, {});
    return { task, reached: () => until(task, 'ASSIGNED') };
  });
  const reviewed = await times(2, async () => {
    const task = await file(rig, reading, { assignee: 'writer' });
    return { task, reached: at(task, 'REVIEW') };
  });
  const revised = await file(
    rig,
    {
      executions: [execution('one'), { ...twoTurns, report: 'two', ...hangs }],
      reviews: [revision('more')],
    },
    { assignee: 'researcher' },
  );
  const second = { task: revised, reached: at(revised, 'EXECUTION', 2) };
  return [...inbox, ...queued, ...asking, ...landing, ...working, ...behind, ...reviewed, second];
}

test('the Temporal file deleted under 20 live tasks: all finish, nothing runs twice', async () => {
  const worker = await rig.startWorker();
  const phases = await fileAll();
  expect(phases).toHaveLength(20);
  await Promise.all(phases.map(({ reached }) => reached()));

  await worker.kill();
  await rig.killTemporal();
  const folder = join(rig.home, 'temporal');
  const files = (await readdir(folder)).filter((name) => name.startsWith('temporal.db'));
  expect(files).not.toEqual([]);
  for (const name of files) await rm(join(folder, name));
  await rig.startTemporal();
  await rig.startWorker(); // waits: this store is not the one that it knows
  expect((await mission('status')).stdout).toContain('mission repair');

  const repaired = await mission('repair');
  expect(repaired).toMatchObject({ code: 0 });
  const since = Date.now();
  for (const { task, goOn } of phases) {
    if (goOn === undefined) continue;
    await eventually(() => task.state(), 60_000); // registered again
    await eventually(() => goOn(), 60_000); // a block is re-entered step by step
  }
  for (const { task } of phases) {
    expect(await task.result()).toMatchObject({ status: 'DONE' });
  }
  console.log(`20 tasks finished ${(Date.now() - since) / 1000} s after the repair`);

  const turns = (await rig.effects()).map(({ run, turn }) => `${run} turn ${turn}`);
  expect(turns.filter((turn, index) => turns.indexOf(turn) < index)).toEqual([]);
  const [count] = await rig.database.sql`select count(*)::integer as tasks from tasks`;
  expect(count?.tasks).toBe(20);
  expect(await checkInvariants(rig.database)).toEqual([]);
}, 300_000);
