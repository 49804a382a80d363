import type { Workshop } from './mirror.js';
import { checkedCommit, EMPTY_ROOT, mirrorPath, type Source } from './names.js';

/** One file of a commit. */
export interface ArchivedFile {
  /** Relative, with `/`. */
  path: string;
  bytes: Buffer;
  /** As git says it: a symbolic link's bytes are its target. */
  mode: '100644' | '100755' | '120000';
}

/**
 * The whole difference of two commits as unified text, computed in the mirror by object ids:
 * nothing of the agent's copy is read. Binary files are named. Bytes that are no UTF-8, and NUL,
 * become U+FFFD.
 * @throws GitError
 */
export async function diff(
  { home, git }: Workshop,
  source: Source,
  base: string,
  commit: string,
): Promise<string> {
  const mirror = mirrorPath(home, source);
  const options = [
    '--no-ext-diff',
    '--no-textconv',
    '--no-color',
    '--find-renames',
    '--full-index',
  ];
  const ids = [checkedCommit('base', base), checkedCommit('commit', commit)];
  if (base === commit) return '';
  const args = ['diff-tree', '-r', '-p', ...options, ...ids, '--'];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  return stdout.replaceAll('\0', '\uFFFD');
}

/** The best common ancestor of two commits in the mirror; null when they have none. */
export async function mergeBase(
  { home, git }: Workshop,
  source: Source,
  one: string,
  other: string,
): Promise<string | null> {
  const mirror = mirrorPath(home, source);
  const args = ['merge-base', checkedCommit('commit', one), checkedCommit('commit', other)];
  const found = await git.run({ args, cwd: mirror, gitDir: mirror, okExits: [1] });
  return found.exitCode === 0 ? found.stdout.trim() : null;
}

/** The largest deliverable that is read at once, in bytes. */
const ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * All files of a commit, in the order of their paths: the deliverable of a task without a
 * repository.
 * @throws RangeError above 256 MiB, GitError
 */
export async function archive(
  { home, git }: Workshop,
  source: Source,
  commit: string,
): Promise<ArchivedFile[]> {
  const mirror = mirrorPath(home, source);
  const call = { cwd: mirror, gitDir: mirror };
  const id = checkedCommit('commit', commit);
  if (id === EMPTY_ROOT) return [];
  const listed = await git.run({ ...call, args: ['ls-tree', '-r', '-z', '-l', '--full-tree', id] });
  const entries = listed.stdout.split('\0').flatMap((line) => {
    const [, mode, blob = '', size, path = ''] =
      /^(100644|100755|120000) blob ([0-9a-f]+) +(\d+)\t([\s\S]*)$/.exec(line) ?? [];
    if (mode !== '100644' && mode !== '100755' && mode !== '120000') return [];
    return { mode, blob, size: Number(size), path } as const;
  });
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > ARCHIVE_BYTES_MAX) {
    throw new RangeError(
      `${id} holds ${total} bytes, more than ${ARCHIVE_BYTES_MAX} to read at once`,
    );
  }
  const input = entries.map((entry) => `${entry.blob}\n`).join('');
  const batch = await git.bytes({ ...call, args: ['cat-file', '--batch'], input });
  let at = 0;
  return entries.map(({ path, mode, size }) => {
    const from = batch.indexOf(0x0a, at) + 1; // behind "<id> blob <size>\n"
    at = from + size + 1;
    return { path, mode, bytes: batch.subarray(from, from + size) };
  });
}
