import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beginsEmpty, copyAlternates, copyConfig, copyGitDir, ensureGit } from './copy.js';
import { GitError, RefusedTree } from './errors.js';
import { type GitCall, UPLOAD_PACK } from './git.js';
import { BLOB_BYTES_MAX, refuseBadChanges, tooLarge } from './inspect.js';
import { isCode } from './lock.js';
import type { Copy } from './marker.js';
import { isAncestor, readRef, type Workshop } from './mirror.js';
import { checkedCommit, mirrorPath, rootRef, snapshotRef } from './names.js';
import {
  findHeld,
  holdsKeptOut,
  isKeptOut,
  type KeptOut,
  passedOver,
  readKeptOut,
  takeOut,
} from './setup/kept-out.js';

/** A kept state of a copy. `ref` keeps it in the mirror until the task's refs are dropped. */
export interface Snapshot {
  commit: string;
  ref: string;
}

export interface SnapshotOptions {
  /** Files above this are refused, in bytes. 50 MiB unless told. */
  blobBytesMax?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Commits everything in a copy that .gitignore does not leave out, and keeps the commit in the
 * mirror. Two steps: the commit is made inside, as if by the agent, under our configuration; the
 * only touch from outside is a `fetch` that checks each object. Without changes it keeps the commit
 * that is there.
 * @throws RefusedTree naming path and reason: the copy is left as it was before
 */
export async function snapshot(
  workshop: Workshop,
  copy: Copy,
  message: string,
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  options.signal?.throwIfAborted();
  if (beginsEmpty(copy) && (await isEmpty(copy.path))) {
    return { commit: copy.from, ref: rootRef(copy.taskId) };
  }
  await ensureGit(workshop, copy);
  const limit = options.blobBytesMax ?? BLOB_BYTES_MAX;
  return await withPinnedConfig(workshop.home, copy, async () => {
    const { commit, isNew } = await commitInside(workshop, copy, message, limit);
    const kept = snapshotRef(copy.taskId, copy.runId, commit);
    try {
      await fetchIntoMirror(workshop, copy, commit, kept, options.signal);
      await refuseBadChanges(workshop, copy, commit, limit);
      await refuseKeptOut(workshop, copy, commit);
    } catch (error) {
      if (!(error instanceof RefusedTree)) throw error;
      await forget(workshop, copy, kept, isNew);
      throw error;
    }
    return await onOpeningCommit(workshop, copy, commit, kept);
  });
}

/** Whether there is nothing in it, or not even the folder. */
async function isEmpty(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  });
  return names.length === 0;
}

export function inside(copy: Copy, args: readonly string[]): GitCall {
  const { path, identity } = copy;
  return { args, cwd: path, gitDir: copyGitDir(copy), workTree: path, identity };
}

/**
 * For the time of a snapshot the copy has our configuration, not the agent's: filters, hooks and
 * programs that it set do not run. Its own is put back after.
 */
export async function withPinnedConfig<T>(
  home: string,
  copy: Copy,
  work: () => Promise<T>,
): Promise<T> {
  const gitDir = copyGitDir(copy);
  const found = await lstat(gitDir).catch(() => null);
  if (found === null || !found.isDirectory()) {
    const sentence = 'is no longer the folder that Mission Control made; the copy cannot be kept';
    throw new RefusedTree('.git', 'git-folder-replaced', sentence);
  }
  // each of these could send git to configuration or objects elsewhere, or stop it
  for (const name of ['commondir', 'config.worktree', 'index.lock', 'HEAD.lock', 'config.lock']) {
    await rm(join(gitDir, name), { recursive: true, force: true });
  }
  const path = join(gitDir, 'config');
  // a link or a pipe in its place is not read: only a file can be put back as it was
  const isFile = (await lstat(path).catch(() => null))?.isFile() ?? false;
  const agents = isFile ? await readFile(path) : null;
  await replace(path, copyConfig(copy));
  await replace(join(gitDir, 'objects', 'info', 'alternates'), copyAlternates(home, copy));
  try {
    return await work();
  } finally {
    if (agents !== null) await replace(path, agents);
  }
}

/** Writes a file anew, so that a link the agent put there is not followed. */
async function replace(path: string, content: string | Uint8Array): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await writeFile(path, content, { flag: 'wx' });
}

async function commitInside(
  workshop: Workshop,
  copy: Copy,
  message: string,
  limit: number,
): Promise<{ commit: string; isNew: boolean }> {
  const { git } = workshop;
  const kept = await readKeptOut(copy);
  const config = kept === null ? [] : [passedOver(copy)];
  await forgetNestedRepositories(workshop, copy);
  await refuseLargeFiles(workshop, copy, limit, kept);
  if (kept !== null) await withoutCommitsThatHold(workshop, copy, kept);
  await git.run({ ...inside(copy, ['add', '--all']), config }).catch((error: unknown) => {
    throw refusedByAdd(error);
  });
  if (kept !== null) await takeOut(git, inside(copy, []), kept);
  const unchanged = await git.run({
    ...inside(copy, ['diff-index', '--cached', '--quiet', 'HEAD', '--']),
    okExits: [1, 128], // 128: the agent began a branch without a commit
  });
  const merging = await lstat(join(copyGitDir(copy), 'MERGE_HEAD')).catch(() => null);
  const isNew = unchanged.exitCode !== 0 || merging !== null;
  if (isNew) {
    const options = ['--quiet', '--no-verify', '--allow-empty', '--cleanup=verbatim', '--file=-'];
    await git.run({ ...inside(copy, ['commit', ...options]), input: message });
  }
  const made = await git.run(inside(copy, ['rev-parse', '--verify', 'HEAD^{commit}']));
  return { commit: checkedCommit('snapshot', made.stdout.trim()), isNew };
}

/**
 * Git looks into a nested repository that its index knows, with that repository's configuration: so
 * it must not.
 */
async function forgetNestedRepositories({ git }: Workshop, copy: Copy): Promise<void> {
  const { stdout } = await git.run(inside(copy, ['ls-files', '--stage', '-z']));
  const nested = [...stdout.matchAll(/(?:^|\0)160000 [^\t]*\t([^\0]*)/g)].map(([, path]) => path);
  if (nested.length === 0) return;
  const input = `${nested.join('\0')}\0`;
  await git.run({ ...inside(copy, ['update-index', '--force-remove', '-z', '--stdin']), input });
}

/**
 * Seen before git spends minutes on compressing them; the mirror's check is the one that counts.
 */
async function refuseLargeFiles(
  { git }: Workshop,
  copy: Copy,
  limit: number,
  kept: KeptOut | null,
): Promise<void> {
  const args = ['ls-files', '-z', '--others', '--modified', '--exclude-standard'];
  const config = kept === null ? [] : [passedOver(copy)];
  const { stdout } = await git.run({ ...inside(copy, args), config });
  for (const path of new Set(stdout.split('\0'))) {
    if (kept !== null && isKeptOut(kept, path)) continue;
    const found = path === '' ? null : await lstat(join(copy.path, path)).catch(() => null);
    if (found?.isFile() && found.size > limit) throw tooLarge(path, found.size, limit);
  }
}

/** An agent may have committed by force what is no part of the work: then its files count alone. */
async function withoutCommitsThatHold({ git }: Workshop, copy: Copy, kept: KeptOut): Promise<void> {
  const call = inside(copy, []);
  const head = await git.run({
    ...call,
    args: ['rev-parse', '--quiet', '--verify', 'HEAD^{commit}'],
    okExits: [1],
  });
  if (head.exitCode !== 0) return; // it began a branch without a commit
  if ((await findHeld(git, call, head.stdout.trim(), bases(copy), kept)) === null) return;
  await git.run({ ...call, args: ['reset', '--quiet', '--soft', copy.from] });
}

/** In the mirror, by object ids: this is the check that counts. */
async function refuseKeptOut({ home, git }: Workshop, copy: Copy, commit: string): Promise<void> {
  const kept = await readKeptOut(copy);
  if (kept === null) return;
  const mirror = mirrorPath(home, copy.source);
  const call = { cwd: mirror, gitDir: mirror };
  const held = await findHeld(git, call, commit, bases(copy), kept);
  if (held !== null) throw holdsKeptOut(held, kept);
}

const bases = ({ from, merging }: Copy) => (merging === null ? [from] : [from, merging]);

/** Git itself refuses some trees while it adds them; its message names the path. */
function refusedByAdd(error: unknown): unknown {
  if (!(error instanceof GitError)) return error;
  const invalid = /invalid path '(.+)'/.exec(error.stderr)?.[1];
  if (invalid !== undefined) {
    return new RefusedTree(
      invalid,
      'git-path',
      'has a name that git would take for its own folder',
    );
  }
  const nested = /'(.+?)\/?' does not have a commit checked out/.exec(error.stderr)?.[1];
  if (nested === undefined) return error;
  return new RefusedTree(nested, 'submodule', 'is a repository of its own; remove its .git folder');
}

async function fetchIntoMirror(
  { home, git }: Workshop,
  copy: Copy,
  commit: string,
  ref: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const mirror = mirrorPath(home, copy.source);
  const options = ['--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-auto-gc'];
  const refspec = `${commit}:${ref}`; // by its id: whatever HEAD names by then
  try {
    await git.run({
      args: ['fetch', ...options, UPLOAD_PACK, '--', copyGitDir(copy), refspec],
      cwd: mirror,
      gitDir: mirror,
      config: ['transfer.fsckObjects=true'],
      signal,
    });
  } catch (error) {
    throw refusedByFetch(error);
  }
  const fetched = await readRef(git, mirror, ref);
  if (fetched !== commit) throw new Error(`${copy.name} moved from ${commit} while it was fetched`);
}

function refusedByFetch(error: unknown): unknown {
  if (!(error instanceof GitError)) return error;
  const fault = /error(?: in \w+ [0-9a-f]+|: object [0-9a-f]+): (\w+: .*)/.exec(error.stderr)?.[1];
  if (fault === undefined) return error;
  const sentence = `has an object that git does not accept (${fault})`;
  return new RefusedTree('.', 'malformed-object', sentence);
}

/** After a refusal: nothing of it stays in the mirror, and the next snapshot is not built on it. */
async function forget(
  { home, git }: Workshop,
  copy: Copy,
  ref: string,
  isNew: boolean,
): Promise<void> {
  const mirror = mirrorPath(home, copy.source);
  await git.run({ args: ['update-ref', '-d', ref], cwd: mirror, gitDir: mirror });
  // 128: the first commit of a branch has none before it
  const undo = inside(copy, ['reset', '--quiet', '--soft', 'HEAD^']);
  if (isNew) await git.run({ ...undo, okExits: [128] });
}

/**
 * An agent may rewrite history. Its files count; they are put on top of the commit the copy was
 * opened at.
 */
async function onOpeningCommit(
  { home, git }: Workshop,
  copy: Copy,
  commit: string,
  ref: string,
): Promise<Snapshot> {
  const mirror = mirrorPath(home, copy.source);
  if (await isAncestor(git, mirror, copy.from, commit)) return { commit, ref };
  const parents = [copy.from];
  if (copy.merging !== null && (await isAncestor(git, mirror, copy.merging, commit))) {
    parents.push(copy.merging);
  }
  const call = { cwd: mirror, gitDir: mirror };
  const message = (await git.run({ ...call, args: ['log', '-1', '--format=%B', commit] })).stdout;
  const args = [
    'commit-tree',
    `${commit}^{tree}`,
    ...parents.flatMap((id) => ['-p', id]),
    '-F',
    '-',
  ];
  const made = await git.run({ ...call, args, input: message, identity: copy.identity });
  const again = made.stdout.trim();
  const keptAs = snapshotRef(copy.taskId, copy.runId, again);
  await git.run({ ...call, args: ['update-ref', keptAs, again] });
  return { commit: again, ref: keptAs };
}
