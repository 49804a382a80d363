import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { standingAt } from './place.js';

/** Larger than this is no file of settings. */
const BYTES_MAX = 4 * 2 ** 20;
const TELLING_BYTES = 16;

/** A file that a person wants in each copy, and what it holds. */
interface Carried {
  path: string;
  content: Buffer;
}

/** A file that cannot be carried; the message says which and what to do. */
export class NotCarried extends Error {}

/**
 * Reads the files that a person wants in each copy, from that person's own checkout and nowhere
 * else: never through a link.
 * @throws NotCarried
 */
export async function readCarried(location: string, files: readonly string[]): Promise<Carried[]> {
  if (files.length > 0 && !isAbsolute(location)) {
    throw new NotCarried(
      `${files[0]} cannot be copied: ${location} is a URL, and only a checkout on this machine ` +
        'has files that git does not hold; register it by its path',
    );
  }
  return await Promise.all(files.map((path) => readOne(location, path)));
}

async function readOne(location: string, path: string): Promise<Carried> {
  const parts = path.split('/');
  const isOdd = path === '' || isAbsolute(path) || parts.some((part) => ODD.includes(part));
  if (isOdd || path.includes('\0')) {
    throw new NotCarried(`${JSON.stringify(path)} is no path within the repository`);
  }
  const standing = await standingAt(location, path);
  if (standing === null) {
    throw new NotCarried(`${path} is not in ${location}; make it there, or copy it no more`);
  }
  if (standing !== 'file') {
    throw new NotCarried(`${path} in ${location} is no plain file, or lies behind a link`);
  }
  const file = await open(join(location, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    if (size > BYTES_MAX) {
      throw new NotCarried(`${path} holds ${size} bytes; at most ${BYTES_MAX} are copied`);
    }
    return { path, content: await file.readFile() };
  } finally {
    await file.close();
  }
}

const ODD = ['', '.', '..', '.git'];

/**
 * Puts them into a fresh tree, for nobody else to read, and answers by which ids git would know
 * them.
 * @throws NotCarried where the commit has something at that path
 */
export async function putCarried(
  root: string,
  carried: readonly Carried[],
  format: 'sha1' | 'sha256',
): Promise<{ path: string; id: string }[]> {
  for (const { path, content } of carried) {
    await makeFolders(root, path);
    if ((await standingAt(root, path)) !== null) {
      throw new NotCarried(
        `${path} is held by git already; copy only files that git does not hold`,
      );
    }
    await writeFile(join(root, path), content, { mode: 0o600, flag: 'wx' });
  }
  return carried.map(({ path, content }) => ({
    path,
    // What is next to nothing may stand in any file.
    id: content.length < TELLING_BYTES ? '' : blobId(content, format),
  }));
}

/** Takes them out again, where something else of the tree is to be kept. */
export async function dropCarried(root: string, carried: readonly Carried[]): Promise<void> {
  for (const { path } of carried) {
    if ((await standingAt(root, path)) === 'elsewhere') continue;
    await rm(join(root, path), { recursive: true, force: true });
  }
}

async function makeFolders(root: string, path: string): Promise<void> {
  const folders = path.split('/').slice(0, -1);
  for (let count = 1; count <= folders.length; count++) {
    const folder = folders.slice(0, count).join('/');
    const standing = await standingAt(root, folder);
    if (standing === null) await mkdir(join(root, folder));
    else if (standing !== 'folder') {
      throw new NotCarried(`${path} cannot be copied: ${folder} is no folder in this commit`);
    }
  }
}

/** By which id git would know a file. */
export function blobId(content: Buffer, format: 'sha1' | 'sha256'): string {
  return createHash(format).update(`blob ${content.length}\0`).update(content).digest('hex');
}
