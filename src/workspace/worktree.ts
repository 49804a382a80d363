import { lstat, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Move, MoveRequest } from './destination.js';
import type { Git, Owner } from './git.js';
import { exists, type Workshop } from './mirror.js';

type Refused = Extract<Move, { kind: 'refused' }>;

/** Where the person's worktrees are asked for, and as whom. */
export interface WorktreeHost {
  workshop: Workshop;
  gitDir: string;
  owner: Owner | undefined;
}

/** One worktree of the person's repository. */
export interface Checkout {
  path: string;
  /** The branch it has checked out; null when detached or bare. */
  ref: string | null;
  /** Its folder is gone for good. */
  prunable: boolean;
}

/** All worktrees, the main one included. */
export async function listCheckouts({ workshop, gitDir }: WorktreeHost): Promise<Checkout[]> {
  const args = ['worktree', 'list', '--porcelain', '-z'];
  const { stdout } = await workshop.git.run({ args, cwd: gitDir, gitDir });
  return stdout.split('\0\0').flatMap((block) => {
    const lines = new Map(
      block.split('\0').map((line) => {
        const [key = '', ...rest] = line.split(' ');
        return [key, rest.join(' ')];
      }),
    );
    const path = lines.get('worktree');
    if (path === undefined || path === '' || lines.has('bare')) return [];
    return { path, ref: lines.get('branch') ?? null, prunable: lines.has('prunable') };
  });
}

/** What git leaves in a worktree's own folder while it is in the middle of something. */
const OPERATIONS = {
  MERGE_HEAD: 'merge',
  CHERRY_PICK_HEAD: 'cherry-pick',
  REVERT_HEAD: 'revert',
  'rebase-merge': 'rebase',
  'rebase-apply': 'rebase or am',
  BISECT_LOG: 'bisect',
  sequencer: 'sequence of picks',
} as const;

/**
 * A worktree that is detached may still be at work on the branch: a rebase puts it back in the end.
 */
export async function userOf(
  host: WorktreeHost,
  checkouts: readonly Checkout[],
  ref: string,
): Promise<Refused | null> {
  for (const { path, ref: checkedOut, prunable } of checkouts) {
    if (prunable || checkedOut !== null) continue;
    const folder = await worktreeGitDir(host, path);
    if (folder === null) continue;
    for (const file of ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START']) {
      const name = (await readFile(join(folder, file), 'utf8').catch(() => '')).trim();
      if (name === ref || `refs/heads/${name}` === ref) return busy(path, ref, file.split('/')[0]);
    }
  }
  return null;
}

/**
 * What keeps a worktree that has `ref` checked out from going forward: null when it is clean.
 * @param mirror where both commits of the move can be read
 */
export async function inTheWay(
  host: WorktreeHost,
  { path }: Checkout,
  request: MoveRequest,
  mirror: string,
): Promise<Refused | null> {
  const { git } = host.workshop;
  const { ref } = request;
  const folder = await worktreeGitDir(host, path);
  if (folder === null) {
    const what = `${path} has ${ref} checked out but cannot be read`;
    const message = `${what}; bring it back, or run \`git worktree prune\``;
    return { kind: 'refused', reason: 'worktree-missing', message, path };
  }
  for (const [file, operation] of Object.entries(OPERATIONS)) {
    if (await exists(join(folder, file))) return busy(path, ref, operation);
  }
  if (await exists(join(folder, 'index.lock'))) return busy(path, ref, 'git command (index.lock)');
  const dirty = await dirtyFiles(git, path, host.owner);
  if (dirty.length > 0) {
    const what = `${path} has uncommitted changes in ${some(dirty)}`;
    const message = `${what}; commit or stash them, then land again`;
    return { kind: 'refused', reason: 'dirty-worktree', message, path, files: dirty };
  }
  const covered = await coveredFiles(git, path, request, mirror);
  if (covered.length === 0) return null;
  const what = `${path} has untracked files that would be overwritten`;
  const message = `${what}: ${some(covered)}; move them, then land again`;
  return { kind: 'refused', reason: 'untracked-files', message, path, files: covered };
}

function busy(path: string, ref: string, operation = 'operation'): Refused {
  const what = `${path} is in the middle of a ${operation} on ${ref}`;
  const message = `${what}; finish or abort it, then land again`;
  return { kind: 'refused', reason: 'operation-in-progress', message, path };
}

async function worktreeGitDir(
  { workshop, owner }: WorktreeHost,
  path: string,
): Promise<string | null> {
  if (!(await exists(path))) return null;
  const args = ['rev-parse', '--absolute-git-dir'];
  const environment = { GIT_CEILING_DIRECTORIES: dirname(path) };
  const call = { args, cwd: path, environment, owner, okExits: [128] };
  const { exitCode, stdout } = await workshop.git.run(call);
  return exitCode === 0 ? stdout.trimEnd() : null;
}

async function dirtyFiles(git: Git, path: string, owner: Owner | undefined): Promise<string[]> {
  const options = ['--porcelain', '-z', '--untracked-files=no', '--no-renames'];
  const args = ['status', ...options, '--ignore-submodules=all'];
  const { stdout } = await git.run({ args, cwd: path, owner });
  return stdout.split('\0').flatMap((line) => (line === '' ? [] : line.slice(3)));
}

/**
 * Files that are in the way of what the move adds. Ignored ones count as well: git would overwrite
 * them without a word.
 */
async function coveredFiles(
  git: Git,
  path: string,
  { from, to }: MoveRequest,
  mirror: string,
): Promise<string[]> {
  if (from === null) return [];
  const args = ['diff-tree', '-r', '-z', '--name-status', '--no-renames', from, to];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  const parts = stdout.split('\0');
  const added: string[] = [];
  const removed = new Set<string>();
  for (let i = 0; i + 1 < parts.length; i += 2) {
    if (parts[i] === 'A') added.push(parts[i + 1] ?? '');
    if (parts[i] === 'D') removed.add(parts[i + 1] ?? '');
  }
  const covered = new Set<string>();
  for (const file of added) {
    const found = await firstInTheWay(path, file, removed);
    if (found !== null) covered.add(found);
  }
  return [...covered].sort();
}

/** The file itself, or the first of its parents that is there and is no folder. */
async function firstInTheWay(
  root: string,
  file: string,
  removed: ReadonlySet<string>,
): Promise<string | null> {
  const parts = file.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const part = parts.slice(0, depth).join('/');
    const found = await lstat(join(root, part)).catch(() => null);
    if (found === null || removed.has(part)) return null;
    if (depth === parts.length) {
      // a folder gives way when all that is in it is tracked and removed
      const emptied =
        found.isDirectory() && [...removed].some((name) => name.startsWith(`${part}/`));
      return emptied ? null : part;
    }
    if (!found.isDirectory()) return part;
  }
  return null;
}

function some(files: readonly string[]): string {
  const shown = files.slice(0, 5).join(', ');
  return files.length > 5 ? `${shown} and ${files.length - 5} more` : shown;
}
