import type { MoveRefusal } from './destination.js';
import { GitError } from './errors.js';
import type { Git } from './git.js';
import { isAncestor } from './mirror.js';
import type { Identity } from './names.js';

export type Merged =
  | { kind: 'merged'; commit: string }
  | { kind: 'conflict'; files: string[] }
  | { kind: 'refused'; reason: MoveRefusal; message: string };

/**
 * Merges `commit` onto `tip` in the mirror, where no working tree, hook or merge driver takes part.
 */
export async function mergeTrees(
  git: Git,
  mirror: string,
  merge: { tip: string; commit: string; message: string; identity: Identity },
): Promise<Merged> {
  const { tip, commit, message, identity } = merge;
  const call = { cwd: mirror, gitDir: mirror };
  const options = ['--write-tree', '--no-messages', '--name-only', '-z'];
  try {
    const made = await git.run({
      ...call,
      args: ['merge-tree', ...options, tip, commit],
      okExits: [1],
    });
    const [tree = '', ...files] = made.stdout.split('\0').filter((part) => part !== '');
    if (made.exitCode === 1) return { kind: 'conflict', files: [...new Set(files)] };
    const args = ['commit-tree', tree, '-p', tip, '-p', commit, '-F', '-'];
    const committed = await git.run({ ...call, args, input: message, identity });
    return { kind: 'merged', commit: committed.stdout.trim() };
  } catch (error) {
    if (!(error instanceof GitError) || !/unrelated histories/.test(error.stderr)) throw error;
    const sentence = `${commit} and ${tip} have no common commit, so they cannot be merged`;
    return { kind: 'refused', reason: 'unrelated-histories', message: sentence };
  }
}

export interface FoundLanding {
  commit: string;
  how: 'merge' | 'contained';
  targetBefore: string | null;
}

/**
 * The landing of `commit` that `tip` already holds, if any: the merge on the target's own line
 * whose second parent it is. It answers alike however far the target has moved on since.
 */
export async function findLanding(
  git: Git,
  mirror: string,
  tip: string,
  commit: string,
): Promise<FoundLanding | null> {
  if (!(await isAncestor(git, mirror, commit, tip))) return null;
  const call = { cwd: mirror, gitDir: mirror };
  const args = ['rev-list', '--first-parent', '--parents', tip, `^${commit}`];
  const { stdout } = await git.run({ ...call, args });
  const line = stdout.split('\n').map((ids) => ids.split(' '));
  const merged = line.findLast(([, , ...others]) => others.includes(commit));
  const [merge, before = null] = merged ?? [];
  if (merge === undefined) return { commit, how: 'contained', targetBefore: null };
  const body = await git.run({ ...call, args: ['log', '-1', '--format=%B', merge] });
  const ours = new RegExp(`^Mission-Landing: \\S+ ${commit}$`, 'm').test(body.stdout);
  return { commit: merge, how: ours ? 'merge' : 'contained', targetBefore: before };
}
