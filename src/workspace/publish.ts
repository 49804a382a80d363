import { GitError, RepositoryError } from './errors.js';
import { NETWORK_TIMEOUT_MS } from './git.js';
import { withLock } from './lock.js';
import { mergeTrees } from './merge.js';
import { ensureMirror, readRef, repositorySource, type Workshop } from './mirror.js';
import { checkedCommit, lockPath, mirrorPath, type Repository, taskRefs } from './names.js';
import { checkBranchName, checkLocation, withoutLogin } from './probe.js';

/** How git reaches what a repository was cloned from. */
export interface Remote {
  readonly url: string;
  /** By which the other side knows us: in the environment, where no other user sees it. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface PublishRequest {
  repository: Repository;
  remote: Remote;
  branch: string;
  /** In the mirror. */
  commit: string;
  /** What the branch may name before: ours, of an earlier push, or of one that was cut off. */
  ours: readonly string[];
  /** The last moment: what it throws ends it, and nothing has moved then. */
  beforeMove?: (() => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
}

export type Published =
  | { kind: 'published' }
  /** Somebody else's commit is there; it is left alone. */
  | { kind: 'taken'; head: string }
  | { kind: 'refused'; message: string };

/**
 * The URL that `origin` has in a checkout; of a repository that is reached by a URL, that. People
 * are told it, so it comes without a login.
 */
export async function originOf({ git }: Workshop, location: string): Promise<string | null> {
  if (checkLocation(location) === 'url') return withoutLogin(location);
  const args = ['config', '--local', '--get', 'remote.origin.url'];
  try {
    const { exitCode, stdout } = await git.run({ args, cwd: location, okExits: [1] });
    return exitCode === 0 ? withoutLogin(stdout.trim()) || null : null;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const sentence = 'is no longer a git repository that can be read; put it back, or remove it';
    throw new RepositoryError(location, 'not-a-repository', sentence);
  }
}

/**
 * Brings a commit to a branch of the remote by compare-and-swap. Again it gives the same answer.
 * @throws GitError, LockTimeout
 */
export async function publish(workshop: Workshop, request: PublishRequest): Promise<Published> {
  const { repository, remote, branch, commit, signal } = request;
  const ref = `refs/heads/${checkBranchName(branch)}`;
  const mirror = mirrorPath(workshop.home, repositorySource(repository));
  const tip = await tipOf(workshop, remote, ref, signal);
  if (tip === commit) return { kind: 'published' };
  if (tip !== null && !request.ours.includes(tip)) return { kind: 'taken', head: tip };
  await request.beforeMove?.();
  signal?.throwIfAborted();
  const lease = `--force-with-lease=${ref}:${tip ?? ''}`;
  const to = `${checkedCommit('commit', commit)}:${ref}`;
  const { exitCode, stdout, stderr } = await workshop.git.run({
    args: ['push', '--porcelain', '--no-verify', lease, '--', remote.url, to],
    ...reaching(remote),
    cwd: mirror,
    gitDir: mirror,
    okExits: [1, 128],
  });
  if (exitCode === 0) return { kind: 'published' };
  const now = await tipOf(workshop, remote, ref, signal);
  if (now === commit) return { kind: 'published' };
  if (now !== tip) return { kind: 'taken', head: now ?? 'nothing' };
  const said = /^!\t[^\t]*\t(.*)$/m.exec(stdout)?.[1] ?? stderr.trim().split('\n').at(-1) ?? '';
  return { kind: 'refused', message: `${remote.url} does not take ${branch}: ${said}` };
}

export interface Clash {
  /** The target's commit, kept in the mirror for as long as the task. */
  readonly target: string;
  readonly files: readonly string[];
}

/** In which files a commit and the remote's target conflict; null where they do not. */
export async function findClash(
  workshop: Workshop,
  request: Pick<PublishRequest, 'repository' | 'remote' | 'commit' | 'signal'> & {
    target: string;
    taskId: string;
  },
): Promise<Clash | null> {
  const { repository, remote, target, commit, taskId, signal } = request;
  const { git, home } = workshop;
  const source = repositorySource(repository);
  return await withLock(lockPath(home, source), { signal }, async () => {
    const mirror = await ensureMirror(workshop, source);
    const kept = `${taskRefs(taskId)}pull-request-target`;
    const options = ['--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-auto-gc'];
    const refspec = `+refs/heads/${checkBranchName(target)}:${kept}`;
    await git.run({
      args: ['fetch', ...options, '--', remote.url, refspec],
      ...reaching(remote, ['transfer.fsckObjects=true']),
      cwd: mirror,
      gitDir: mirror,
      signal,
    });
    const tip = await readRef(git, mirror, kept);
    if (tip === null) return null;
    const identity = { name: 'Mission Control', email: 'landing@mission-control.invalid' };
    const merged = await mergeTrees(git, mirror, { tip, commit, message: 'clash', identity });
    return merged.kind === 'conflict' ? { target: tip, files: merged.files } : null;
  });
}

async function tipOf(
  { git }: Workshop,
  remote: Remote,
  ref: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const args = ['ls-remote', '--quiet', '--', remote.url, ref];
  const { stdout } = await git.run({ args, ...reaching(remote), cwd: '/', signal });
  for (const line of stdout.split('\n')) {
    const [commit, name] = line.split('\t');
    if (name === ref && commit !== undefined) return commit;
  }
  return null;
}

/** Without encryption only to this machine; and the token goes nowhere else by a redirection. */
function reaching({ url, environment }: Remote, config: readonly string[] = []) {
  const isHere = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?\//.test(url);
  const protocols = isHere ? { GIT_ALLOW_PROTOCOL: 'http' } : { GIT_ALLOW_PROTOCOL: 'https' };
  return {
    config: ['http.followRedirects=false', ...config],
    environment: { ...environment, ...protocols },
    timeoutMs: NETWORK_TIMEOUT_MS,
  };
}
