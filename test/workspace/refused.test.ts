import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { visible } from '../../src/domain/text.js';
import { RefusedTree } from '../../src/workspace/errors.js';
import { bench, commitAll, git, hooksThatTell, write } from './support.js';

type Plant = (root: string) => void;

const REFUSED: [string, string, Plant][] = [
  ['symlink-out-of-tree', 'sub/link', (root) => link(root, 'sub/link', '../../x')],
  ['symlink-out-of-tree', 'link', (root) => link(root, 'link', '/etc/passwd')],
  ['symlink-out-of-tree', 'link', (root) => link(root, 'link', 'src/../../x')],
  ['symlink-out-of-tree', 'link', (root) => link(root, 'link', '.git/config')],
  ['submodule', 'nested/', (root) => nested(root, 'nested')],
  ['submodule', 'fresh', (root) => git(made(root, 'fresh'), 'init', '--quiet')],
  ['submodule', '.gitmodules', (root) => write(root, { '.gitmodules': '[submodule "x"]\n' })],
  ['git-path', '.GIT/config', (root) => write(root, { '.GIT/config': 'x' })],
  ['git-path', 'deep/.Git', (root) => write(root, { 'deep/.Git': 'x' })],
  ['git-path', 'git~1', (root) => write(root, { 'git~1': 'x' })],
  ['git-path', '.GitAttributes', (root) => write(root, { '.GitAttributes': 'x' })],
  ['git-path', '.git~1', (root) => write(root, { '.git~1': 'x' })],
  ['git-path', 'GITMOD~1', (root) => write(root, { 'GITMOD~1': 'x' })],
  ['git-path', 'deep/.g\u200cit/config', (root) => write(root, { 'deep/.g\u200cit/config': 'x' })],
  ['git-path', '.gitattributes ', (root) => write(root, { '.gitattributes ': 'x' })],
  ['git-path', '.git\ufeffmodules', (root) => write(root, { '.git\ufeffmodules': 'x' })],
  ['symlink-out-of-tree', 'link', (root) => link(root, 'link', 'GIT~1/config')],
  ['blob-too-large', 'big.bin', (root) => write(root, { 'big.bin': 'x'.repeat(5000) })],
  ['attributes-filter', '.gitattributes', (root) => attributes(root, '*.js filter=evil\n')],
];

const made = (root: string, name: string) => {
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
};
const attributes = (root: string, text: string) => write(root, { '.gitattributes': text });
const link = (root: string, path: string, target: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  symlinkSync(target, join(root, path));
};
const nested = (root: string, name: string) => {
  git(made(root, name), 'init', '--quiet');
  write(join(root, name), { 'x.txt': 'x' });
  commitAll(join(root, name), 'Nested');
};

let shared: Awaited<ReturnType<typeof bench>>;
beforeAll(async () => {
  shared = await bench();
});

test.each(REFUSED)('%s: %s is refused, and mended it is kept', async (reason, path, plant) => {
  const { workspaces, repository, request, mirror } = shared;
  const from = await workspaces.refresh(repository, 'main');
  const { copy } = await workspaces.openCopy(request({ from }));
  plant(copy.path);
  write(copy.path, { 'fine.txt': 'fine\n' });
  const before = git(mirror, 'for-each-ref');
  const options = { blobBytesMax: 4000 };
  const error = await workspaces.snapshot(copy, 'Work', options).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RefusedTree);
  expect({ reason: error.reason, path: error.path.replace(/\/$/, '') }).toEqual({
    reason,
    path: path.replace(/\/$/, ''),
  });
  expect(git(mirror, 'for-each-ref')).toBe(before);
  const [first = ''] = path.split('/');
  rmSync(join(copy.path, first), { recursive: true, force: true });
  const { commit } = await workspaces.snapshot(copy, 'Mended', options);
  expect(git(mirror, 'diff', '--name-only', from, commit)).toBe('fine.txt');
  expect(git(mirror, 'rev-list', '--count', `${from}..${commit}`)).toBe('1');
});

test('all that is found is told, path by path', async () => {
  const { workspaces, work } = await bench();
  const { copy } = await work({});
  link(copy.path, 'out', '/etc/passwd');
  write(copy.path, { '.GitIgnore': 'x', '.gitattributes': '*.js filter=evil\n' });
  const error = await workspaces.snapshot(copy, 'Work').catch((thrown) => thrown);
  expect(error.findings.map(({ path, reason }: RefusedTree) => `${path} ${reason}`)).toEqual([
    '.GitIgnore git-path',
    '.gitattributes attributes-filter',
    'out symlink-out-of-tree',
  ]);
  expect(error.message.split('\n')).toHaveLength(3);
});

test.each(REFUSED)(
  '%s: %s is left out, told, and all else is kept',
  async (_reason, path, plant) => {
    const { workspaces, repository, request, mirror } = shared;
    const from = await workspaces.refresh(repository, 'main');
    const { copy } = await workspaces.openCopy(request({ from }));
    plant(copy.path);
    write(copy.path, { 'fine.txt': 'fine\n' });
    const { commit, findings } = await workspaces.keep(copy, 'Work', { blobBytesMax: 4000 });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain(visible(path.replace(/\/$/, '')));
    expect(git(mirror, 'diff', '--name-only', from, commit)).toBe('fine.txt');
    expect(git(mirror, 'rev-list', '--count', `${from}..${commit}`)).toBe('1');
  },
);

test('several are left out at once', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy, from } = await work({ 'fine.txt': 'fine\n' });
  link(copy.path, 'out', '/etc/passwd');
  write(copy.path, { '.GitIgnore': 'x' });
  const { commit, findings } = await workspaces.keep(copy, 'Work');
  expect(findings.map((each) => each.split(':', 1)[0])).toEqual(['.GitIgnore', 'out']);
  expect(git(mirror, 'diff', '--name-only', from, commit)).toBe('fine.txt');
});

test('what an agent has committed itself is left out of its history as well', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy, from } = await work({ 'fine.txt': 'fine\n' });
  write(copy.path, { 'README.md': 'x'.repeat(5000) });
  commitAll(copy.path, 'Its own');
  const { commit, findings } = await workspaces.keep(copy, 'Work', { blobBytesMax: 4000 });
  expect(findings).toHaveLength(1);
  expect(git(mirror, 'diff', '--name-only', from, commit)).toBe('fine.txt');
  expect(git(mirror, 'rev-list', '--count', `${from}..${commit}`)).toBe('1');
});

test('what an agent has committed and taken back is in no history of ours', async () => {
  const { workspaces, work, mirror, location, landing } = await bench();
  const { copy, from, task } = await work({});
  link(copy.path, 'out', '/etc/shadow');
  write(copy.path, { 'big.bin': 'x'.repeat(5000) });
  git(copy.path, 'add', '--all');
  const author = '--author=Linus Torvalds <torvalds@linux-foundation.org>';
  git(copy.path, 'commit', '--quiet', '--message', 'fixes #12 @torvalds', author);
  git(copy.path, 'rm', '--quiet', 'out', 'big.bin');
  write(copy.path, { 'fine.txt': 'fine\n' });
  git(copy.path, 'add', '--all');
  git(copy.path, 'commit', '--quiet', '--message', 'closes #13', author);
  const big = git(copy.path, 'rev-parse', 'HEAD^:big.bin');
  const { commit } = await workspaces.snapshot(copy, 'Work', { blobBytesMax: 4000 });
  const landed = await workspaces.land({ ...landing({ task, commit }), mode: 'branch' });
  expect(landed).toMatchObject({ kind: 'landed', commit });
  expect(git(location, 'log', '--format=%an, %cn: %B', `${from}..${commit}`)).toBe(
    'Implementer, Implementer: Work',
  );
  const held = git(location, 'rev-list', '--objects', `${from}..${commit}`);
  expect(held.split('\n').flatMap((line) => line.split(' ')[1] || [])).toEqual(['fine.txt']);
  expect(() => git(mirror, 'cat-file', '-e', big)).toThrow();
});

test('a refusal in a conflict cycle leaves the merge as it was', async () => {
  const { workspaces, work, location, request, mirror, repository } = await bench();
  const { commit: from, task } = await work({ 'a.txt': 'ours\n' });
  write(location, { 'a.txt': 'theirs\n' });
  commitAll(location, 'Theirs');
  const merging = await workspaces.refresh(repository, 'main');
  const { copy, conflicts } = await workspaces.openCopy(request({ task, from, merging }));
  expect(conflicts).toEqual(['a.txt']);
  write(copy.path, { 'a.txt': 'both\n' });
  link(copy.path, 'mine', '/usr/share');
  await expect(workspaces.snapshot(copy, 'Merged')).rejects.toMatchObject({ path: 'mine' });
  rmSync(join(copy.path, 'mine'));
  git(copy.path, 'add', '--all');
  git(copy.path, 'commit', '--quiet', '--message', 'By the agent');
  const { commit } = await workspaces.snapshot(copy, 'Merged');
  expect(git(mirror, 'log', '-1', '--format=%P %s', commit)).toBe(`${from} ${merging} Merged`);
  expect((await workspaces.snapshot(copy, 'Again')).commit).toBe(commit);
  write(copy.path, { 'a.txt': 'all\n' });
  const next = await workspaces.snapshot(copy, 'Next');
  expect(git(mirror, 'log', '-1', '--format=%P', next.commit)).toBe(`${from} ${merging}`);
  const resumed = await workspaces.openCopy(request({ task, from: next.commit, merging }));
  expect((await workspaces.snapshot(resumed.copy, 'Resumed')).commit).toBe(next.commit);
});

test('what stays inside is kept: links within the tree, attributes without a filter', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy, from } = await work({});
  link(copy.path, 'sub/up', '../README.md');
  link(copy.path, 'dangling', 'not/there/yet');
  attributes(copy.path, '*.js text eol=lf -filter\n');
  const { commit } = await workspaces.snapshot(copy, 'Work');
  const names = '.gitattributes\ndangling\nsub/up';
  expect(git(mirror, 'diff', '--name-only', from, commit)).toBe(names);
});

test('what the person’s repository had before is not held against the agent', async () => {
  const { workspaces, work, location } = await bench();
  link(location, 'out', '/usr/share');
  attributes(location, '*.dat filter=own\n');
  write(location, { 'old.bin': 'x'.repeat(5000) });
  commitAll(location, 'Old ways');
  const { copy } = await work({ 'a.txt': 'a\n' });
  attributes(copy.path, '*.dat filter=own\n*.js text\n');
  await workspaces.snapshot(copy, 'Work', { blobBytesMax: 4000 });
});

test('after a merge what the target brought is not held against the agent', async () => {
  const { workspaces, work, location, request, mirror, repository } = await bench();
  const { commit: from, task } = await work({ 'a.txt': 'a\n' });
  link(location, 'out', '/usr/share');
  commitAll(location, 'Old ways');
  const merging = await workspaces.refresh(repository, 'main');
  const { copy, conflicts } = await workspaces.openCopy(request({ task, from, merging }));
  expect(conflicts).toEqual([]);
  const { commit } = await workspaces.snapshot(copy, 'Merged');
  expect(git(mirror, 'log', '-1', '--format=%P', commit)).toBe(`${from} ${merging}`);
  link(copy.path, 'mine', '/usr/share');
  await expect(workspaces.snapshot(copy, 'Work')).rejects.toMatchObject({ path: 'mine' });
});

test('a nested repository the index knows is not looked into with its own settings', async () => {
  const { workspaces, work } = await bench();
  const { copy } = await work({});
  nested(copy.path, 'nested');
  git(copy.path, 'add', '--all');
  const told = hooksThatTell(join(copy.path, 'nested', '.git', 'hooks'));
  git(join(copy.path, 'nested'), 'config', 'core.fsmonitor', told.program);
  git(join(copy.path, 'nested'), 'config', 'filter.evil.clean', told.program);
  write(copy.path, { 'nested/.git/info/attributes': '* filter=evil\n', 'nested/x.txt': 'y' });
  await expect(workspaces.snapshot(copy, 'Work')).rejects.toThrow('repository of its own');
  expect(told.lines()).toEqual([]);
});

test('a .git that was swapped for a file, a link or nothing is refused', async () => {
  const { workspaces, work, location } = await bench();
  for (const swap of [
    (path: string) => writeFileSync(path, `gitdir: ${join(location, '.git')}\n`),
    (path: string) => symlinkSync(join(location, '.git'), path),
    () => undefined,
  ]) {
    const { copy } = await work({});
    rmSync(join(copy.path, '.git'), { recursive: true });
    swap(join(copy.path, '.git'));
    const refused = workspaces.snapshot(copy, 'Work');
    await expect(refused).rejects.toMatchObject({ reason: 'git-folder-replaced', path: '.git' });
  }
  expect(git(location, 'status', '--porcelain')).toBe('');
});
