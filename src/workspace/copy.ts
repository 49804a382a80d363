import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { removeCopy } from './cleanup.js';
import { WHOLE_TIMEOUT_MS } from './git.js';
import { type Copy, copyName, writeMarker } from './marker.js';
import { ensureMirror, exists, type Workshop } from './mirror.js';
import {
  branchName,
  checkedCommit,
  copiesPath,
  EMPTY_ROOT,
  homePath,
  type Identity,
  mirrorPath,
  rootRef,
  type Source,
  snapshotRef,
  type TaskName,
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
 * pushed from it. An empty one is made when something is done in it: see `ensureFolder`.
 * @throws GitError, for example when `from` is not in the mirror
 */
export async function openCopy(workshop: Workshop, request: CopyRequest): Promise<OpenedCopy> {
  const { home } = workshop;
  const { source, task, runId, attempt, identity, signal } = request;
  const name = copyName(task.number, runId, attempt);
  const from = checkedCommit('from', request.from ?? emptyStart(source));
  const path = join(copiesPath(home), name);
  const copy: Copy = {
    name,
    path,
    home: `${path}.home`,
    user: homePath(home, runId),
    host: hostname(),
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
  if (beginsEmpty(copy)) return { copy, conflicts: [] };
  await removeCopy(home, name);
  await keepBorrowed(workshop, copy);
  await makePlaces(home, copy);
  await makeTree(workshop, copy, signal);
  return { copy, conflicts: await mergeIn(workshop, copy, signal) };
}

/** The marker first: what is half made can be found. */
async function makePlaces(home: string, copy: Copy): Promise<void> {
  await writeMarker(home, copy);
  await mkdir(join(copy.home, 'tmp'), { recursive: true, mode: 0o700 });
}

/**
 * Makes the folder of a copy that begins empty, before the first effect: a run whose result is
 * words alone needs none, and its files and git processes would cost more than all of its record.
 */
export async function ensureFolder({ home }: Workshop, copy: Copy): Promise<void> {
  if (!beginsEmpty(copy) || (await exists(copy.path))) return;
  await makePlaces(home, copy);
  await mkdir(copy.path);
}

/** Gives it its git as well, before a command could ask for it and a file could be kept in it. */
export async function ensureGit(workshop: Workshop, copy: Copy): Promise<void> {
  const { source } = copy;
  if (source.kind !== 'task' || !beginsEmpty(copy)) return;
  await ensureFolder(workshop, copy);
  if (await exists(copyGitDir(copy))) return;
  await makeEmptyRoot(workshop, source);
  await keepBorrowed(workshop, copy);
  await makeTree(workshop, copy, undefined);
}

/** Whether the copy began as an empty folder, of a task without a repository. */
export function beginsEmpty({ source, from, merging }: Copy): boolean {
  return source.kind === 'task' && from === EMPTY_ROOT && merging === null;
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

/** Makes the tree of a copy with its git; its folder is not there yet. */
export async function makeTree(
  { home, git }: Workshop,
  copy: Copy,
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
  const inside = { cwd: copy.path, gitDir, workTree: copy.path, timeoutMs: WHOLE_TIMEOUT_MS };
  await git.run({ ...inside, args, signal }).catch((error) => {
    const mirror = mirrorPath(home, copy.source);
    throw new Error(`cannot open ${copy.name} at ${copy.from} from ${mirror}: ${error.message}`, {
      cause: error,
    });
  });
}

/** Merges into a copy what it is to be merged with, and answers the files in conflict. */
export async function mergeIn(
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

/** What is borrowed is not collected, even when a person rewrites the branch it came from. */
async function keepBorrowed({ home, git }: Workshop, copy: Copy): Promise<void> {
  const mirror = mirrorPath(home, copy.source);
  for (const commit of [copy.from, ...(copy.merging === null ? [] : [copy.merging])]) {
    const ref = snapshotRef(copy.taskId, copy.runId, commit);
    await git.run({ args: ['update-ref', ref, commit], cwd: mirror, gitDir: mirror });
  }
}

function emptyStart(source: Source): string {
  if (source.kind === 'task') return EMPTY_ROOT;
  throw new TypeError('a copy of a repository needs the commit to open it at');
}

/** Makes the store of a task with the commit that it begins at. */
async function makeEmptyRoot(
  workshop: Workshop,
  source: Extract<Source, { kind: 'task' }>,
): Promise<void> {
  const mirror = await ensureMirror(workshop, source);
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
  if (id !== EMPTY_ROOT) throw new Error(`the empty commit became ${id}, not ${EMPTY_ROOT}`);
  await workshop.git.run({ ...call, args: ['update-ref', rootRef(source.taskId), id] });
}
