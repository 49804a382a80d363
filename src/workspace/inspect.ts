import { posix } from 'node:path';
import { RefusedTree } from './errors.js';
import type { Git } from './git.js';
import type { Copy } from './marker.js';
import type { Workshop } from './mirror.js';
import { mirrorPath } from './names.js';

/** The largest file that is kept unless told otherwise: 50 MiB. */
export const BLOB_BYTES_MAX = 50 * 1024 * 1024;

/** One path that a commit adds or changes. */
interface Change {
  path: string;
  mode: string;
  before: string;
  after: string;
}

/**
 * Looks at what a snapshot changed since its copy was opened, in the mirror and by object ids. What
 * the person's repository already had is not the agent's and is let pass.
 * @throws RefusedTree for symlinks out of the tree, submodules, `.git*` in odd case, large files,
 * new filters
 */
export async function refuseBadChanges(
  { home, git }: Workshop,
  copy: Copy,
  commit: string,
  blobBytesMax: number,
): Promise<void> {
  const mirror = mirrorPath(home, copy.source);
  // after a merge, what the target brought is the person's as well
  const changes = await listChanges(git, mirror, copy.from, commit);
  const merged =
    copy.merging === null ? null : await listChanges(git, mirror, copy.merging, commit);
  const news = new Set(merged?.map((change) => change.path));
  const own = merged === null ? changes : changes.filter((change) => news.has(change.path));
  for (const change of own) refuseName(change);
  await refuseSizes(git, mirror, own, blobBytesMax);
  for (const change of own) {
    if (change.mode === '120000') await refuseLink(git, mirror, change);
    if (posix.basename(change.path) === '.gitattributes') await refuseFilter(git, mirror, change);
  }
}

async function listChanges(git: Git, mirror: string, from: string, to: string): Promise<Change[]> {
  const options = ['-r', '-z', '--raw', '--no-renames', '--no-abbrev', '--diff-filter=d'];
  const args = ['diff-tree', ...options, from, to];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  const parts = stdout.split('\0');
  const changes: Change[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [, mode = '', before = '', after = ''] = (parts[i] ?? '').split(' ');
    changes.push({ path: parts[i + 1] ?? '', mode, before, after });
  }
  return changes;
}

const OWN_NAMES = ['.git', '.gitmodules', '.gitattributes', '.gitignore', '.mailmap'];

/** The refusal of a file that is too large to keep. */
export function tooLarge(path: string, bytes: number, limit: number): RefusedTree {
  const sentence = `holds ${bytes} bytes, more than the limit of ${limit}; remove or ignore it`;
  return new RefusedTree(path, 'blob-too-large', sentence);
}

function refuseName({ path, mode }: Change): void {
  if (mode === '160000') {
    throw new RefusedTree(path, 'submodule', 'is a repository of its own; remove its .git folder');
  }
  if (path === '.gitmodules') {
    throw new RefusedTree(path, 'submodule', 'would add submodules, which are not supported');
  }
  for (const part of path.split('/')) {
    const plain = part.toLowerCase();
    const odd = plain === '.git' || plain === 'git~1';
    if (odd || (OWN_NAMES.includes(plain) && part !== plain)) {
      const sentence = `has the part ${part}, which git may take for its own; rename it`;
      throw new RefusedTree(path, 'git-path', sentence);
    }
  }
}

async function refuseSizes(
  git: Git,
  mirror: string,
  changes: readonly Change[],
  limit: number,
): Promise<void> {
  const args = ['cat-file', '--batch-check=%(objectsize)'];
  const input = changes.map((change) => `${change.after}\n`).join('');
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror, input });
  const sizes = stdout.split('\n').map(Number);
  for (const [i, { path }] of changes.entries()) {
    const bytes = sizes[i] ?? 0;
    if (bytes <= limit) continue;
    throw tooLarge(path, bytes, limit);
  }
}

async function refuseLink(git: Git, mirror: string, { path, after }: Change): Promise<void> {
  const target = (await readBlob(git, mirror, after)).toString('utf8');
  if (staysInside(path, target)) return;
  const sentence = `is a symbolic link to ${target}, out of the working copy; link within it`;
  throw new RefusedTree(path, 'symlink-out-of-tree', sentence);
}

/**
 * Where a link leads, by its text alone. `..` is allowed only in front: behind a name it would
 * depend on what that name is, which may itself be a link.
 */
function staysInside(path: string, target: string): boolean {
  if (posix.isAbsolute(target)) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const firstName = parts.findIndex((part) => part !== '..');
  if (firstName >= 0 && parts.lastIndexOf('..') > firstName) return false;
  const reached = posix.normalize(posix.join(posix.dirname(path), target));
  const [first] = reached.split('/');
  return first !== '..' && first?.toLowerCase() !== '.git';
}

async function refuseFilter(git: Git, mirror: string, change: Change): Promise<void> {
  const filters = async (id: string) =>
    /^0+$/.test(id)
      ? []
      : (await readBlob(git, mirror, id))
          .toString('utf8')
          .split('\n')
          .filter((line) => /\sfilter(?:=|\s|$)/.test(line));
  const known = await filters(change.before);
  const added = (await filters(change.after)).find((line) => !known.includes(line));
  if (added === undefined) return;
  const sentence = `adds a filter (${added.trim()}), which would run a program; remove that line`;
  throw new RefusedTree(change.path, 'attributes-filter', sentence);
}

async function readBlob(git: Git, mirror: string, id: string): Promise<Buffer> {
  return await git.bytes({ args: ['cat-file', 'blob', id], cwd: mirror, gitDir: mirror });
}
