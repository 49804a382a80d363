import { lstat, realpath } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, sep } from 'node:path';
import { RepositoryError } from './errors.js';
import type { Workshop } from './mirror.js';
import { checkedCommit, mirrorPath, type Source } from './names.js';

/** All paths of a commit that are files, from its root. */
export async function listFiles(
  { home, git }: Workshop,
  source: Source,
  commit: string,
): Promise<string[]> {
  const mirror = mirrorPath(home, source);
  const args = [
    'ls-tree',
    '-r',
    '-z',
    '--full-tree',
    '--name-only',
    checkedCommit('commit', commit),
  ];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  return stdout.split('\0').filter((path) => path !== '');
}

/** The text of one file of a commit; empty where it is too long to be read by people. */
export async function readText(
  { home, git }: Workshop,
  source: Source,
  commit: string,
  path: string,
): Promise<string> {
  const mirror = mirrorPath(home, source);
  const call = { cwd: mirror, gitDir: mirror };
  const name = `${checkedCommit('commit', commit)}:${path}`;
  const size = await git.run({ ...call, args: ['cat-file', '-s', '--', name] });
  if (Number(size.stdout) > TEXT_BYTES_MAX) return '';
  return (await git.run({ ...call, args: ['cat-file', 'blob', '--', name] })).stdout;
}

const TEXT_BYTES_MAX = 1024 * 1024;

/**
 * Looks whether files of a person's checkout can be given to working copies: each is a regular file
 * within the checkout, and none of git's own.
 * @param checkout null: the repository has none, being a URL or bare
 * @throws RepositoryError
 */
export async function checkCopies(
  location: string,
  checkout: string | null,
  copies: readonly string[],
): Promise<void> {
  for (const path of copies) {
    const refuse = (sentence: string) => {
      throw new RepositoryError(location, 'copy-file', `the file "${path}" ${sentence}`);
    };
    if (checkout === null) {
      refuse('cannot be copied: there is no checkout here; clone it and add the clone by its path');
      return;
    }
    const parts = path.split('/');
    if (isAbsolute(path) || path === '' || normalize(path) !== path || parts[0] === '..') {
      refuse('lies outside the repository; name it by its path from the root of the checkout');
    }
    if (parts.some((part) => part.toLowerCase() === '.git')) {
      refuse('belongs to git itself; working copies have a git of their own');
    }
    const full = join(checkout, path);
    const found = await lstat(full).catch(() => null);
    if (found === null)
      return refuse('does not exist in your checkout; copies are made from there');
    const real = relative(await realpath(checkout), await realpath(full).catch(() => '/'));
    if (real.split(sep)[0] === '..' || isAbsolute(real)) {
      refuse('is a link that leads outside the repository; copy what it names into the checkout');
    }
    if (!found.isFile()) refuse('is no regular file; name files one by one');
  }
}
