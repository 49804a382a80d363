import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { Copy } from '../marker.js';
import type { SetupEntry } from './cache.js';
import { standingAt } from './place.js';

const AT_ONCE = 500;

/**
 * Puts what a setup made into a fresh copy, and answers the paths. They are copied: a link or a
 * mount would let whoever writes there write for all. What the commit has at such a path stays.
 */
export async function fill(
  entry: SetupEntry,
  copy: Copy,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const put: string[] = [];
  for (const path of entry.made) {
    if ((await standingAt(copy.path, path)) === null) put.push(path);
  }
  const tree = join(entry.folder, 'tree');
  for (const [folder, paths] of byFolder(put)) {
    const from = paths.map((path) => join(tree, path));
    await copyInto(from, join(copy.path, folder), signal);
  }
  const home = join(entry.folder, 'home');
  await mkdir(copy.home, { recursive: true, mode: 0o700 });
  const kept = (await readdir(home)).filter((name) => name !== 'tmp');
  await copyInto(
    kept.map((name) => join(home, name)),
    copy.home,
    signal,
  );
  await rename(entry, copy, put);
  return put;
}

function byFolder(paths: readonly string[]): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) {
    const folder = dirname(path);
    folders.set(folder, [...(folders.get(folder) ?? []), path]);
  }
  return folders;
}

async function copyInto(
  paths: readonly string[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let from = 0; from < paths.length; from += AT_ONCE) {
    const some = paths.slice(from, from + AT_ONCE);
    await execa('cp', ['-a', '--', ...some, `${folder}/`], {
      stdin: 'ignore',
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
  }
  signal?.throwIfAborted();
}

/** What names the place where it was made names this copy from now on. */
async function rename(entry: SetupEntry, copy: Copy, put: readonly string[]): Promise<void> {
  const here = (text: string) =>
    text
      .replaceAll(`${entry.madeIn}/work`, copy.path)
      .replaceAll(`${entry.madeIn}/home`, copy.home);
  for (const name of entry.naming) {
    const [root = '', ...rest] = name.split('/');
    const path = rest.join('/');
    if (root === 'tree' && !put.some((one) => path === one || path.startsWith(`${one}/`))) continue;
    const at = join(root === 'tree' ? copy.path : copy.home, path);
    const found = await lstat(at).catch(() => null);
    if (found?.isSymbolicLink()) {
      const target = await readlink(at);
      await unlink(at);
      await symlink(here(target), at);
    } else if (found?.isFile()) {
      const text = await readFile(at, 'latin1'); // whatever bytes stand around it
      const mode = found.mode & 0o777;
      await unlink(at);
      await writeFile(at, here(text), { encoding: 'latin1', mode, flag: 'wx' });
    }
  }
}
