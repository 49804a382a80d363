import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeRepository } from '../../src/demo/repository.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn, scenario } from '../support/mission.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterAll(() => house.close());

/** For what the records measure apart: a machine may be slow, a release may not. */
const PATIENCE = { timeout: 20_000, interval: 20 };
const statusOf = async (number: number) => {
  const [row] = await house.database.sql`select status from tasks where number = ${number}`;
  return row?.status;
};
const until = (number: number, status: string) =>
  vi.waitFor(async () => expect(await statusOf(number)).toBe(status), PATIENCE);

test('a policy is shown, set, refused, and remembered with who and why', async () => {
  const shown = documentOf<{ policies: { name: string; enabled: boolean }[] }>(
    await mission('policy', 'show', '--json'),
  );
  expect(shown.policies).toHaveLength(6);
  expect(shown.policies.every(({ enabled }) => enabled)).toBe(true);
  const set = await mission(
    'policy',
    'set',
    'review',
    'maxCycles=2',
    '--reason',
    'enough',
    '--json',
  );
  expect(documentOf(set)).toMatchObject({ version: 2, before: { maxCycles: 5 } });
  const { versions } = documentOf<{ versions: object[] }>(
    await mission('policy', 'history', 'review', '--json'),
  );
  expect(versions).toMatchObject([
    { version: 2, why: 'enough', door: 'cli', value: { maxCycles: 2 } },
    { version: 1, by: 'system:seed' },
  ]);
  expect((await mission('policy', 'history', 'review')).stdout).toContain('(unverified)');
});

test.each([
  [['policy', 'set', 'review', 'maxCycles=-1'], 2, 'maxCycles'],
  [['policy', 'set', 'review', 'maxCicles=3'], 2, 'did you mean maxCycles?'],
  [['policy', 'set', 'auto-approve', 'allowedAgentTypes=LEAD'], 2, 'always waits for a person'],
  [['policy', 'show', 'reviw'], 3, 'did you mean review?'],
  [['agent', 'show', 'implementor'], 3, 'did you mean implementer?'],
  [['agent', 'disable', 'nobody'], 3, 'there is no agent'],
  [['repo', 'add', '/nowhere/at/all'], 2, 'does not exist'],
])('%j ends with %d', async (args, code, message) => {
  const refused = await mission(...args);
  expect(refused).toMatchObject({ code, stdout: '' });
  expect(refused.stderr).toContain(message);
});

test('a change of auto-approve admits within a second what already waits', async () => {
  await mission('policy', 'set', 'auto-approve', 'maxPriority=NORMAL');
  await mission('task', 'create', 'Urgent', '-p', 'URGENT');
  await until(1, 'INBOX');
  const why = await mission('why', 'T-1');
  expect(why.stdout).toContain('auto-approve.maxPriority = NORMAL, version 2');
  await mission('policy', 'set', 'auto-approve', 'maxPriority=URGENT');
  await until(1, 'DONE');
  const [row] = await house.database.sql<{ ms: number }[]>`
    select extract(epoch from d.at - p.created_at)::float * 1000 as ms
    from decisions d, policies p where d.question = 'admission:implementer'
      and p.name = 'auto-approve' and p.version = 3`;
  expect(row?.ms).toBeLessThan(1_000);
});

test('a raised limit releases at once who waits in line, and names its place before', async () => {
  await mission('policy', 'set', 'execution-limits', 'maxConcurrentPerAgent=0');
  await mission('task', 'create', 'Waits');
  const why = documentOf<{ standstill: Record<string, unknown> }>(
    await mission('why', 'T-2', '--json'),
  );
  expect(why.standstill).toMatchObject({
    reason: 'slot',
    rule: 'execution-limits.maxConcurrentPerAgent',
    value: '0, version 2',
    place: { position: 1, of: 1 },
    commands: [expect.stringContaining('policy set execution-limits maxConcurrentPerAgent=3')],
  });
  const set = await mission('policy', 'set', 'execution-limits', 'maxConcurrentPerAgent=3');
  expect(set.stdout).toContain('1 run starts because of it');
  await until(2, 'DONE');
  const [row] = await house.database.sql<{ ms: number }[]>`
    select extract(epoch from a.started_at - p.created_at)::float * 1000 as ms
    from attempts a join runs r on r.id = a.run_id join tasks t on t.id = r.task_id, policies p
    where t.number = 2 and r.kind = 'EXECUTION' and p.name = 'execution-limits' and p.version = 3`;
  expect(row?.ms).toBeLessThan(1_000);
});

test('disabled and enabled: a policy, an agent, the squad, a task', async () => {
  const disabled = await mission('policy', 'disable', 'auto-approve');
  expect(disabled.stderr).toContain('mission policy enable auto-approve');
  await mission('task', 'create', 'Switched');
  await until(3, 'INBOX');
  await mission('agent', 'disable', 'implementer', '--why', 'away');
  await mission('policy', 'enable', 'auto-approve');
  await until(3, 'ASSIGNED');
  expect((await mission('why', 'T-3')).stdout).toContain('mission agent enable implementer');
  await mission('pause');
  await mission('agent', 'enable', 'implementer');
  expect((await mission('why', 'T-3')).stdout).toContain('the squad is paused');
  await mission('task', 'pause', 'T-3');
  await mission('resume');
  expect((await mission('why', 'T-3')).stdout).toContain('mission task resume T-3');
  await mission('task', 'resume', 'T-3');
  await until(3, 'DONE');
});

test('without a reviewer nothing is executed, and who could review is named', async () => {
  for (const agent of ['reviewer', 'tester']) await mission('agent', 'disable', agent);
  await mission('task', 'create', 'Unreviewed');
  const why = await mission('why', 'T-4');
  expect(why.stdout).toContain('no enabled agent may review this');
  expect(why.stdout).toContain('mission agent enable reviewer');
  await mission('agent', 'enable', 'reviewer');
  await until(4, 'DONE');
  const { agents } = documentOf<{ agents: { id: string; enabled: boolean }[] }>(
    await mission('agent', 'list', '--json'),
  );
  expect(agents.find(({ id }) => id === 'tester')).toMatchObject({ enabled: false });
  expect((await mission('agent', 'show', 'tester')).stdout).toContain('disabled');
});

test('a repository is added after a look, listed, and worked in', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'mission-repo-')));
  const repository = join(folder, 'tiny');
  try {
    await makeRepository(repository);
    const added = await mission('repo', 'add', repository, '--land', 'merge', '--json');
    expect(documentOf(added)).toMatchObject({
      name: 'tiny',
      location: repository,
      landing: 'merge',
      provenance: 'person',
    });
    expect((await mission('repo', 'add', repository)).code).toBe(1);
    expect((await mission('repo', 'list')).stdout).toContain(repository);
    const description = scenario({
      executions: [{ turns: [{ files: { 'new.txt': 'new\n' } }], report: 'done' }],
    });
    const args = ['--repo', 'tiny', '--wait', '-d', description];
    const done = await mission('task', 'create', 'In a repository', ...args);
    expect(done.code).toBe(0);
    // A rehearsal proves the way and changes nothing that a person added.
    expect(done.stdout).toContain('nothing lands in tiny');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
