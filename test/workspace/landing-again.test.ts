import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorkspaces, type LandingRequest } from '../../src/workspace/index.js';
import { describeNeeding, needs } from '../support/needs.js';
import {
  bench,
  commitAll,
  git,
  giveAway,
  NOBODY,
  personsRepository,
  read,
  SEARCH_PATH,
  write,
} from './support.js';

/** Lands and dies right after the ref has moved: the answer is lost. */
async function landAndCrash(
  workspaces: ReturnType<typeof createWorkspaces>,
  request: LandingRequest,
) {
  await workspaces.land(request);
}

test('merge twice: the same answer, one merge commit, also when the target moved on', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  const first = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toEqual(first);
  write(location, { 'b.txt': 'b\n' });
  commitAll(location, "The person's");
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toEqual(first);
  expect(git(location, 'rev-list', '--merges', '--count', 'main')).toBe('1');
});

test('a crash before the move leaves nothing; a new worker lands it once', async () => {
  const { workspaces, work, landing, location, home } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  const before = git(location, 'for-each-ref');
  const beforeMove = () => {
    throw new Error('killed');
  };
  for (const mode of ['merge', 'branch'] as const) {
    await expect(workspaces.land({ ...landing(done), mode, beforeMove })).rejects.toThrow('killed');
  }
  expect(git(location, 'for-each-ref')).toBe(before);
  const worker = createWorkspaces({ home, searchPath: SEARCH_PATH });
  expect(await worker.land({ ...landing(done), mode: 'merge' })).toMatchObject({ how: 'merge' });
});

test('a crash after the move: the next worker gives the lost answer', async () => {
  const { workspaces, work, landing, location, home } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  const targetBefore = git(location, 'rev-parse', 'main');
  await landAndCrash(workspaces, { ...landing(done), mode: 'merge' });
  const commit = git(location, 'rev-parse', 'main');
  const worker = createWorkspaces({ home, searchPath: SEARCH_PATH });
  const ref = 'refs/heads/main';
  const answer = { kind: 'landed', ref, commit, how: 'merge', targetBefore };
  expect(await worker.land({ ...landing(done), mode: 'merge' })).toEqual(answer);
  rmSync(join(home, 'mirrors'), { recursive: true }); // even without what we wrote down
  const lost = await worker.land({ ...landing(done), mode: 'merge' });
  expect(lost).toEqual(answer);
});

test('what a person merged by hand, or work that changed nothing, counts as landed', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  await workspaces.land({ ...landing(done), mode: 'branch' });
  git(location, 'merge', '--quiet', '--no-ff', '-m', 'By hand', `mission/T-1-task-number-1`);
  const commit = git(location, 'rev-parse', 'main');
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(landed).toMatchObject({ kind: 'landed', how: 'contained', commit });
  const idle = await work({});
  expect(idle.commit).toBe(commit);
  const nothing = await workspaces.land({ ...landing(idle), mode: 'merge' });
  expect(nothing).toMatchObject({ kind: 'landed', how: 'contained', commit });
});

test('several landings at once, of two workers: all land, none is lost', async () => {
  const { workspaces, work, landing, location, home } = await bench();
  const other = createWorkspaces({ home, searchPath: SEARCH_PATH });
  const all = [];
  for (let i = 0; i < 6; i++) all.push(await work({ [`file-${i}.txt`]: `${i}\n` }));
  const landings = await Promise.all(
    all.map((done, i) =>
      (i % 2 === 0 ? workspaces : other).land({ ...landing(done), mode: 'merge' }),
    ),
  );
  expect(landings.map((landed) => landed.kind)).toEqual(all.map(() => 'landed'));
  expect(git(location, 'rev-list', '--merges', '--count', 'main')).toBe('6');
  expect(git(location, 'status', '--porcelain')).toBe('');
  for (const i of all.keys()) expect(read(location, `file-${i}.txt`)).toBe(`${i}\n`);
  expect(readdirSync(join(home, 'locks'))).toEqual([]);
});

test('branch: the accepted commit, the same twice, moved on by a later landing', async () => {
  const { workspaces, work, landing, location, request } = await bench();
  const main = git(location, 'rev-parse', 'main');
  const done = await work({ 'a.txt': 'a\n' });
  const { task, commit } = done;
  const ref = 'refs/heads/mission/T-1-task-number-1';
  const landed = { kind: 'landed', ref, commit, how: 'branch', targetBefore: null };
  expect(await workspaces.land({ ...landing(done), mode: 'branch' })).toEqual(landed);
  expect(await workspaces.land({ ...landing(done), mode: 'branch' })).toEqual(landed);
  expect(git(location, 'rev-parse', ref, 'main')).toBe(`${commit}\n${main}`);

  const { copy } = await workspaces.openCopy(request({ task, from: commit }));
  write(copy.path, { 'a.txt': 'better\n' });
  const later = { task, commit: (await workspaces.snapshot(copy, 'Better')).commit };
  const moved = { ...landed, commit: later.commit, targetBefore: commit };
  expect(await workspaces.land({ ...landing(later), mode: 'branch' })).toEqual(moved);
  expect(await workspaces.land({ ...landing(later), mode: 'branch' })).toEqual(moved);
  expect(git(location, 'status', '--porcelain')).toBe('');
});

test('branch: an earlier landing of ours gives way even when the work was done anew', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  await workspaces.land({ ...landing(done), mode: 'branch' });
  const anew = await work({ 'a.txt': 'anew\n' }, { task: done.task });
  const landed = await workspaces.land({ ...landing(anew), mode: 'branch' });
  expect(landed).toMatchObject({ kind: 'landed', targetBefore: done.commit });
  expect(git(location, 'show', 'mission/T-1-task-number-1:a.txt')).toBe('anew');
});

test('branch: one of that name that is the person’s is not overwritten', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  git(location, 'switch', '--quiet', '--create', 'mission/T-1-task-number-1');
  write(location, { 'own.txt': 'own\n' });
  const own = commitAll(location, 'Own');
  const landed = await workspaces.land({ ...landing(done), mode: 'branch' });
  expect(landed).toMatchObject({ kind: 'refused', reason: 'branch-taken' });
  expect(git(location, 'rev-parse', 'mission/T-1-task-number-1')).toBe(own);
});

test('branch: where the person has our branch checked out, clean goes forward', async () => {
  const { workspaces, work, landing, location, request } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  await workspaces.land({ ...landing(done), mode: 'branch' });
  git(location, 'switch', '--quiet', 'mission/T-1-task-number-1');
  const { copy } = await workspaces.openCopy(request({ task: done.task, from: done.commit }));
  write(copy.path, { 'a.txt': 'better\n' });
  const { commit } = await workspaces.snapshot(copy, 'Better');
  const landed = await workspaces.land({ ...landing({ ...done, commit }), mode: 'branch' });
  expect(landed).toMatchObject({ kind: 'landed' });
  expect(read(location, 'a.txt')).toBe('better\n');
  expect(git(location, 'status', '--porcelain')).toBe('');
});

test('URL: pushed with a lease; a checked-out target is refused in git’s words', async () => {
  const bare = `${personsRepository()}.git`;
  git(personsRepository(), 'clone', '--quiet', '--bare', '.', bare);
  const { workspaces, work, landing } = await bench(`file://${bare}`);
  const [one, two] = [await work({ 'a.txt': 'a\n' }), await work({ 'b.txt': 'b\n' })];
  const first = await workspaces.land({ ...landing(one), mode: 'merge' });
  expect(first).toMatchObject({ kind: 'landed', commit: git(bare, 'rev-parse', 'main') });
  expect(await workspaces.land({ ...landing(one), mode: 'merge' })).toEqual(first);
  expect(await workspaces.land({ ...landing(two), mode: 'merge' })).toMatchObject({ how: 'merge' });
  expect(git(bare, 'show', 'main:a.txt', 'main:b.txt')).toBe('a\nb');
  const branch = await workspaces.land({ ...landing(two), mode: 'branch' });
  expect(branch).toMatchObject({ kind: 'landed', targetBefore: null });

  const checkedOut = personsRepository();
  const second = await bench(`file://${checkedOut}`);
  const done = await second.work({ 'a.txt': 'a\n' });
  const refused = await second.workspaces.land({ ...second.landing(done), mode: 'merge' });
  expect(refused).toMatchObject({ kind: 'refused', reason: 'push-rejected' });
  expect(JSON.stringify(refused)).toContain('checked out');
});

test('URL: a target that moves under the push is merged anew', async () => {
  const person = personsRepository();
  const bare = `${person}.git`;
  git(person, 'clone', '--quiet', '--bare', '.', bare);
  const { workspaces, work, landing } = await bench(`file://${bare}`);
  const done = await work({ 'a.txt': 'a\n' });
  let moved = '';
  const beforeMove = () => {
    if (moved !== '') return;
    write(person, { 'b.txt': 'b\n' });
    moved = commitAll(person, "The person's");
    git(person, 'push', '--quiet', bare, 'main');
  };
  const landed = await workspaces.land({ ...landing(done), mode: 'merge', beforeMove });
  expect(landed).toMatchObject({ kind: 'landed', targetBefore: moved });
  expect(git(bare, 'show', 'main:a.txt', 'main:b.txt')).toBe('a\nb');
});

describeNeeding(needs.root, 'a repository of another user', () => {
  test('root leaves nothing there that its owner cannot change', async () => {
    const location = personsRepository();
    giveAway(location);
    const { workspaces, work, landing } = await bench(location);
    expect(await workspaces.probe(location)).toMatchObject({ defaultBranch: 'main' });
    const [one, two] = [await work({ 'd/a.txt': 'a\n' }), await work({ 'b.txt': 'b\n' })];
    expect(await workspaces.land({ ...landing(one), mode: 'merge' })).toMatchObject({
      how: 'merge',
    });
    expect(await workspaces.land({ ...landing(two), mode: 'branch' })).toMatchObject({
      how: 'branch',
    });
    const after = readdirSync(location, { recursive: true, encoding: 'utf8' });
    const foreign = after.filter((name) => lstatSync(join(location, name)).uid !== NOBODY);
    expect(foreign).toEqual([]);
    const env = { PATH: SEARCH_PATH, HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null' };
    const as = { cwd: location, env, uid: NOBODY, gid: NOBODY, encoding: 'utf8' } as const;
    expect(execFileSync('git', ['status', '--porcelain'], as)).toBe('');
  });
});
