import { closeLanding } from '../drizzle/steps.js';
import type { LandingEnd, LandingThen } from '../src/contract.js';
import { EMPTY_ROOT } from '../src/workspace/index.js';
import { type Deps, opening } from './deps.js';
import { fileFollowUpsOf } from './follow-ups.js';
import { wake } from './wake.js';

const STORED = {
  outcome: 'landed',
  kind: 'stored',
  detail: { summary: 'stored as the deliverable: 0 files and the report', files: 0 },
} as const;

/**
 * Lands a result without files, of a task without a repository: its report stands in the record
 * already, so that one statement does it. Repeated, it answers the landing that stands.
 */
export async function landWords(
  deps: Deps,
  taskId: string,
  number: number,
  then: LandingThen,
): Promise<LandingEnd> {
  const { end, wake: promoted } = await closeLanding(deps.database, {
    ...{ task: taskId, number, landedFrom: EMPTY_ROOT, ...STORED },
    course: opening(then.landed),
  });
  await wake(promoted);
  await fileSpawned(deps, taskId, end);
  return end;
}

/** Files the follow-ups of accepting verdicts, where the record tells of one. */
export async function fileSpawned(deps: Deps, taskId: string, end: LandingEnd): Promise<void> {
  const asked = end.standing.runs.some(({ verdict }) => verdict === 'SPAWN');
  if (end.kind === 'landed' && asked) await fileFollowUpsOf(deps, taskId, 'SPAWN');
}
