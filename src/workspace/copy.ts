import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCopy } from './cleanup.js';
import { type Copy, copyName, writeMarker } from './marker.js';
import { ensureMirror, type Workshop } from './mirror.js';
import {
  branchName,
  checkedCommit,
  copiesPath,
  type Identity,
  mirrorPath,
  type Source,
  snapshotRef,
  type TaskName,
  taskRefs,
} from './names.js';

/** What a working copy is opened for. */
export interface CopyRequest {
  source: Source;
  task: TaskName;
  runId: string;
  attempt: number;
  /**
   * The base commit, or the snapshot to go on from; null opens an empty folder (source `task`
   * only).
   */
  from: string | null;
  /**
   * A commit to merge into it, after a landing conflict: what conflicts stands in the files as
   * markers.
   */
  merging?: string | null;
  identity: Identity;
  signal?: AbortSignal | undefined;
}

/** A fresh copy, and the files in which a merge left conflict markers. */
export interface OpenedCopy {
  copy: Copy;
  conflicts: string[];
}

/**
 * Opens a fresh working copy that borrows the mirror's objects: nothing is duplicated but the
 * files. A copy left over from the same attempt is replaced. It has no remote, so nothing can be
 * pushed from it.
 * @throws GitError, for example when `from` is not in the mirror
 */
export async function openCopy(workshop: Workshop, request: CopyRequest): Promise<OpenedCopy> {
  const { home } = workshop;
  const { source, task, runId, attempt, identity, signal } = request;
  const name = copyName(task.number, runId, attempt);
  await removeCopy(home, name);
  const mirror =
    source.kind === 'task' ? await ensureMirror(workshop, source) : mirrorPath(home, source);
  const from = checkedCommit('from', request.from ?? (await emptyRoot(workshop, source)));
  const path = join(copiesPath(home), name);
  const copy: Copy = {
    name,
    path,
    home: `${path}.home`,
    source,
    taskId: task.id,
    taskNumber: task.number,
    runId,
    attempt,
    branch: branchName(task),
    from,
    merging: request.merging ?? null,
    identity,
    openedAt: new Date().toISOString(),
  };
  // what is borrowed must not be collected, even when the person rewrites the branch it came from
  await keep(workshop, mirror, copy, [from, ...(copy.merging === null ? [] : [copy.merging])]);
  await writeMarker(home, copy);
  await mkdir(join(copy.home, 'tmp'), { recursive: true, mode: 0o700 });
  await makeTree(workshop, copy, mirror, signal);
  return { copy, conflicts: await mergeIn(workshop, copy, signal) };
}

/** The git folder of a copy. */
export function copyGitDir(copy: Copy): string {
  return join(copy.path, '.git');
}

/** The configuration of a copy as we make it: only what git needs, and who the agent is. */
export function copyConfig(copy: Copy): string {
  const sha256 = copy.from.length === 64;
  const lines = [
    '[core]',
    `\trepositoryFormatVersion = ${sha256 ? 1 : 0}`,
    '\tbare = false',
    '\tfileMode = true',
    '\tlogAllRefUpdates = true',
    ...(sha256 ? ['[extensions]', '\tobjectFormat = sha256'] : []),
    '[user]',
    `\tname = ${quoted(copy.identity.name)}`,
    `\temail = ${quoted(copy.identity.email)}`,
    '[gc]',
    '\tauto = 0',
  ];
  return `${lines.join('\n')}\n`;
}

/** Where a copy borrows its objects. */
export function copyAlternates(home: string, copy: Copy): string {
  return `${join(mirrorPath(home, copy.source), 'objects')}\n`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/\s+/g, ' ')}"`;
}

async function makeTree(
  { home, git }: Workshop,
  copy: Copy,
  mirror: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const format = copy.from.length === 64 ? 'sha256' : 'sha1';
  const shape = ['--template=', `--object-format=${format}`, `--initial-branch=${copy.branch}`];
  const cwd = copiesPath(home);
  await git.run({ args: ['init', '--quiet', ...shape, '--', copy.path], cwd, signal });
  const gitDir = copyGitDir(copy);
  await mkdir(join(gitDir, 'info'), { recursive: true });
  await mkdir(join(gitDir, 'objects', 'info'), { recursive: true });
  await writeFile(join(gitDir, 'objects', 'info', 'alternates'), copyAlternates(home, copy));
  await writeFile(join(gitDir, 'config'), copyConfig(copy));
  const args = ['reset', '--quiet', '--hard', copy.from];
  await git.run({ args, cwd: copy.path, gitDir, workTree: copy.path, signal }).catch((error) => {
    throw new Error(`cannot open ${copy.name} at ${copy.from} from ${mirror}: ${error.message}`, {
      cause: error,
    });
  });
}

async function mergeIn(
  { git }: Workshop,
  copy: Copy,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  if (copy.merging === null) return [];
  const merging = checkedCommit('merging', copy.merging);
  const call = { cwd: copy.path, gitDir: copyGitDir(copy), workTree: copy.path, signal };
  const options = ['--quiet', '--no-commit', '--no-ff', '--no-stat'];
  const merged = await git.run({
    ...call,
    args: ['merge', ...options, merging],
    identity: copy.identity,
    okExits: [1],
  });
  if (merged.exitCode === 0) return [];
  const listed = await git.run({ ...call, args: ['diff', '--name-only', '--diff-filter=U', '-z'] });
  return listed.stdout.split('\0').filter((file) => file !== '');
}

async function keep(
  { git }: Workshop,
  mirror: string,
  copy: Copy,
  commits: readonly string[],
): Promise<void> {
  for (const commit of commits) {
    const ref = snapshotRef(copy.taskId, copy.runId, commit);
    await git.run({ args: ['update-ref', ref, commit], cwd: mirror, gitDir: mirror });
  }
}

/** A task without a repository begins at an empty commit, the same one every time. */
async function emptyRoot(workshop: Workshop, source: Source): Promise<string> {
  if (source.kind === 'repository') {
    throw new TypeError('a copy of a repository needs the commit to open it at');
  }
  const mirror = mirrorPath(workshop.home, source);
  const call = { cwd: mirror, gitDir: mirror };
  const tree = await workshop.git.run({
    ...call,
    args: ['hash-object', '-w', '-t', 'tree', '--stdin'],
  });
  const commit = await workshop.git.run({
    ...call,
    args: ['commit-tree', tree.stdout.trim(), '-m', 'Empty folder'],
    environment: {
      GIT_AUTHOR_DATE: '2000-01-01T00:00:00Z',
      GIT_COMMITTER_DATE: '2000-01-01T00:00:00Z',
    },
  });
  const id = commit.stdout.trim();
  const ref = `${taskRefs(source.taskId)}root`;
  await workshop.git.run({ ...call, args: ['update-ref', ref, id] });
  return id;
}
