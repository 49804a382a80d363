import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GitError, RepositoryError } from './errors.js';
import { checkGit, type Git, NETWORK_TIMEOUT_MS, UPLOAD_PACK } from './git.js';
import { isCode } from './lock.js';

/** A repository that can be used. */
export interface ProbedRepository {
  kind: 'path' | 'url';
  /** What to register: the top folder of the person's repository, or the URL. */
  location: string;
  bare: boolean;
  /** The branch that results land in, unless another is named. */
  defaultBranch: string;
  /** The commit of that branch. */
  head: string;
  /** The URL of `origin`, without credentials in it, where there is one. */
  remote: string | null;
}

/**
 * Looks at a repository that a person wants to add. Changes nothing.
 * @param location an absolute path, or an https:// or file:// URL
 * @throws RepositoryError with a sentence that says what to do, GitTooOld
 */
export async function probeRepository(
  git: Git,
  location: string,
  branch?: string,
): Promise<ProbedRepository> {
  await checkGit(git);
  if (checkLocation(location) === 'url') {
    refuseLogin(location);
    return await probeUrl(git, location, branch);
  }
  const { root, gitDir, bare } = await openPath(git, location);
  await refuseIncomplete(git, root, gitDir);
  const defaultBranch = branch ?? (await findDefaultBranch(git, root, gitDir));
  const head = await headOf(git, root, gitDir, checkBranchName(defaultBranch));
  await refuseUnsupported(git, root, gitDir, head);
  const remote = await config(git, gitDir, 'remote.origin.url');
  return { kind: 'path', location: root, bare, defaultBranch, head, remote };
}

/** Tells paths from URLs. @throws RepositoryError for anything else */
export function checkLocation(location: string): 'path' | 'url' {
  if (location.includes('\0') || location.includes('\n')) {
    throw new RepositoryError(location, 'bad-location', 'holds a line break; name a path or a URL');
  }
  if (/^(https|file):\/\/./.test(location)) return 'url';
  if (isAbsolute(location)) return 'path';
  const sentence =
    'is neither an absolute path nor an https:// or file:// URL; for ssh, add a clone by its path';
  throw new RepositoryError(location, 'bad-location', sentence);
}

/** What is registered is shown to everybody, and kept in the record of changes. */
function refuseLogin(url: string): void {
  if (withoutLogin(url) === url) return;
  const sentence =
    'carries a login, which would be kept and shown; take it out of the address. Where git needs ' +
    'one, clone it with a credential helper, and add the clone by its path';
  throw new RepositoryError(url, 'bad-location', sentence);
}

/** A URL without what stands before the `@` of its host; `git@host:path` is left as it is. */
export const withoutLogin = (url: string): string =>
  url.replace(/^([a-z][a-z+.-]*:\/\/)[^/]*@/i, '$1');

/** Returns `branch` when it can be the name of a branch. @throws RepositoryError */
export function checkBranchName(branch: string): string {
  const bad = /^-|^\/|\/$|\/\/|\.\.|@\{|[\s\p{Cc}~^:?*[\\]|\.$|(^|\/)\.|\.lock(\/|$)|^@$|^HEAD$/u;
  if (branch !== '' && !bad.test(branch)) return branch;
  const sentence = 'cannot be the name of a branch; give a name such as main';
  throw new RepositoryError(branch || '(empty)', 'no-branch', sentence);
}

interface OpenedPath {
  root: string;
  gitDir: string;
  bare: boolean;
}

async function openPath(git: Git, location: string): Promise<OpenedPath> {
  try {
    await readdir(location);
    await stat(join(location, '.')); // to be listed is not to be entered
  } catch (error) {
    const missing = isCode(error, 'ENOENT', 'ENOTDIR');
    throw missing
      ? new RepositoryError(location, 'not-found', 'does not exist; check the path')
      : new RepositoryError(
          location,
          'not-readable',
          'cannot be read by the user that Mission Control runs as; give that user access',
        );
  }
  const query = ['--is-bare-repository', '--path-format=absolute', '--git-common-dir'];
  const answer = await git
    .run({ args: ['rev-parse', ...query], cwd: location })
    .catch((error: unknown) => {
      if (!(error instanceof GitError)) throw error;
      const sentence =
        'is not a git repository; run `git init` there and commit, or name another path';
      throw new RepositoryError(location, 'not-a-repository', sentence);
    });
  const [isBare, gitDir = ''] = answer.stdout.trimEnd().split('\n');
  const bare = isBare === 'true';
  const top = bare
    ? gitDir
    : (await git.run({ args: ['rev-parse', '--show-toplevel'], cwd: location })).stdout.trimEnd();
  return { root: await realpath(top), gitDir, bare };
}

async function refuseIncomplete(git: Git, root: string, gitDir: string): Promise<void> {
  const args = ['rev-parse', '--is-shallow-repository'];
  const { stdout } = await git.run({ args, cwd: gitDir, gitDir });
  if (stdout.trim() === 'true') {
    const sentence = 'is a shallow clone; run `git fetch --unshallow` there, then add it again';
    throw new RepositoryError(root, 'shallow', sentence);
  }
  const promised = [
    'config',
    '--get-regexp',
    '^(extensions\\.partialclone|remote\\..*\\.promisor)$',
  ];
  const partial = await git.run({ args: promised, cwd: gitDir, gitDir, okExits: [1] });
  if (partial.exitCode === 0) {
    const sentence = 'is a partial clone, whose objects are elsewhere; clone it whole and add that';
    throw new RepositoryError(root, 'partial-clone', sentence);
  }
}

/**
 * The branch of origin/HEAD where there is a local one of that name, else the one that is checked
 * out.
 */
async function findDefaultBranch(git: Git, root: string, gitDir: string): Promise<string> {
  const symbolic = async (ref: string) => {
    const call = { args: ['symbolic-ref', '--quiet', ref], cwd: gitDir, gitDir, okExits: [1] };
    return (await git.run(call)).stdout.trim();
  };
  const published = (await symbolic('refs/remotes/origin/HEAD')).replace(
    'refs/remotes/origin/',
    '',
  );
  if (published !== '' && (await resolve(git, gitDir, `refs/heads/${published}`)) !== null) {
    return published;
  }
  const current = (await symbolic('HEAD')).replace('refs/heads/', '');
  if (current !== '') return current;
  const sentence =
    'has no branch checked out (detached HEAD); name the target branch with --target';
  throw new RepositoryError(root, 'no-branch', sentence);
}

async function headOf(git: Git, root: string, gitDir: string, branch: string): Promise<string> {
  const head = await resolve(git, gitDir, `refs/heads/${branch}`);
  if (head !== null) return head;
  const any = await git.run({ args: ['rev-list', '--all', '-n', '1'], cwd: gitDir, gitDir });
  if (any.stdout.trim() === '') {
    const sentence = 'has no commits yet; make a first one: git commit --allow-empty -m "Begin"';
    throw new RepositoryError(root, 'no-commits', sentence);
  }
  const sentence = `has no branch ${branch}; create it, or name another with --target`;
  throw new RepositoryError(root, 'branch-missing', sentence);
}

async function probeUrl(git: Git, url: string, branch?: string): Promise<ProbedRepository> {
  const call = { cwd: '/', timeoutMs: NETWORK_TIMEOUT_MS };
  const args = ['ls-remote', '--quiet', '--symref', UPLOAD_PACK, '--', url, 'HEAD', 'refs/heads/*'];
  const { stdout } = await git.run({ ...call, args }).catch((error: unknown) => {
    if (!(error instanceof GitError)) throw error;
    const said = error.stderr.split('\n')[0] ?? '';
    const sentence = `cannot be read (${said}); check the address, and that it needs no login`;
    throw new RepositoryError(url, 'unreachable', sentence);
  });
  const lines = stdout.split('\n').map((line) => line.split('\t'));
  const symbolic = lines.find(([left, name]) => left?.startsWith('ref: ') && name === 'HEAD')?.[0];
  const named = branch ?? symbolic?.replace('ref: refs/heads/', '');
  if (!lines.some(([, name]) => name?.startsWith('refs/heads/'))) {
    throw new RepositoryError(url, 'no-commits', 'has no commits yet; push a first one');
  }
  if (named === undefined) {
    throw new RepositoryError(url, 'no-branch', 'names no default branch; give one with --target');
  }
  const head = lines.find(([, name]) => name === `refs/heads/${checkBranchName(named)}`)?.[0];
  if (head === undefined) {
    const sentence = `has no branch ${named}; create it, or name another with --target`;
    throw new RepositoryError(url, 'branch-missing', sentence);
  }
  if (url.startsWith('file://')) {
    const { gitDir } = await openPath(git, fileURLToPath(url));
    await refuseIncomplete(git, url, gitDir);
    await refuseUnsupported(git, url, gitDir, head);
  }
  return { kind: 'url', location: url, bare: true, defaultBranch: named, head, remote: url };
}

/**
 * Refuses what working copies cannot carry yet: submodules and LFS.
 * @param gitDir where `commit` can be read: the repository itself or its mirror
 * @throws RepositoryError
 */
export async function refuseUnsupported(
  git: Git,
  location: string,
  gitDir: string,
  commit: string,
): Promise<void> {
  const call = { cwd: gitDir, gitDir };
  const listed = await git.run({ ...call, args: ['ls-tree', '-r', '-z', '--full-tree', commit] });
  const submodule = /(?:^|\0)160000 [^\t]*\t([^\0]*)/.exec(listed.stdout)?.[1];
  if (submodule !== undefined) {
    const sentence =
      `has a submodule at ${submodule}; submodules are not supported yet: ` +
      'working copies have one repository, so add the repository of the submodule by itself';
    throw new RepositoryError(location, 'submodules', sentence);
  }
  if (!/\t(?:[^\0]*\/)?\.gitattributes\0/.test(listed.stdout)) return;
  const pattern = ['--name-only', '-z', '--no-textconv', '-E', '-e', 'filter=lfs'];
  const args = ['grep', ...pattern, commit, '--', ':(glob)**/.gitattributes'];
  const found = await git.run({ ...call, args, okExits: [1] });
  if (found.exitCode !== 0) return;
  const [named = ''] = found.stdout.split('\0');
  const sentence =
    `keeps files in Git LFS (${named.replace(`${commit}:`, '')}), which is not supported, with ` +
    'or without the package git-lfs: agents would work on pointers in place of files';
  throw new RepositoryError(location, 'lfs', sentence);
}

async function resolve(git: Git, gitDir: string, ref: string): Promise<string | null> {
  const args = ['rev-parse', '--quiet', '--verify', '--end-of-options', `${ref}^{commit}`];
  const { exitCode, stdout } = await git.run({ args, cwd: gitDir, gitDir, okExits: [1, 128] });
  return exitCode === 0 ? stdout.trim() : null;
}

async function config(git: Git, gitDir: string, key: string): Promise<string | null> {
  const call = { args: ['config', '--get', key], cwd: gitDir, gitDir, okExits: [1] };
  const { exitCode, stdout } = await git.run(call);
  return exitCode === 0 ? withoutLogin(stdout.trim()) : null;
}
