import { chmodSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RepositoryError, withoutCredentials } from '../../src/workspace/errors.js';
import { createWorkspaces } from '../../src/workspace/index.js';
import { checkBranchName } from '../../src/workspace/probe.js';
import {
  asOrdinaryUser,
  bench,
  commitAll,
  git,
  personsRepository,
  SEARCH_PATH,
  temporaryFolder,
  write,
} from './support.js';

const { probe } = createWorkspaces({ home: '/nonexistent', searchPath: SEARCH_PATH });

test('a repository, from its top or a folder in it, with its remote', async () => {
  const location = personsRepository();
  git(location, 'remote', 'add', 'origin', 'https://ann:secret@example.org/lib.git');
  const head = git(location, 'rev-parse', 'HEAD');
  const found = { kind: 'path', location: realpathSync(location), bare: false, head };
  const probed = { ...found, defaultBranch: 'main', remote: 'https://example.org/lib.git' };
  expect(await probe(location)).toEqual(probed);
  expect(await probe(join(location, 'src'))).toEqual(probed);
});

test('the default branch: origin’s, else the one checked out; or the one named', async () => {
  const location = personsRepository();
  git(location, 'switch', '--quiet', '--create', 'feature');
  expect(await probe(location)).toMatchObject({ defaultBranch: 'feature' });
  expect(await probe(location, 'main')).toMatchObject({ defaultBranch: 'main' });
  git(location, 'symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/main');
  expect(await probe(location)).toMatchObject({ defaultBranch: 'main' });
});

test('bare ones and URLs', async () => {
  const bare = `${personsRepository()}.git`;
  git(personsRepository(), 'clone', '--quiet', '--bare', '.', bare);
  expect(await probe(bare)).toMatchObject({ kind: 'path', bare: true, defaultBranch: 'main' });
  const url = `file://${bare}`;
  expect(await probe(url)).toMatchObject({ kind: 'url', location: url, defaultBranch: 'main' });
});

test.each([
  ['bad-location', 'relative/path', 'neither an absolute path nor'],
  ['bad-location', 'git@example.org:ann/lib.git', 'for ssh, add a clone by its path'],
  ['bad-location', 'ext::sh -c id', 'neither an absolute path nor'],
  ['not-found', '/no/such/folder', 'does not exist; check the path'],
  ['unreachable', 'file:///no/such/folder', 'cannot be read'],
])('%s: %s', async (reason, location, sentence) => {
  const error = await probe(location).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RepositoryError);
  expect(error.reason).toBe(reason);
  expect(error.message).toContain(`${location}: `);
  expect(error.message).toContain(sentence);
});

/** Each makes a repository that cannot be used, and returns where it is. */
const UNUSABLE: [string, string, () => string][] = [
  ['not-a-repository', 'run `git init` there', () => temporaryFolder()],
  [
    'no-commits',
    'has no commits yet',
    () => {
      const path = temporaryFolder();
      git(path, 'init', '--quiet');
      return path;
    },
  ],
  [
    'no-commits',
    'push a first one',
    () => {
      const path = temporaryFolder();
      git(path, 'init', '--quiet', '--bare');
      return `file://${path}`;
    },
  ],
  [
    'no-branch',
    'detached HEAD',
    () => {
      const path = personsRepository();
      git(path, 'switch', '--quiet', '--detach');
      return path;
    },
  ],
  [
    'submodules',
    'submodule at lib; submodules are not supported yet',
    () => {
      const path = personsRepository();
      git(
        path,
        '-c',
        'protocol.file.allow=always',
        'submodule',
        '--quiet',
        'add',
        personsRepository(),
        'lib',
      );
      commitAll(path, 'Add a submodule');
      return path;
    },
  ],
  [
    'lfs',
    'keeps files in Git LFS (assets/.gitattributes), which is not supported',
    () => {
      const path = personsRepository();
      write(path, { 'assets/.gitattributes': '*.psd filter=lfs diff=lfs merge=lfs -text\n' });
      commitAll(path, 'Use LFS');
      return path;
    },
  ],
  [
    'shallow',
    'git fetch --unshallow',
    () => {
      const from = personsRepository();
      write(from, { a: 'a' });
      commitAll(from, 'More');
      const path = join(temporaryFolder(), 'shallow');
      git('/', 'clone', '--quiet', '--depth=1', `file://${from}`, path);
      return path;
    },
  ],
  [
    'shallow',
    'is a shallow clone',
    () => {
      const from = personsRepository();
      write(from, { a: 'a' });
      commitAll(from, 'More');
      const path = join(temporaryFolder(), 'shallow.git');
      git('/', 'clone', '--quiet', '--bare', '--depth=1', `file://${from}`, path);
      return `file://${path}`;
    },
  ],
  [
    'partial-clone',
    'clone it whole',
    () => {
      const path = join(temporaryFolder(), 'partial');
      const from = personsRepository();
      git(from, 'config', 'uploadpack.allowFilter', 'true');
      git('/', 'clone', '--quiet', '--filter=blob:none', `file://${from}`, path);
      return path;
    },
  ],
];

test.each(UNUSABLE)('%s: …%s…', async (reason, sentence, make) => {
  const error = await probe(make()).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RepositoryError);
  expect(error.message).toContain(sentence);
  expect(error.reason).toBe(reason);
});

test('a branch that is missing is named, at the probe and when work begins', async () => {
  const { workspaces, location, repository } = await bench();
  await expect(probe(location, 'release')).rejects.toThrow('has no branch release');
  await expect(workspaces.refresh(repository, 'release')).rejects.toThrow('has no branch release');
});

test('submodules that come later are refused when work begins', async () => {
  const { workspaces, location, repository } = await bench();
  await workspaces.refresh(repository, 'main');
  git(
    location,
    '-c',
    'protocol.file.allow=always',
    'submodule',
    '--quiet',
    'add',
    personsRepository(),
    'lib',
  );
  commitAll(location, 'Add a submodule');
  await expect(workspaces.refresh(repository, 'main')).rejects.toThrow('submodule at lib');
});

test('a folder that this user cannot read', async () => {
  const path = join(temporaryFolder(), 'closed');
  mkdirSync(path);
  chmodSync(path, 0);
  await asOrdinaryUser(path, async () => {
    await expect(probe(path)).rejects.toMatchObject({ reason: 'not-readable' });
  });
});

test('a login in an address is neither kept nor shown', async () => {
  for (const login of ['ann:canary', 'canary', 'ann@example.org:canary']) {
    const error = await probe(`https://${login}@127.0.0.1:9/x.git`).catch((thrown) => thrown);
    expect(error).toMatchObject({ reason: 'bad-location' });
    expect(error.message).toContain('take it out of the address');
    expect(error.message).not.toContain('canary');
  }
  const path = personsRepository();
  const { origin } = createWorkspaces({ home: temporaryFolder(), searchPath: SEARCH_PATH });
  git(path, 'remote', 'add', 'origin', 'https://oauth2:canary@gitlab.com/a/b.git');
  expect(await origin(path)).toBe('https://gitlab.com/a/b.git');
  expect((await probe(path)).remote).toBe('https://gitlab.com/a/b.git');
  expect(await origin('https://ann:canary@github.com/a/b.git')).toBe('https://github.com/a/b.git');
  git(path, 'remote', 'set-url', 'origin', 'git@github.com:a/b.git');
  expect(await origin(path)).toBe('git@github.com:a/b.git');
});

test('branch names that git would take for something else are refused', () => {
  for (const bad of [
    '',
    '-x',
    'a..b',
    'a b',
    'a~1',
    '/a',
    'a/',
    'a.lock',
    '.a',
    '@',
    'HEAD',
    'a\n',
  ]) {
    expect(() => checkBranchName(bad), JSON.stringify(bad)).toThrow(
      'cannot be the name of a branch',
    );
  }
  for (const good of ['main', 'release/1.0', 'ä', 'a-b_c'])
    expect(checkBranchName(good)).toBe(good);
});

test('credentials in URLs are not shown', () => {
  const text = 'fatal: https://ann:token@example.org/x.git and https://token@example.org';
  expect(withoutCredentials(text)).toBe(
    'fatal: https://***@example.org/x.git and https://***@example.org',
  );
});
