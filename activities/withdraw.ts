import { beginLanding, closeLanding } from '../drizzle/steps.js';
import type { LandingEnd, LandingThen } from '../src/contract.js';
import { taskLabel } from '../src/domain/ids.js';
import { type Deps, opening } from './deps.js';
import { heartbeating } from './heartbeat.js';
import { landAsPullRequest } from './land-pull-request.js';
import { fileSpawned } from './land-words.js';
import { wake } from './wake.js';
import { withdrawPullRequest } from './watch-pull-requests.js';

/**
 * A task is cancelled while it waits for its pull request. What was merged before that has landed,
 * and that is told; else the pull request is closed. Where neither can be found out, upkeep closes
 * it later.
 */
export async function withdraw(
  deps: Deps,
  taskId: string,
  number: number,
  then: LandingThen,
): Promise<LandingEnd | null> {
  return heartbeating(async (beating) => {
    const brief = await beginLanding(deps.database, taskId, number);
    if (brief.kind === 'closed' || brief.pullRequest === null) return null;
    const { repository, pullRequest, execution, task } = brief;
    if (repository === null || pullRequest.openedFor !== number) return null;
    const came = await landAsPullRequest(deps, brief, repository, beating);
    if ('waits' in came || came.outcome !== 'landed') {
      const due = { ...pullRequest, taskId, commit: execution.commit };
      const label = taskLabel(task.number);
      await withdrawPullRequest(deps, due, `${label} was cancelled.`);
      return null;
    }
    const { end, wake: promoted } = await closeLanding(deps.database, {
      ...{ task: taskId, number, ...came, landedFrom: execution.commit },
      course: opening(then.landed),
    });
    await wake(promoted);
    await fileSpawned(deps, taskId, end);
    return end;
  });
}
