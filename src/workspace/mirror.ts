import { access, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GitError, RepositoryError } from './errors.js';
import { checkGit, type Git, NETWORK_TIMEOUT_MS, UPLOAD_PACK, WHOLE_TIMEOUT_MS } from './git.js';
import { withLock } from './lock.js';
import type { Source } from './names.js';
import { checkedCommit, lockPath, mirrorPath, type Repository, taskRefs } from './names.js';
import { checkBranchName, checkLocation, refuseUnsupported } from './probe.js';

/** What every verb of the workspace needs. */
export interface Workshop {
  home: string;
  git: Git;
}

/** The file in a mirror that says it is ours and whose objects it holds. */
export const MIRROR_MARKER = 'mission.json';

/** The source of a registered repository. */
export function repositorySource(repository: Repository): Source {
  return { kind: 'repository', repositoryId: repository.repositoryId };
}

/**
 * Makes the bare store of a source if it is missing, and returns its path. Nothing in it is ever
 * collected by itself, because working copies borrow its objects.
 * @param format the object format of the repository; asked only when the store is made
 */
export async function ensureMirror(
  { home, git }: Workshop,
  source: Source,
  format: () => Promise<'sha1' | 'sha256'> = async () => 'sha1',
): Promise<string> {
  const path = mirrorPath(home, source);
  if (await exists(join(path, MIRROR_MARKER))) return path;
  await checkGit(git);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new-${process.pid}-${Date.now()}`;
  const init = ['init', '--quiet', '--bare', '--template=', `--object-format=${await format()}`];
  try {
    await git.run({ args: [...init, '--', draft], cwd: dirname(path) });
    await mkdir(join(draft, 'info'), { recursive: true });
    await writeFile(join(draft, MIRROR_MARKER), JSON.stringify(source));
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(join(path, MIRROR_MARKER)))) throw error; // else: another process was first
  }
  return path;
}

/**
 * Brings the mirror up to date with a branch of the person's repository and returns the branch's
 * commit: the base of new work. Only reads the person's repository.
 * @throws RepositoryError when the branch or repository is missing or of a kind that is not
 * supported, LockTimeout
 */
export async function refresh(
  workshop: Workshop,
  repository: Repository,
  branch: string,
  signal?: AbortSignal,
): Promise<string> {
  const lock = lockPath(workshop.home, repositorySource(repository));
  const commit = await withLock(lock, { signal }, () =>
    refreshLocked(workshop, repository, branch, signal),
  );
  if (commit !== null) return commit;
  const sentence = `has no branch ${branch} with a commit; create it, or name another target`;
  throw new RepositoryError(repository.location, 'branch-missing', sentence);
}

/**
 * As `refresh`, for a caller that holds the repository's lock. Null when the branch does not exist.
 */
export async function refreshLocked(
  workshop: Workshop,
  repository: Repository,
  branch: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const { git } = workshop;
  const ref = `refs/heads/${checkBranchName(branch)}`;
  const tip = await remoteTip(workshop, repository.location, ref, signal);
  if (tip === null) return null;
  const mirror = await ensureMirror(workshop, repositorySource(repository), async () =>
    tip.length === 64 ? 'sha256' : 'sha1',
  );
  await clearStaleLocks(mirror);
  if ((await readRef(git, mirror, ref)) === tip) return tip;
  const options = ['--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-auto-gc'];
  await reaching(repository.location, () =>
    git.run({
      args: ['fetch', ...options, UPLOAD_PACK, '--', repository.location, `+${ref}:${ref}`],
      cwd: mirror,
      gitDir: mirror,
      config: GIVES_UP,
      timeoutMs: WHOLE_TIMEOUT_MS,
      signal,
    }),
  );
  const fetched = await readRef(git, mirror, ref);
  if (fetched === null) return null;
  await refuseUnsupported(git, repository.location, mirror, fetched);
  return fetched;
}

/** On a server that has fallen silent, long before the time for a whole repository is over. */
const GIVES_UP = ['http.lowSpeedLimit=1000', 'http.lowSpeedTime=120'];

/** The commit a ref of the person's repository names now; null when there is none. */
export async function remoteTip(
  { git }: Workshop,
  location: string,
  ref: string,
  signal?: AbortSignal,
): Promise<string | null> {
  checkLocation(location);
  const { stdout } = await reaching(location, () =>
    git.run({
      args: ['ls-remote', '--quiet', UPLOAD_PACK, '--', location, ref],
      cwd: '/',
      timeoutMs: NETWORK_TIMEOUT_MS,
      signal,
    }),
  );
  for (const line of stdout.split('\n')) {
    const [commit, name] = line.split('\t');
    if (name === ref && commit !== undefined) return commit;
  }
  return null;
}

/** Turns git's complaint about an unreachable repository into a sentence for people. */
export async function reaching<T>(location: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (/could not read Username|Authentication failed/i.test(error.stderr)) {
      const sentence =
        'asks for credentials; clone it on this machine and add the clone by its path';
      throw new RepositoryError(location, 'unreachable', sentence);
    }
    if (
      !/not appear to be a git repository|unable to access|not found|Could not/i.test(error.stderr)
    ) {
      throw error;
    }
    const said = error.stderr.split('\n')[0] ?? '';
    const sentence = `cannot be reached (${said}); is it still there, and readable by this user?`;
    throw new RepositoryError(location, 'unreachable', sentence);
  }
}

/** The object id of a ref, or null. */
export async function readRef(git: Git, gitDir: string, ref: string): Promise<string | null> {
  const args = ['rev-parse', '--quiet', '--verify', '--end-of-options', ref];
  const { exitCode, stdout } = await git.run({ args, cwd: gitDir, gitDir, okExits: [1] });
  return exitCode === 0 ? stdout.trim() : null;
}

/** True when `ancestor` is contained in `commit`. Both must be in the store. */
export async function isAncestor(
  git: Git,
  gitDir: string,
  ancestor: string,
  commit: string,
): Promise<boolean> {
  const ids = [checkedCommit('ancestor', ancestor), checkedCommit('commit', commit)];
  const args = ['merge-base', '--is-ancestor', ...ids];
  return (await git.run({ args, cwd: gitDir, gitDir, okExits: [1] })).exitCode === 0;
}

/**
 * Lets go of all objects that were kept for a task: after its end and its retention. Returns how
 * many refs.
 */
export async function dropRefs(
  { home, git }: Workshop,
  source: Source,
  taskId: string,
): Promise<number> {
  const mirror = mirrorPath(home, source);
  if (!(await exists(mirror))) return 0;
  return await withLock(lockPath(home, source), {}, async () => {
    await clearStaleLocks(mirror);
    const args = ['for-each-ref', '--format=delete %(refname)', '--', taskRefs(taskId)];
    const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
    await git.run({ args: ['update-ref', '--stdin'], cwd: mirror, gitDir: mirror, input: stdout });
    return stdout.split('\n').length - 1;
  });
}

/** Packs a mirror and removes objects that no ref has kept for a day. For upkeep, now and then. */
export async function tidyMirror({ home, git }: Workshop, source: Source): Promise<void> {
  const mirror = mirrorPath(home, source);
  if (!(await exists(mirror))) return;
  await withLock(lockPath(home, source), {}, async () => {
    await git.run({
      args: ['gc', '--quiet', '--prune=1.day.ago'],
      cwd: mirror,
      gitDir: mirror,
      timeoutMs: WHOLE_TIMEOUT_MS,
    });
  });
}

const STALE_LOCK_MS = 60_000;

/**
 * A git that was killed leaves `<file>.lock` and every later one refuses. Under our own lock nobody
 * else writes these files, so an old one has no owner. Snapshots write refs of their own name and
 * are not looked at.
 */
async function clearStaleLocks(mirror: string): Promise<void> {
  const heads = await readdir(join(mirror, 'refs', 'heads'), { recursive: true }).catch(() => []);
  const top = await readdir(mirror).catch(() => []);
  const locks = [...top, ...heads.map((name) => join('refs', 'heads', name))].filter((name) =>
    name.endsWith('.lock'),
  );
  for (const name of locks) {
    const path = join(mirror, name);
    const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? Date.now());
    if (age > STALE_LOCK_MS) await rm(path, { force: true });
  }
}

/** True when there is something at `path`. */
export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
