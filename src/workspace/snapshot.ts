import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beginsEmpty, copyAlternates, copyConfig, copyGitDir, ensureGit } from './copy.js';
import { GitError, RefusedTree } from './errors.js';
import { type Git, type GitCall, UPLOAD_PACK } from './git.js';
import { BLOB_BYTES_MAX, refuseBadChanges, tooLarge } from './inspect.js';
import { isCode } from './lock.js';
import type { Copy } from './marker.js';
import { readRef, type Workshop } from './mirror.js';
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
 * Keeps everything in a copy that .gitignore does not leave out, as one commit of ours on the one
 * that the copy was opened at: what an agent committed itself counts by its files alone, or its
 * history would bring what no result may hold. Two steps: the commit is made inside, under our
 * configuration; the only touch from outside is a `fetch` that checks each object. Without changes
 * it keeps the commit that is there.
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
    const commit = await commitInside(workshop, copy, message, limit);
    const ref = snapshotRef(copy.taskId, copy.runId, commit);
    try {
      await fetchIntoMirror(workshop, copy, commit, ref, options.signal);
      await refuseBadChanges(workshop, copy, commit, limit);
      await refuseKeptOut(workshop, copy, commit);
    } catch (error) {
      if (error instanceof RefusedTree) await forget(workshop, copy, ref);
      throw error;
    }
    await goOnFrom(workshop, copy, commit);
    return { commit, ref };
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

/** Answers the commit to keep. Nothing in the copy names it before it was found to be good. */
async function commitInside(
  workshop: Workshop,
  copy: Copy,
  message: string,
  limit: number,
): Promise<string> {
  const { git } = workshop;
  const kept = await readKeptOut(copy);
  const config = kept === null ? [] : [passedOver(copy)];
  await forgetNestedRepositories(workshop, copy);
  await refuseLargeFiles(workshop, copy, limit, kept);
  await git.run({ ...inside(copy, ['add', '--all']), config }).catch((error: unknown) => {
    throw refusedByAdd(error);
  });
  if (kept !== null) await takeOut(git, inside(copy, []), kept);
  const tree = (await git.run(inside(copy, ['write-tree']))).stdout.trim();
  const head = await commitOf(git, copy, 'HEAD');
  const parents = await parentsOf(git, copy, head);
  if (parents.length === 1 && (await treeOf(git, copy, copy.from)) === tree) return copy.from;
  const isKept = head !== null && (await isOurs(workshop, copy, head, parents));
  if (isKept && (await treeOf(git, copy, head)) === tree) return head;
  const args = ['commit-tree', tree, ...parents.flatMap((id) => ['-p', id]), '-F', '-'];
  const made = await git.run({ ...inside(copy, args), input: message });
  return checkedCommit('snapshot', made.stdout.trim());
}

/** What the copy was opened at, and what was merged into it unless the agent undid that. */
async function parentsOf(git: Git, copy: Copy, head: string | null): Promise<string[]> {
  const { from, merging } = copy;
  if (merging === null) return [from];
  if ((await commitOf(git, copy, 'MERGE_HEAD')) === merging) return [from, merging];
  const holdsIt = async (commit: string) => {
    const args = ['merge-base', '--is-ancestor', merging, commit];
    return (await git.run({ ...inside(copy, args), okExits: [1] })).exitCode === 0;
  };
  if (head === null || head === from || (await holdsIt(from))) return [from];
  return (await holdsIt(head)) ? [from, merging] : [from];
}

/** Whether an earlier snapshot made it: the mirror, where no agent writes, knows it as one. */
async function isOurs(
  { home, git }: Workshop,
  copy: Copy,
  commit: string,
  parents: readonly string[],
): Promise<boolean> {
  if (bases(copy).includes(commit)) return false; // what is borrowed is kept by such a ref as well
  const mirror = mirrorPath(home, copy.source);
  const ref = snapshotRef(copy.taskId, copy.runId, commit);
  if ((await readRef(git, mirror, ref)) === null) return false;
  const args = ['log', '-1', '--format=%P', commit];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  return stdout.trim() === parents.join(' ');
}

async function treeOf(git: Git, copy: Copy, commit: string): Promise<string> {
  return (await git.run(inside(copy, ['rev-parse', '--verify', `${commit}^{tree}`]))).stdout.trim();
}

/** Null where it names none: an agent may begin a branch without a commit. */
async function commitOf(git: Git, copy: Copy, name: string): Promise<string | null> {
  const args = ['rev-parse', '--quiet', '--verify', `${name}^{commit}`];
  const found = await git.run({ ...inside(copy, args), okExits: [1, 128] });
  return found.exitCode === 0 ? checkedCommit(name, found.stdout.trim()) : null;
}

/** The agent's own git goes on from what was kept; what it had begun has come to its end. */
async function goOnFrom({ git }: Workshop, copy: Copy, commit: string): Promise<void> {
  if ((await commitOf(git, copy, 'HEAD')) === commit) return;
  await rm(join(copyGitDir(copy), 'MERGE_HEAD'), { recursive: true, force: true });
  await git.run(inside(copy, ['reset', '--quiet', '--soft', commit]));
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

/** After a refusal nothing of it stays in the mirror. */
async function forget({ home, git }: Workshop, copy: Copy, ref: string): Promise<void> {
  const mirror = mirrorPath(home, copy.source);
  await git.run({ args: ['update-ref', '-d', ref], cwd: mirror, gitDir: mirror });
}
