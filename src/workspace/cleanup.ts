import { chmod, lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode, isHeld, withLock } from './lock.js';
import { type Copy, markerPath, readMarkers } from './marker.js';
import { exists, MIRROR_MARKER } from './mirror.js';
import { copiesPath, copyLockPath, lockPath, mirrorPath, type Source } from './names.js';

/** A marker takes a moment to be written: a draft this old is of a worker that was killed. */
const DRAFT_AGE_MS = 60_000;

/**
 * The copies that carry our marker, half-deleted ones included, but for those that a living process
 * holds outside of any run. Nothing else in the folder is ours to remove but drafts of markers that
 * a crash has left, which go on the way.
 */
export async function listCopies(home: string): Promise<Copy[]> {
  await dropDrafts(copiesPath(home));
  const copies = await readMarkers(home);
  const held = await Promise.all(copies.map(({ name }) => isHeld(copyLockPath(home, name))));
  return copies.filter((_, index) => held[index] !== true);
}

async function dropDrafts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => each.endsWith('.json.new'))) {
    const draft = await lstat(join(folder, name)).catch(() => null);
    if (draft === null || Date.now() - draft.mtimeMs < DRAFT_AGE_MS) continue;
    await rm(join(folder, name), { force: true });
  }
}

/**
 * Removes a copy, its private home and, last, its marker: a crash in between leaves it listed.
 * Removing what is gone is no error.
 * @param name as `Copy.name`; never made of an agent's text
 */
export async function removeCopy(home: string, name: string): Promise<void> {
  if (!/^\d+-[0-9a-f-]{36}-\d+$/.test(name)) throw new TypeError(`${name} is no copy of ours`);
  const path = join(copiesPath(home), name);
  // The marker is made first and goes last: most copies that begin empty were never made.
  if (!(await exists(markerPath(home, name)))) return;
  await removeTree(path);
  await removeTree(`${path}.home`);
  await rm(markerPath(home, name), { force: true });
}

/** The bare stores that carry our marker. */
export async function listMirrors(home: string): Promise<Source[]> {
  const folder = join(home, 'mirrors');
  const names = await readdir(folder).catch(() => []);
  const sources = await Promise.all(
    names.map(async (name) => {
      if (!name.endsWith('.git')) return null; // a draft of one that is being made
      try {
        return JSON.parse(await readFile(join(folder, name, MIRROR_MARKER), 'utf8')) as Source;
      } catch {
        return null;
      }
    }),
  );
  return sources.filter((source) => source !== null);
}

/**
 * Removes a store: of a task without a repository when its retention is over, of a repository when
 * it is forgotten.
 */
export async function removeMirror(home: string, source: Source): Promise<void> {
  const path = mirrorPath(home, source);
  const doomed = `${path}.doomed`;
  if (!(await exists(path)) && !(await exists(doomed))) return;
  await withLock(lockPath(home, source), {}, async () => {
    // renamed first: half a store must not be taken for a whole one
    await removeTree(doomed);
    await rename(path, doomed).catch((error: unknown) => {
      if (!isCode(error, 'ENOENT')) throw error;
    });
    await removeTree(doomed);
  });
}

/** Removes a folder even where its owner made parts of it read-only, as package managers do. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (!isCode(error, 'EACCES', 'EPERM', 'ENOTEMPTY')) throw error;
    await makeWritable(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function makeWritable(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (!found?.isDirectory()) return;
  await chmod(path, 0o700).catch(() => undefined);
  for (const name of await readdir(path).catch(() => [])) await makeWritable(join(path, name));
}
