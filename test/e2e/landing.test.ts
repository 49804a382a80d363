import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setRepository } from '../../drizzle/repositories.js';
import { withLock } from '../../src/workspace/lock.js';
import { lockPath } from '../../src/workspace/names.js';
import { type House, openHouse } from '../support/house.js';
import { describeNeeding, needs } from '../support/needs.js';
import { addRepository } from '../support/repository.js';
import { setPolicy } from '../support/settings.js';
import { approved, eventually, execution, file, revision } from '../support/tasks.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const oneCycle = { executions: [execution('work')] };

test('as a branch: the accepted commit, and the worktree is left alone', async () => {
  const repository = await addRepository(house);
  const task = await file(house, oneCycle, { title: 'Add paging', repository: repository.name });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  const { number, landed_ref, landed_commit } = await task.record();
  expect(landed_ref).toBe(`refs/heads/mission/T-${number}-add-paging`);
  const [executed, review] = await task.runs();
  expect(landed_commit).toBe(executed?.output_commit);
  expect(review).toMatchObject({ reviewed_commit: landed_commit });
  expect(repository.git('rev-parse', landed_ref ?? '')).toBe(landed_commit);
  expect(repository.git('show', `${landed_ref}:work.txt`)).toBe('work');
  expect(repository.git('status', '--porcelain')).toBe('');
  expect(existsSync(join(repository.path, 'work.txt'))).toBe(false);
});

test('as a merge: the target and its clean worktree move, and the merge says why', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const task = await file(house, oneCycle, { title: 'Add paging', repository: repository.name });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  const { number, landed_commit } = await task.record();
  expect(repository.git('rev-parse', 'main')).toBe(landed_commit);
  expect(repository.read('work.txt')).toBe('work\n');
  expect(repository.git('status', '--porcelain')).toBe('');
  const message = repository.git('log', '-1', '--format=%B');
  expect(message).toContain(`T-${number}: Add paging`);
  expect(message).toMatch(/Execution 1 by Implementer\.[\s\S]*APPROVED by (Reviewer|Tester)/);
});

test('a dirty worktree blocks it by name; retry lands it after cleaning', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const task = await file(house, oneCycle, { repository: repository.name });
  repository.write('shared.txt', 'dirty\n');
  const { blocked_detail } = await task.until('BLOCKED', 'landing-failed');
  expect(blocked_detail).toContain('shared.txt');
  expect(blocked_detail).toContain(repository.path);
  expect(repository.read('shared.txt')).toBe('dirty\n');
  repository.git('checkout', '--quiet', 'shared.txt');
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
  expect(repository.read('work.txt')).toBe('work\n');
});

/** Changes a line of the target while the first execution is under way. */
const conflicting = (repository: { path: string }, text: string) =>
  `cd ${repository.path} && echo ${text} > shared.txt && ` +
  `git -c user.name=Ann -c user.email=a@b.invalid commit --quiet --all --message ${text}`;

const changes = (report: string, more: object = {}) => ({
  turns: [{ files: { 'shared.txt': `${report}\n` }, ...more }],
  report,
});

test('a conflict is a landing cycle: told in full, executed, reviewed and landed', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const script = {
    executions: [
      changes('ours', { commands: [conflicting(repository, 'theirs')] }),
      changes('both'),
    ],
  };
  const task = await file(house, script, { repository: repository.name });
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  expect(await task.told()).toEqual([
    'EXECUTION 1 SUCCEEDED',
    'REVIEW 1 SUCCEEDED',
    'EXECUTION 2 SUCCEEDED',
    'REVIEW 2 SUCCEEDED',
  ]);
  const told = await task.instructions('EXECUTION', 2);
  expect(told).toContain('main has moved, and merging conflicts in shared.txt');
  expect(told).toContain('Conflict markers stand in: shared.txt');
  expect(await task.instructions('REVIEW', 2)).toContain('-theirs\n+both');
  expect(repository.read('shared.txt')).toBe('both\n');
  expect(repository.git('log', '--format=%s', 'main')).toContain('theirs');
});

test('a review that finds fault after a conflict: the conflict is not told again', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const script = {
    executions: [
      changes('ours', { commands: [conflicting(repository, 'theirs')] }),
      changes('both'),
      changes('better'),
    ],
    reviews: [approved, revision('say more'), approved],
  };
  const task = await file(house, script, { repository: repository.name });
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 3 });
  expect(await task.instructions('EXECUTION', 3)).not.toContain('did not land');
  expect(await task.instructions('REVIEW', 3)).toContain('-theirs\n+better');
  expect(repository.read('shared.txt')).toBe('better\n');
});

test('at the cap of landing cycles a person is asked, and retry grants one more', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  await setPolicy(house, 'landing', { value: { maxLandingCycles: 0 } });
  const script = {
    executions: [
      changes('ours', { commands: [conflicting(repository, 'theirs')] }),
      changes('both'),
    ],
  };
  const task = await file(house, script, { repository: repository.name });
  const { blocked_detail } = await task.until('BLOCKED', 'landing-cap');
  expect(blocked_detail).toContain('conflicts in shared.txt');
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  expect(await task.instructions('EXECUTION', 2)).toContain('conflicts in shared.txt');
  expect(repository.read('shared.txt')).toBe('both\n');
  await setPolicy(house, 'landing', { value: { maxLandingCycles: 3 } });
});

test('cancelled while it waits for another landing: nothing has moved', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const before = repository.git('rev-parse', 'main');
  const [row] = await house.database.sql<{ id: string }[]>`
    select id from repositories where name = ${repository.name}`;
  const source = { kind: 'repository', repositoryId: row?.id ?? '' } as const;
  const script = { reviews: [{ faults: { ask: { turn: 1, question: '?' } } }] };
  const task = await file(house, { ...oneCycle, ...script }, { repository: repository.name });
  await task.until('BLOCKED', 'question');
  await withLock(lockPath(house.home, source), {}, async () => {
    await task.say('answer', { text: 'yes' });
    await task.until('LANDING');
    await task.say('cancel');
    expect(await task.result()).toMatchObject({ status: 'CANCELLED' });
  });
  expect(repository.git('rev-parse', 'main')).toBe(before);
});

test('cancelled when it has landed: the landing stands', async () => {
  const repository = await addRepository(house, { landing: 'merge' });
  const task = await file(house, oneCycle, { repository: repository.name });
  await task.until('DONE');
  await task.handle.signal('cancel').catch(() => undefined);
  expect(await task.result()).toMatchObject({ status: 'DONE' });
});

test('rehearsed work never lands in what a person added, and says so', async () => {
  const repository = await addRepository(house, { provenance: 'person', landing: 'merge' });
  const before = repository.git('for-each-ref');
  const task = await file(house, oneCycle, { repository: repository.name });
  expect(await task.result()).toMatchObject({ status: 'DONE', rehearsed: true });
  const { landing_withheld, landed_commit } = await task.record();
  expect(landing_withheld).toBe(
    `rehearsed: nothing lands in ${repository.name}, which a person added`,
  );
  expect(landed_commit).toBeNull();
  expect(repository.git('for-each-ref')).toBe(before);
});

test('without a repository the files are the deliverable', async () => {
  const task = await file(house, {
    executions: [
      { turns: [{ files: { 'a.txt': 'A', 'deep/b.txt': 'B' } }], report: 'two files' },
      { turns: [{ files: { 'a.txt': null } }], report: 'one file' },
    ],
    reviews: [revision('one is too many')],
  });
  await task.result();
  const files = await house.database.sql`
    select d.path, convert_from(c.body, 'UTF8') as body from deliverables d
    join contents c on c.sha256 = d.sha256 join tasks t on t.id = d.task_id
    where t.workflow_id = ${task.workflowId} order by d.path`;
  expect(files).toMatchObject([{ path: 'deep/b.txt', body: 'B' }]);
});

test('a repository that is gone blocks before and after, and retry goes on', async () => {
  const repository = await addRepository(house);
  const gone = `${repository.path}-moved`;
  renameSync(repository.path, gone);
  const script = { executions: [execution('x'), execution('work', { turns: [{ delayMs: 1 }] })] };
  const task = await file(house, script, { repository: repository.name });
  const { blocked_detail } = await task.until('BLOCKED', 'setup-failed');
  expect(blocked_detail).toContain(repository.path);
  renameSync(gone, repository.path);
  await task.say('retry');
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  await eventually(async () => expect(await task.told()).toHaveLength(3));
});

describeNeeding(needs.bubblewrap, 'a repository with a setup', () => {
  test('one that fails blocks before an agent is asked; retry runs it again', async () => {
    const repository = await addRepository(house);
    const recipe = (setup: string) =>
      setRepository(house.database, {
        ...{ name: repository.name, recipe: { setup }, why: 'a test' },
        ...{ by: 'person:ann', door: 'cli' },
      });
    const failing = 'echo "no such package: tiny"; exit 7';
    await recipe(failing);
    const script = { executions: [execution('x'), execution('work')] };
    const task = await file(house, script, { repository: repository.name });
    const { blocked_detail } = await task.until('BLOCKED', 'setup-failed');
    expect(blocked_detail).toContain(`${failing}: ended with code 7`);
    const [run] = await task.runs();
    expect(run).toMatchObject({ cause: 'setup-failed', work_tokens: 0, instructions_sha: null });
    expect(run?.error).toContain('no such package: tiny');
    const told = await house.database.sql`select event from run_events
      where run_id = ${run?.id ?? ''}::uuid and event ->> 'source' = 'setup'`;
    expect(told).toEqual([{ event: expect.objectContaining({ text: 'no such package: tiny' }) }]);
    await recipe('mkdir made && echo it > made/it');
    await task.say('retry');
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    expect(await task.told()).toEqual([
      'EXECUTION 1 FAILED',
      'EXECUTION 2 SUCCEEDED',
      'REVIEW 1 SUCCEEDED',
    ]);
    const { landed_ref: ref } = await task.record();
    expect(repository.git('ls-tree', '-r', '--name-only', `${ref}`)).toBe('shared.txt\nwork.txt');
    expect(readdirSync(join(house.home, 'setups')).filter((name) => name !== 'tasks')).toHaveLength(
      1,
    );
  });
});
