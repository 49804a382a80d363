import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bench, commitAll, git, hooksThatTell, personsRepository, read, write } from './support.js';

test('merge: a clean checkout of the target goes forward, files and all', async () => {
  const { workspaces, work, landing, location } = await bench();
  const before = git(location, 'rev-parse', 'main');
  const done = await work({ 'src/page.js': 'page\n' });
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  const commit = git(location, 'rev-parse', 'main');
  const ref = 'refs/heads/main';
  expect(landed).toEqual({ kind: 'landed', ref, commit, how: 'merge', targetBefore: before });
  expect(git(location, 'status', '--porcelain')).toBe('');
  expect(read(location, 'src/page.js')).toBe('page\n');
  expect(git(location, 'log', '-1', '--format=%P')).toBe(`${before} ${done.commit}`);
  const trailers = `Reviewed-by: Reviewer\nMission-Landing: ${done.task.id} ${done.commit}`;
  expect(git(location, 'log', '-1', '--format=%B')).toContain(trailers);
  git(location, 'fsck', '--strict');
});

test('merge: a target that nobody has checked out moves alone, a bare one too', async () => {
  const { workspaces, work, landing, location } = await bench();
  git(location, 'switch', '--quiet', '--create', 'other');
  const done = await work({ 'a.txt': 'a\n' });
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject({
    how: 'merge',
  });
  expect(git(location, 'status', '--porcelain')).toBe('');
  expect(existsSync(join(location, 'a.txt'))).toBe(false);
  expect(git(location, 'show', 'main:a.txt')).toBe('a');

  const bare = `${location}.git`;
  git(location, 'clone', '--quiet', '--bare', location, bare);
  const second = await bench(bare);
  const more = await second.work({ 'b.txt': 'b\n' });
  await second.workspaces.land({ ...second.landing(more), mode: 'merge' });
  expect(git(bare, 'show', 'main:b.txt')).toBe('b');
});

test('merge: onto a target that moved on', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  write(location, { 'b.txt': 'b\n' });
  const moved = commitAll(location, "The person's");
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(landed).toMatchObject({ kind: 'landed', targetBefore: moved });
  expect([read(location, 'a.txt'), read(location, 'b.txt')]).toEqual(['a\n', 'b\n']);
});

test('merge: a target that moves at the last moment is merged anew', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  const offered: string[] = [];
  const beforeMove = (commit: string) => {
    offered.push(commit);
    if (offered.length > 1) return;
    write(location, { 'b.txt': 'b\n' });
    commitAll(location, "The person's");
  };
  const landed = await workspaces.land({ ...landing(done), mode: 'merge', beforeMove });
  expect(landed).toMatchObject({ kind: 'landed', commit: offered[1] });
  expect([read(location, 'a.txt'), read(location, 'b.txt')]).toEqual(['a\n', 'b\n']);
});

test('conflict: files are named, nothing moves; merged in the next copy, it lands', async () => {
  const { workspaces, work, landing, location, request } = await bench();
  const done = await work({ 'src/search.js': 'one\nAGENT\nthree\nfour\nfive\n', 'new.txt': 'n' });
  write(location, { 'src/search.js': 'one\nPERSON\nthree\nfour\nfive\n' });
  const target = commitAll(location, "The person's");
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(landed).toEqual({ kind: 'conflict', files: ['src/search.js'], target });
  expect(git(location, 'rev-parse', 'main')).toBe(target);
  expect(git(location, 'status', '--porcelain')).toBe('');

  const { task } = done;
  const next = request({ task, from: done.commit, merging: target });
  const { copy, conflicts } = await workspaces.openCopy(next);
  expect(conflicts).toEqual(['src/search.js']);
  expect(read(copy.path, 'src/search.js')).toContain('<<<<<<<');
  write(copy.path, { 'src/search.js': 'one\nBOTH\nthree\nfour\nfive\n' });
  const { commit } = await workspaces.snapshot(copy, 'Resolve\n');
  const again = await workspaces.land({ ...landing({ task, commit }), mode: 'merge' });
  expect(again).toMatchObject({ kind: 'landed', how: 'merge', targetBefore: target });
  expect(read(location, 'src/search.js')).toContain('BOTH');
});

test('dirty: refused with path and files, and nothing of the person is touched', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  const before = git(location, 'rev-parse', 'main');
  write(location, { 'README.md': 'half a thought' });
  const refused = {
    kind: 'refused',
    reason: 'dirty-worktree',
    path: location,
    files: ['README.md'],
  };
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject(refused);
  git(location, 'add', 'README.md');
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject(refused);
  expect(git(location, 'rev-parse', 'main')).toBe(before);
  expect(read(location, 'README.md')).toBe('half a thought');
  git(location, 'commit', '--quiet', '-m', 'A whole one');
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject({
    how: 'merge',
  });
});

test('untracked and ignored files in the way are named, others are no matter', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'mine.txt': 'agent', 'deep/er.txt': 'agent', '.env': 'agent' });
  write(location, { 'mine.txt': 'person', deep: 'a file', '.env': 'secret', 'notes.txt': 'n' });
  write(location, { '.git/info/exclude': '.env\n' });
  const refused = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(refused).toMatchObject({
    kind: 'refused',
    reason: 'untracked-files',
    path: location,
    files: ['.env', 'deep', 'mine.txt'],
  });
  expect(read(location, '.env')).toBe('secret');
  git(location, 'clean', '-fdxq', '--exclude=notes.txt');
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject({
    how: 'merge',
  });
});

test('a tracked file that becomes a folder, and back, is in nobody’s way', async () => {
  const { workspaces, work, landing, location } = await bench();
  write(location, { swap: 'file', 'pws/deep.txt': 'in a folder' });
  commitAll(location, 'More');
  const done = await work({});
  git(done.copy.path, 'rm', '-rq', 'swap', 'pws');
  write(done.copy.path, { 'swap/deep.txt': 'now a folder', pws: 'now a file' });
  const { commit } = await workspaces.snapshot(done.copy, 'Swap\n');
  const landed = await workspaces.land({ ...landing({ ...done, commit }), mode: 'merge' });
  expect(landed).toMatchObject({ kind: 'landed' });
  expect(read(location, 'swap/deep.txt')).toBe('now a folder');
  expect(git(location, 'status', '--porcelain')).toBe('');
});

test.each(['merge', 'rebase', 'cherry-pick'])('in the middle of a %s: refused', async (verb) => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  git(location, 'switch', '--quiet', '--create', 'side');
  write(location, { 'README.md': 'side\n' });
  commitAll(location, 'Side');
  git(location, 'switch', '--quiet', 'main');
  write(location, { 'README.md': 'main\n' });
  const before = commitAll(location, 'Main');
  expect(() => git(location, verb, 'side')).toThrow();
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  const refused = { kind: 'refused', reason: 'operation-in-progress', path: location };
  expect(landed).toMatchObject(refused);
  expect(git(location, 'rev-parse', 'main')).toBe(before);
});

test('a second worktree that has the target goes forward; the main one is left alone', async () => {
  const { workspaces, work, landing, location } = await bench();
  git(location, 'switch', '--quiet', '--create', 'other');
  const second = `${location}-second`;
  git(location, 'worktree', 'add', '--quiet', second, 'main');
  const done = await work({ 'a.txt': 'a\n' });
  write(second, { 'README.md': 'dirty' });
  const refused = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(refused).toMatchObject({ reason: 'dirty-worktree', path: second, files: ['README.md'] });
  git(second, 'checkout', '--quiet', '--', '.');
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject({
    how: 'merge',
  });
  expect(read(second, 'a.txt')).toBe('a\n');
  expect(git(second, 'status', '--porcelain')).toBe('');
  expect(git(location, 'status', '--porcelain')).toBe('');
});

test('a worktree whose folder is gone for good is in nobody’s way', async () => {
  const { workspaces, work, landing, location } = await bench();
  git(location, 'switch', '--quiet', '--create', 'other');
  git(location, 'worktree', 'add', '--quiet', `${location}-gone`, 'main');
  rmSync(`${location}-gone`, { recursive: true });
  const done = await work({ 'a.txt': 'a\n' });
  expect(await workspaces.land({ ...landing(done), mode: 'merge' })).toMatchObject({
    how: 'merge',
  });
});

test('hooks and hostile settings of the repository do not run or steer', async () => {
  const location = personsRepository();
  const told = hooksThatTell(join(location, '.git', 'hooks'));
  git(location, 'config', 'core.fsmonitor', told.program);
  git(location, 'config', 'branch.main.mergeOptions', '--squash');
  git(location, 'config', 'commit.gpgSign', 'true');
  git(location, 'config', 'diff.external', told.program);
  const { workspaces, work, landing } = await bench(location);
  const [one, two] = [await work({ 'a.txt': 'a\n' }), await work({ 'b.txt': 'b\n' })];
  expect(await workspaces.land({ ...landing(one), mode: 'merge' })).toMatchObject({ how: 'merge' });
  expect(await workspaces.land({ ...landing(two), mode: 'branch' })).toMatchObject({
    how: 'branch',
  });
  expect(told.lines()).toEqual([]);
  expect(git(location, 'log', '-1', '--format=%P', 'main').split(' ')).toHaveLength(2);
});

test('a repository that cannot be written is refused, not half moved', async () => {
  const { workspaces, work, landing, location } = await bench();
  const done = await work({ 'a.txt': 'a\n' });
  write(location, { '.git/refs/heads/mission': `${done.from}\n` }); // takes the folder's name
  const landed = await workspaces.land({ ...landing(done), mode: 'branch' });
  expect(landed).toMatchObject({ kind: 'refused', reason: 'not-writable', path: location });
});
