import type { Started } from '../drizzle/steps.js';
import type { Deps } from './deps.js';

type Go = Extract<Started, { kind: 'go' }>;

/**
 * The files of a program's attempt as they were when its worker was lost, as a commit; null where
 * there is nothing to go on from but the last checkpoint. Only what lies on this machine: what may
 * still write to it elsewhere could not be ended.
 */
export async function rescue(
  { workspaces }: Deps,
  { brief, attempt }: Go,
  signal: AbortSignal,
): Promise<string | null> {
  const { run, agent, task } = brief;
  if (attempt === 1 || agent.backend !== 'command' || run.kind !== 'EXECUTION') return null;
  const copies = await workspaces.listCopies();
  const left = copies
    .filter((copy) => copy.runId === run.id && copy.attempt < attempt)
    .sort((one, other) => other.attempt - one.attempt)[0];
  if (left === undefined || left.merging !== null || !workspaces.isOfThisMachine(left)) return null;
  await workspaces.killOrphans([workspaces.runMark(left)]);
  try {
    const name = `T-${task.number} execution ${run.number}, as its lost worker left it`;
    const { commit } = await workspaces.snapshot(left, name, { signal });
    return commit;
  } catch {
    signal.throwIfAborted();
    return null; // what may not be kept is not gone on with
  }
}
