import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkInvariants } from '../../drizzle/invariants.js';
import { isAlive } from '../../src/dev/process.js';
import { describeNeeding, needs } from '../support/needs.js';
import { openRig, type Rig } from '../support/rig.js';
import { approved, eventually, execution, file } from '../support/tasks.js';

const TASKS = 6;
/** Text that does not compress, each time another. */
const noise = (bytes: number) =>
  execFileSync('head', ['-c', String(bytes), '/dev/urandom']).toString('base64');

describeNeeding(needs.root, 'a database whose disk is full', () => {
  let rig: Rig;
  let data: string;
  const ballast = () => join(data, 'ballast');
  beforeAll(async () => {
    rig = await openRig();
    data = join(rig.home, 'postgres', 'data');
    await rig.postgres().stop();
    execFileSync('mv', [data, `${data}.aside`]);
    execFileSync('mkdir', [data]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', data]);
    execFileSync('cp', ['-a', `${data}.aside/.`, data]);
    await rig.startPostgres();
    await rig.startWorker();
  }, 90_000);
  afterAll(async () => {
    await Promise.all([...rig.workers].map((worker) => worker.kill()));
    await rig.postgres().stop('immediate');
    execFileSync('umount', ['--lazy', data]);
    await rig.close();
  });

  /** Leaves as good as nothing. */
  function fill(): void {
    const { bavail, bsize } = statfsSync(data);
    writeFileSync(ballast(), Buffer.alloc(bavail * bsize - 65_536));
  }

  const complaints = () =>
    readFileSync(join(rig.home, 'postgres', 'log'), 'utf8').match(/no space left/gi)?.length ?? 0;

  test('loses nothing: tasks wait, and end once there is room', async () => {
    const before = await file(rig, {});
    expect(await before.result()).toMatchObject({ status: 'DONE' });
    fill();
    const tasks = await Promise.all(
      Array.from({ length: TASKS }, () =>
        file(rig, {
          executions: [execution(noise(60_000), { turns: [{ say: 'a' }] })],
          reviews: [approved],
        }),
      ),
    );
    await eventually(async () => expect(complaints()).toBeGreaterThan(TASKS), 60_000);
    rmSync(ballast());
    // It ends itself when it cannot even keep its log; `mission up` starts it again then.
    if (!isAlive(rig.postgres().child.process)) await rig.startPostgres();
    for (const task of tasks) {
      expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
      expect(await task.told()).toEqual(['EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED']);
    }
    expect(await checkInvariants(rig.database)).toEqual([]);
  }, 180_000);
});
