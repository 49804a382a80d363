import type { Destination, Move } from './destination.js';
import { pathDestination } from './destination-path.js';
import { urlDestination } from './destination-url.js';
import { withLock } from './lock.js';
import { findLanding, mergeTrees } from './merge.js';
import { isAncestor, readRef, refreshLocked, repositorySource, type Workshop } from './mirror.js';
import {
  branchName,
  checkedCommit,
  type Identity,
  lockPath,
  mirrorPath,
  type Repository,
  type TaskName,
  taskRefs,
} from './names.js';
import { checkBranchName, checkLocation } from './probe.js';

/** How accepted work comes to the person's repository. */
type LandingMode = 'branch' | 'merge';

export interface LandingRequest {
  repository: Repository;
  mode: LandingMode;
  /** The branch that `merge` moves, and that results are compared with. */
  target: string;
  task: TaskName;
  /** The accepted commit; it is in the mirror. */
  commit: string;
  /** Of the merge commit: task, agents, verdict. A trailer with task and commit is added. */
  message: string;
  identity: Identity;
  /**
   * Called under the lock with the commit that is about to land, before anything of the person's
   * moves: checks of a merged tree go here. What it throws ends the landing; nothing has moved
   * then.
   */
  beforeMove?: (commit: string) => Promise<void> | void;
  signal?: AbortSignal | undefined;
}

export type Landing =
  | {
      kind: 'landed';
      /** The full ref that holds the work now. */
      ref: string;
      /** What that ref was moved to: the accepted commit, or the merge that holds it. */
      commit: string;
      /** `contained`: the target held the work already, by no merge of ours. */
      how: 'branch' | 'merge' | 'contained';
      /** What `ref` named before; null for a new branch. */
      targetBefore: string | null;
    }
  | { kind: 'conflict'; files: string[]; target: string }
  /** Each needs a person. */
  | Extract<Move, { kind: 'refused' }>;

/** How often a target may move away under us before we give up. */
const TRIES_MAX = 5;

/**
 * Brings an accepted commit to the person's repository. Idempotent: landing again, also after a
 * crash at any point, gives the same answer and makes no second merge. Landings of one repository
 * queue.
 * @throws GitError, LockTimeout, RepositoryError when the repository cannot be reached, what
 * `beforeMove` throws
 */
export async function land(workshop: Workshop, request: LandingRequest): Promise<Landing> {
  checkedCommit('commit', request.commit);
  checkBranchName(request.target);
  const source = repositorySource(request.repository);
  const lock = lockPath(workshop.home, source);
  return await withLock(lock, { signal: request.signal }, async () => {
    const { location } = request.repository;
    const url = checkLocation(location) === 'url';
    const destination = url
      ? urlDestination(workshop, request.repository)
      : await pathDestination(workshop, request.repository);
    for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
      request.signal?.throwIfAborted();
      const landing =
        request.mode === 'merge'
          ? await landMerge(workshop, request, destination)
          : await landBranch(workshop, request, destination);
      if (landing.kind !== 'stale') return landing;
    }
    const message = `${request.target} moved ${TRIES_MAX} times while it was merged; land it again`;
    return { kind: 'refused', reason: 'target-keeps-moving', message };
  });
}

type Attempt = Landing | { kind: 'stale' };

async function landMerge(
  workshop: Workshop,
  request: LandingRequest,
  destination: Destination,
): Promise<Attempt> {
  const { repository, target, commit, task } = request;
  const ref = `refs/heads/${target}`;
  const tip = await refreshLocked(workshop, repository, target, request.signal);
  if (tip === null) {
    const message = `${repository.location} has no branch ${target}; create it, then land again`;
    return { kind: 'refused', reason: 'target-missing', message };
  }
  const mirror = mirrorPath(workshop.home, repositorySource(repository));
  const landed = await findLanding(workshop.git, mirror, tip, commit);
  if (landed !== null) return { kind: 'landed', ref, ...landed };
  const message = withTrailer(request.message, task, commit);
  const { identity } = request;
  const merged = await mergeTrees(workshop.git, mirror, { tip, commit, message, identity });
  if (merged.kind === 'conflict') return { ...merged, target: tip };
  if (merged.kind === 'refused') return merged;
  await request.beforeMove?.(merged.commit);
  request.signal?.throwIfAborted(); // the last moment: a move is never interrupted
  const move = await destination.move({ ref, from: tip, to: merged.commit, known: tip });
  if (move.kind !== 'moved') return move;
  return { kind: 'landed', ref, commit: merged.commit, how: 'merge', targetBefore: tip };
}

async function landBranch(
  workshop: Workshop,
  request: LandingRequest,
  destination: Destination,
): Promise<Attempt> {
  const { repository, commit, task } = request;
  const { git } = workshop;
  const branch = branchName(task);
  const ref = `refs/heads/${branch}`;
  const known = await refreshLocked(workshop, repository, request.target, request.signal);
  const mirror = mirrorPath(workshop.home, repositorySource(repository));
  const [fromRef, toRef] = [`${taskRefs(task.id)}landed-from`, `${taskRefs(task.id)}landed-to`];
  const current = await destination.tip(ref);
  const earlier = await readRef(git, mirror, toRef);
  if (current === commit) {
    const targetBefore = earlier === commit ? await readRef(git, mirror, fromRef) : null;
    return { kind: 'landed', ref, commit, how: 'branch', targetBefore };
  }
  if (
    current !== null &&
    current !== earlier &&
    !(await holds(workshop, mirror, commit, current))
  ) {
    const found = `${repository.location} has a branch ${branch} at ${current}`;
    const message = `${found} that is not of this task; rename it, then land again`;
    return { kind: 'refused', reason: 'branch-taken', message, path: repository.location };
  }
  await request.beforeMove?.(commit);
  request.signal?.throwIfAborted();
  // the intention first: after a crash the answer is still known, and the branch known to be ours
  const before = current === null ? `delete ${fromRef}` : `update ${fromRef} ${current}`;
  const input = `${before}\nupdate ${toRef} ${commit}\n`;
  await git.run({ args: ['update-ref', '--stdin'], cwd: mirror, gitDir: mirror, input });
  const move = await destination.move({ ref, from: current, to: commit, known });
  if (move.kind !== 'moved') return move;
  return { kind: 'landed', ref, commit, how: 'branch', targetBefore: current };
}

/** True when `commit` descends from `ancestor`; false also where the mirror has never seen it. */
async function holds(
  workshop: Workshop,
  mirror: string,
  commit: string,
  ancestor: string,
): Promise<boolean> {
  if (!(await has(workshop, mirror, ancestor))) return false;
  return await isAncestor(workshop.git, mirror, ancestor, commit);
}

async function has({ git }: Workshop, mirror: string, commit: string): Promise<boolean> {
  const args = ['cat-file', '-e', `${checkedCommit('commit', commit)}^{commit}`];
  const { exitCode } = await git.run({ args, cwd: mirror, gitDir: mirror, okExits: [1, 128] });
  return exitCode === 0;
}

/** The line by which a merge of ours is known again. */
function withTrailer(message: string, task: TaskName, commit: string): string {
  const text = message.trimEnd();
  const last = text.split('\n\n').slice(1).at(-1) ?? '';
  const trailers = last !== '' && last.split('\n').every((line) => /^[A-Za-z][\w-]*: /.test(line));
  return `${text}${trailers ? '\n' : '\n\n'}Mission-Landing: ${task.id} ${commit}\n`;
}
