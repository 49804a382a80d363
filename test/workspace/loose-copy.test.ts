import { existsSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorkspaces } from '../../src/workspace/index.js';
import {
  bench,
  git,
  personsRepository,
  read,
  SEARCH_PATH,
  temporaryFolder,
  write,
} from './support.js';

async function rig(files: Readonly<Record<string, string>>) {
  const home = temporaryFolder();
  const location = temporaryFolder();
  git(location, 'init', '--quiet', '--initial-branch=main');
  write(location, { ...files });
  git(location, 'add', '--all');
  git(location, 'commit', '--quiet', '--message', 'Begin');
  const workspaces = createWorkspaces({ home, searchPath: SEARCH_PATH });
  const repository = { repositoryId: '00000000-0000-4000-8000-000000000001', location };
  const from = await workspaces.refresh(repository, 'main');
  return { home, location, workspaces, from, source: workspaces.source(repository) };
}

test('a copy of no run is kept from upkeep while it is held, and is gone after it', async () => {
  const { home, workspaces, from, source } = await rig({ 'a.txt': 'one\n' });
  const path = await workspaces.withLooseCopy({ source, from }, async (copy) => {
    expect(existsSync(join(copy.path, 'a.txt'))).toBe(true);
    expect(await workspaces.listCopies()).toEqual([]);
    return copy.path;
  });
  expect(existsSync(path)).toBe(false);
  const mirror = join(home, 'mirrors', '00000000-0000-4000-8000-000000000001.git');
  expect(git(mirror, 'for-each-ref', 'refs/agents/')).toBe('');
});

test('that of a command that was killed is listed, for upkeep to remove', async () => {
  const { home, workspaces, from, source } = await rig({ 'a.txt': 'one\n' });
  await workspaces.withLooseCopy({ source, from }, async ({ name }) => {
    const dead = { token: 'x', pid: 2 ** 22 + 1, started: '1', place: 'elsewhere' };
    const lock = join(home, 'locks', `copy-${name}.lock`);
    write(home, { [`locks/copy-${name}.lock`]: JSON.stringify(dead) });
    expect(existsSync(lock)).toBe(true);
    expect(await workspaces.listCopies()).toEqual([]); // its heart may beat on another host
    utimesSync(lock, 1, 1);
    expect(await workspaces.listCopies()).toMatchObject([{ name }]);
  });
});

test('the files of a commit are listed and read, whatever the checkout holds', async () => {
  const { workspaces, from, source, location } = await rig({
    ...{ 'a.txt': 'one\n', 'pkg/ü b.txt': 'two\n', 'big.txt': 'x'.repeat(2 ** 21) },
  });
  write(location, { 'a.txt': 'changed\n', 'new.txt': '' });
  const paths = await workspaces.listFiles(source, from);
  expect(paths).toEqual(['a.txt', 'big.txt', 'pkg/ü b.txt']);
  expect(await workspaces.readText(source, from, 'a.txt')).toBe('one\n');
  expect(await workspaces.readText(source, from, 'pkg/ü b.txt')).toBe('two\n');
  expect(await workspaces.readText(source, from, 'big.txt')).toBe('');
});

test('files to copy are regular files of the checkout', async () => {
  const { workspaces, location } = await rig({ 'a.txt': '' });
  write(location, { '.env': '', 'config/local.json': '' });
  symlinkSync('/etc/passwd', join(location, 'link'));
  symlinkSync('/etc', join(location, 'etc'));
  symlinkSync('.env', join(location, 'near'));
  mkdirSync(join(location, 'folder'));
  const check = (...copies: string[]) => workspaces.checkCopies(location, location, copies);
  await check('.env', 'config/local.json');
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['none', /"none" does not exist in your checkout/],
    ['../x', /lies outside the repository/],
    ['/etc/passwd', /lies outside the repository/],
    ['config/../.env', /lies outside the repository/],
    ['', /lies outside the repository/],
    ['link', /is a link that leads outside/],
    ['etc/passwd', /is a link that leads outside/],
    ['near', /is no regular file/],
    ['folder', /is no regular file/],
    ['.git/config', /belongs to git itself/],
    ['.GIT/config', /belongs to git itself/],
  ];
  for (const [path, sentence] of refusals) await expect(check(path)).rejects.toThrow(sentence);
  await expect(workspaces.checkCopies('https://x/y', null, ['.env'])).rejects.toThrow(
    /there is no checkout here/,
  );
});

test('of a sparse checkout copies hold every file, and what lands keeps it sparse', async () => {
  const location = personsRepository();
  git(location, 'status'); // the index knows the files of the template
  git(location, 'sparse-checkout', 'set', 'docs');
  expect(existsSync(join(location, 'src'))).toBe(false);
  const { workspaces, work, landing, source } = await bench(location);
  const { head } = await workspaces.probe(location);
  await workspaces.withLooseCopy({ source, from: head }, async ({ path }) => {
    expect(existsSync(join(path, 'src/search.js'))).toBe(true);
  });
  const done = await work({ 'src/search.js': 'changed\n', 'docs/new.md': 'new\n' });
  const landed = await workspaces.land({ ...landing(done), mode: 'merge' });
  expect(landed).toMatchObject({ kind: 'landed' });
  expect(git(location, 'status', '--porcelain')).toBe('');
  expect(read(location, 'docs/new.md')).toBe('new\n');
  expect(existsSync(join(location, 'src'))).toBe(false);
  expect(git(location, 'show', 'main:src/search.js')).toBe('changed');
});
