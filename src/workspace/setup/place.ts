import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

/** What stands at a path: `null` nothing, `elsewhere` where a folder on the way is none. */
export type Standing = 'file' | 'folder' | 'other' | 'elsewhere' | null;

/**
 * Looks without following a link, whoever made it: the tree is of a commit, and a folder on the
 * way may be a link out of it.
 * @param path relative, with `/`, without `..`
 */
export async function standingAt(root: string, path: string): Promise<Standing> {
  const parts = path.split('/');
  let at = root;
  for (const [index, part] of parts.entries()) {
    at = join(at, part);
    const found = await lstat(at).catch(() => null);
    const isLast = index === parts.length - 1;
    if (found === null) return isLast ? null : 'elsewhere';
    if (isLast) return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
    if (!found.isDirectory()) return 'elsewhere';
  }
  return null;
}
