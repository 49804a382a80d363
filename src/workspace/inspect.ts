import { posix } from 'node:path';
import { visible } from '../domain/text.js';
import { type Finding, RefusedTree } from './errors.js';
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
  const found = [...own.flatMap(oddName), ...(await tooLargeOf(git, mirror, own, blobBytesMax))];
  for (const change of own) {
    if (change.mode === '120000') found.push(...(await linkOut(git, mirror, change)));
    if (posix.basename(change.path) !== '.gitattributes') continue;
    found.push(...(await newFilter(git, mirror, change)));
  }
  const [first, ...others] = found;
  if (first !== undefined) throw RefusedTree.of([first, ...others]);
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

/** The refusal of a file that is too large to keep. */
export const tooLarge = (path: string, bytes: number, limit: number): RefusedTree =>
  RefusedTree.of([largeFile(path, bytes, limit)]);

const largeFile = (path: string, bytes: number, limit: number): Finding => ({
  path,
  reason: 'blob-too-large',
  why: `holds ${bytes} bytes, more than the limit of ${limit}; remove or ignore it`,
});

const OWN_NAMES = ['.git', '.gitmodules', '.gitattributes', '.gitignore', '.mailmap'];
/** What Windows calls such a file for short. */
const SHORT_NAME = /^\.?(?:git|gitmod|gi[0-9a-f]{4}|gitatt|gitign|mailma)~\d+$/;
/** Macs pass over these in a name; and Windows over what follows a colon, dots and blanks. */
const PASSED_OVER = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]|::?\$.*$|[. ]+$/gu;

const plainName = (part: string): string =>
  part.normalize('NFKC').replace(PASSED_OVER, '').toLowerCase();

function isGitFolder(part: string): boolean {
  const plain = plainName(part);
  return plain === '.git' || SHORT_NAME.test(plain);
}

function oddName({ path, mode }: Change): Finding[] {
  if (mode === '160000') {
    const why = 'is a repository of its own; remove its .git folder';
    return [{ path, reason: 'submodule', why }];
  }
  if (path === '.gitmodules') {
    const why = 'would add submodules, which are not supported';
    return [{ path, reason: 'submodule', why }];
  }
  // To Windows a backslash divides folders.
  const odd = path.split(/[/\\]/).find((part) => {
    const plain = plainName(part);
    return isGitFolder(part) || (OWN_NAMES.includes(plain) && part !== plain);
  });
  if (odd === undefined) return [];
  const why = `has the part ${visible(odd)}, which git may take for its own; rename it`;
  return [{ path, reason: 'git-path', why }];
}

async function tooLargeOf(
  git: Git,
  mirror: string,
  changes: readonly Change[],
  limit: number,
): Promise<Finding[]> {
  const args = ['cat-file', '--batch-check=%(objectsize)'];
  const files = changes.filter(({ mode }) => mode !== '160000');
  const input = files.map((change) => `${change.after}\n`).join('');
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror, input });
  const sizes = stdout.split('\n').map(Number);
  return files.flatMap(({ path }, index) => {
    const bytes = sizes[index] ?? 0;
    return bytes <= limit ? [] : [largeFile(path, bytes, limit)];
  });
}

async function linkOut(git: Git, mirror: string, { path, after }: Change): Promise<Finding[]> {
  const target = (await readBlob(git, mirror, after)).toString('utf8');
  if (staysInside(path, target)) return [];
  const why = `is a symbolic link to ${visible(target)}, out of the working copy; link within it`;
  return [{ path, reason: 'symlink-out-of-tree', why }];
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
  return first !== '..' && !isGitFolder(first ?? '');
}

async function newFilter(git: Git, mirror: string, change: Change): Promise<Finding[]> {
  const filters = async (id: string) =>
    /^0+$/.test(id)
      ? []
      : (await readBlob(git, mirror, id))
          .toString('utf8')
          .split('\n')
          .filter((line) => /\sfilter(?:=|\s|$)/.test(line));
  const known = await filters(change.before);
  const added = (await filters(change.after)).find((line) => !known.includes(line));
  if (added === undefined) return [];
  const line = visible(added.trim());
  const why = `adds a filter (${line}), which would run a program; remove that line`;
  return [{ path: change.path, reason: 'attributes-filter', why }];
}

async function readBlob(git: Git, mirror: string, id: string): Promise<Buffer> {
  return await git.bytes({ args: ['cat-file', 'blob', id], cwd: mirror, gitDir: mirror });
}
