import { lstat, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { visible } from '../domain/text.js';
import { RefusedTree } from './errors.js';
import type { Copy } from './marker.js';
import type { Workshop } from './mirror.js';
import {
  inside,
  type Snapshot,
  type SnapshotOptions,
  snapshot,
  withPinnedConfig,
} from './snapshot.js';

/** What of a copy could be kept, and what was left out of it: a sentence each. */
export interface Kept extends Snapshot {
  findings: string[];
}

/** Whoever leaves more than this may as well be asked. */
const LEFT_OUT_MAX = 100;

/**
 * Keeps a copy as `snapshot` does, without what no result may hold: that is as it was before, and
 * told. The work beside it is not lost by it.
 * @throws RefusedTree where that cannot be done: the copy's own git folder was replaced, say
 */
export async function keep(
  workshop: Workshop,
  copy: Copy,
  message: string,
  options?: SnapshotOptions,
): Promise<Kept> {
  const findings: string[] = [];
  for (;;) {
    try {
      return { ...(await snapshot(workshop, copy, message, options)), findings };
    } catch (error) {
      if (!(error instanceof RefusedTree) || findings.length >= LEFT_OUT_MAX) throw error;
      for (const { path, why } of error.findings) {
        if (!(await leaveOut(workshop, copy, path))) throw error;
        findings.push(`${visible(path)}: ${why}`);
      }
    }
  }
}

async function leaveOut({ home, git }: Workshop, copy: Copy, path: string): Promise<boolean> {
  const isOurs = copy.merging === null && path !== '.' && !/^\.git\/?$/.test(path);
  if (!isOurs || !(await isWithin(copy.path, path))) return false;
  return await withPinnedConfig(home, copy, async () => {
    const literal = { environment: { GIT_LITERAL_PATHSPECS: '1' } };
    const forget = ['rm', '-r', '--quiet', '--force', '--cached', '--ignore-unmatch', '--', path];
    await git.run({ ...inside(copy, forget), ...literal, okExits: [128] }); // no path of git's
    await rm(join(copy.path, path), { recursive: true, force: true });
    const listed = await git.run({
      ...inside(copy, ['ls-tree', '--name-only', copy.from, '--', path]),
      ...literal,
      okExits: [128],
    });
    const restore = ['checkout', '--quiet', copy.from, '--', path];
    if (listed.stdout !== '') await git.run({ ...inside(copy, restore), ...literal });
    return true;
  });
}

/** Whether nothing on the way to it leads elsewhere. */
async function isWithin(folder: string, path: string): Promise<boolean> {
  const parts = path.replace(/\/$/, '').split('/');
  if (isAbsolute(path) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    return false;
  }
  for (let depth = 1; depth < parts.length; depth++) {
    const found = await lstat(join(folder, ...parts.slice(0, depth))).catch(() => null);
    if (!found?.isDirectory()) return false;
  }
  return true;
}
