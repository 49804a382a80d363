import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { createWorkspaces } from '../../src/workspace/index.js';
import { describeNeeding, needs } from '../support/needs.js';
import { openRig, type Rig } from '../support/rig.js';
import { eventually, type Filed, file, until } from '../support/tasks.js';

const LONG = process.env.MC_LONG === '1';

/** The last failure of the activity that a task waits for, as Temporal shows it. */
async function failureOf(task: Filed): Promise<string> {
  const { raw } = await task.handle.describe();
  const [pending] = raw.pendingActivities ?? [];
  return pending?.lastFailure?.message ?? '';
}

describeNeeding(needs.root, 'a disk that is full', () => {
  let rig: Rig;
  /** Where the worker keeps its mirrors and copies: a disk of its own. */
  let disk: string;
  beforeAll(async () => {
    rig = await openRig();
    disk = join(rig.home, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    await rig.startWorker({ MISSION_HOME: disk });
  }, 90_000);
  afterAll(async () => {
    await Promise.all([...rig.workers].map((worker) => worker.kill()));
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
    await rig.close();
  });

  const resize = (size: string) =>
    execFileSync('mount', ['-o', `remount,size=${size}`, 'tmpfs', disk]);

  const expectNothingLeft = async () => {
    const workspaces = createWorkspaces({ home: disk, searchPath: process.env.PATH ?? '' });
    await eventually(async () => expect(await workspaces.listCopies()).toEqual([]), 60_000);
  };

  /** Its second turn leaves more than there is room for. */
  const filling = () =>
    file(rig, {
      executions: [
        {
          turns: [
            { files: { 'small.txt': 'kept\n' } },
            { commands: ['head -c 12000000 /dev/urandom > large.bin || rm -f nothing'] },
          ],
          report: 'done',
        },
      ],
    });

  test('is named by what Temporal shows; the task goes on once there is room', async () => {
    const task = await filling();
    await eventually(
      async () => expect(await failureOf(task)).toMatch(/no space left|ENOSPC/i),
      60_000,
    );
    expect((await task.record()).status).toBe('IN_PROGRESS');
    resize('200m');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    const turns = (await rig.effects()).map(({ kind, turn }) => `${kind} ${turn}`);
    expect(turns.filter((turn) => turn === 'EXECUTION 1')).toHaveLength(1); // it was kept
    expect(await checkInvariants(rig.database)).toEqual([]);
    await expectNothingLeft();
  }, 180_000);

  // Ten tries take minutes: in the long run only.
  if (LONG) {
    test('stays full: the task is blocked with the cause, and a retry goes on', async () => {
      resize('8m');
      const task = await filling();
      const blocked = await eventually(() => until(task, 'BLOCKED', 'execution-failed'), 400_000);
      expect(blocked.blocked_detail).toMatch(/no space left|ENOSPC/i);
      await expectNothingLeft();
      resize('200m');
      await task.say('retry');
      expect(await task.result()).toMatchObject({ status: 'DONE' });
      await expectNothingLeft();
    }, 600_000);
  }
});
