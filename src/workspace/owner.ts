import { stat } from 'node:fs/promises';
import { GitError } from './errors.js';
import type { Git, Owner } from './git.js';

/**
 * As whom git writes into a repository. Root in another user's repository would leave objects and
 * files that their owner can no longer change, so it works as that owner; undefined means as we
 * are.
 */
export async function findOwner(git: Git, gitDir: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(gitDir);
  if (uid === 0) return undefined;
  const owner = { uid, gid };
  try {
    await git.run({ args: ['rev-parse', '--git-dir'], cwd: gitDir, gitDir, owner });
    return owner;
  } catch (error) {
    // a repository below a folder that its owner cannot enter: only root gets there
    if (error instanceof GitError) return undefined;
    throw error;
  }
}
