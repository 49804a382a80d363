import { chmodSync, existsSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GitError, GitTooOld } from '../../src/workspace/errors.js';
import { checkGit, createGit } from '../../src/workspace/git.js';
import { createWorkspaces } from '../../src/workspace/index.js';
import { bench, git, personsRepository, SEARCH_PATH, temporaryFolder, write } from './support.js';

const real = createGit({ searchPath: SEARCH_PATH });

/** A folder whose `git` is a script of ours. */
function fakeGit(script: string): string {
  const folder = temporaryFolder();
  write(folder, { git: `#!/bin/sh\n${script}\n` });
  chmodSync(join(folder, 'git'), 0o755);
  return `${folder}:${SEARCH_PATH}`;
}

test('a failure names command, exit code and what git said, without credentials', async () => {
  const args = ['ls-remote', '--', 'https://ann:secret@host.invalid/x.git'];
  const error = await real.run({ args, cwd: '/' }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(GitError);
  expect(error.exitCode).toBe(128);
  expect(error.command).toBe('git ls-remote -- https://***@host.invalid/x.git');
  expect(`${error.message} ${error.stderr}`).not.toContain('secret');
});

test('protocols that run programs or send in the clear are closed', async () => {
  for (const url of ['ext::sh -c id', 'ssh://host.invalid/x', 'http://host.invalid/x']) {
    const asked = real.run({ args: ['ls-remote', '--', url], cwd: '/' });
    await expect(asked, url).rejects.toThrow(/transport '\w+' not allowed/);
  }
});

test('what takes too long is ended and says so; an abort ends with its own reason', async () => {
  const slow = createGit({ searchPath: fakeGit('exec sleep 20') });
  const late = slow.run({ args: ['fetch'], cwd: '/', timeoutMs: 50 });
  await expect(late).rejects.toThrow('git fetch: took more than 0.05 s');
  const controller = new AbortController();
  const stopped = slow.run({ args: ['fetch'], cwd: '/', signal: controller.signal });
  controller.abort(new Error('the task was cancelled'));
  await expect(stopped).rejects.toThrow('the task was cancelled');
});

test('a missing git, and one that is too old, are said in a sentence', async () => {
  const none = createGit({ searchPath: temporaryFolder() });
  await expect(none.run({ args: ['version'], cwd: '/' })).rejects.toThrow(
    'git version: could not be started in /: is git installed',
  );
  const searchPath = fakeGit('echo git version 2.37.9');
  await expect(checkGit(createGit({ searchPath }))).rejects.toThrow(GitTooOld);
  const { probe } = createWorkspaces({ home: '/nonexistent', searchPath });
  await expect(probe(personsRepository())).rejects.toThrow('git 2.37.9 is too old');
  for (const good of ['2.38.0', '2.39.5 (Apple Git-154)', '3.0.0']) {
    await checkGit(createGit({ searchPath: fakeGit(`echo 'git version ${good}'`) }));
  }
});

test('the environment and configuration of the user do not reach git', async () => {
  const searchPath = fakeGit('env | grep -v "^_\\|^PWD\\|^SHLVL"; echo "$@"');
  const { stdout } = await createGit({ searchPath }).run({ args: ['version'], cwd: '/' });
  const names = stdout.split('\n').map((line) => line.split('=')[0] ?? '');
  const ours = /^(PATH|HOME|LC_ALL|GIT_\w+)$/;
  expect(names.filter((name) => name in process.env && !ours.test(name))).toEqual([]);
  expect(stdout).toContain('GIT_CONFIG_GLOBAL=/dev/null\n');
  expect(stdout).toContain('GIT_CONFIG_NOSYSTEM=1\n');
});

test('an old lock that a killed git left in the mirror is cleared, a fresh one not', async () => {
  const { workspaces, repository, location, mirror } = await bench();
  git(location, 'commit', '--quiet', '--allow-empty', '-m', 'More');
  const lock = join(mirror, 'refs', 'heads', 'main.lock');
  write(mirror, { 'refs/heads/main.lock': '' });
  await expect(workspaces.refresh(repository, 'main')).rejects.toThrow('main.lock');
  const old = new Date(Date.now() - 120_000);
  utimesSync(lock, old, old);
  const tip = git(location, 'rev-parse', 'main');
  expect(await workspaces.refresh(repository, 'main')).toBe(tip);
  expect(existsSync(lock)).toBe(false);
});

test('a repository that has vanished is not looked for in the folder above', async () => {
  const outer = personsRepository();
  const inner = personsRepository(join(outer, 'inner'));
  const { workspaces, work, landing } = await bench(inner);
  const done = await work({ 'a.txt': 'a\n' });
  rmSync(join(inner, '.git'), { recursive: true });
  const before = git(outer, 'for-each-ref');
  const landed = workspaces.land({ ...landing(done), mode: 'branch' });
  await expect(landed).rejects.toThrow('is no longer a git repository');
  await expect(workspaces.refresh(landing(done).repository, 'main')).rejects.toThrow(
    'cannot be reached',
  );
  expect(git(outer, 'for-each-ref')).toBe(before);
});
