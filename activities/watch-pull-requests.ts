import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  type DuePullRequest,
  duePullRequests,
  notePullRequest,
  putOffPullRequests,
} from '../drizzle/pull-requests.js';
import { pullRequestMoved } from '../src/contract.js';
import { judge, type Slug } from '../src/domain/pull-request.js';
import { Refusal, Trouble } from '../src/github/index.js';
import { type Deps, paceOf } from './deps.js';

/** When a pull request is looked at again, after so many looks that found nothing new. */
export function lookAfter(deps: Pick<Deps, 'pace'>, looks: number): number {
  const { firstLookMs, lastLookMs } = paceOf(deps);
  return Math.min(firstLookMs * 2 ** Math.min(looks, 20), lastLookMs);
}

/**
 * Looks at the pull requests whose time has come, and wakes the tasks of those that have moved. A
 * task that waits costs no activity, no worker's slot and no history.
 */
export async function watchPullRequests(deps: Deps, signal: AbortSignal): Promise<void> {
  for (const due of await duePullRequests(deps.database)) {
    if (signal.aborted) return; // claimed for a minute, and looked at then
    try {
      await (due.ended === null ? lookAt(deps, due) : tidyUp(deps, due));
    } catch (error) {
      if (!(error instanceof Trouble || error instanceof Refusal)) throw error;
      await troubled(deps, due, error);
      // The others would be told the same.
      if (error instanceof Trouble && error.kind !== 'away') return;
    }
  }
}

const slugFrom = (text: string): Slug => {
  const [owner = '', name = ''] = text.split('/');
  return { owner, name };
};

async function lookAt(deps: Deps, due: DuePullRequest): Promise<void> {
  const { database, github } = deps;
  const { taskId: task, number, commit: result, taken, since, seen } = due;
  if (number === null) return await tellMoved(due); // it could not be opened: try again
  const commit = taken ?? result;
  const looked = await github.look({ slug: slugFrom(due.slug), number, commit, since, seen });
  const { quietMs } = paceOf(deps);
  const heads = [commit, result];
  const judged = judge(looked.pullRequest, { heads, told: due.told, quietMs });
  const looks = looked.changed ? 0 : due.looks + 1;
  const detail = judged.kind === 'waits' ? judged.detail : null;
  const note = { seen: looked.seen, looks, detail, trouble: null };
  await notePullRequest(database, { task, ...note, lookAfterMs: lookAfter(deps, looks) });
  if (judged.kind !== 'waits') await tellMoved(due);
}

/** What a task that has ended leaves open is closed, unless somebody has gone on with it. */
async function tidyUp(deps: Deps, due: DuePullRequest): Promise<void> {
  await withdrawPullRequest(deps, due, `${due.label} has ended: ${due.ended}.`);
}

/** Closes what nobody waits for any more. The branch stays: nothing is lost by it. */
export async function withdrawPullRequest(
  { database, github }: Pick<Deps, 'database' | 'github'>,
  due: Pick<DuePullRequest, 'taskId' | 'slug' | 'branch' | 'number' | 'commit' | 'since'>,
  why: string,
): Promise<void> {
  const slug = slugFrom(due.slug);
  const { taskId: task, commit, since } = due;
  const number = due.number ?? (await github.find(slug, due.branch, due.commit))?.number ?? null;
  if (number === null) {
    await notePullRequest(database, { task, state: 'closed' });
    return;
  }
  const { pullRequest } = await github.look({ slug, number, commit, since, seen: {} });
  if (pullRequest.state === 'open' && pullRequest.head === commit) {
    await github.close(slug, number, `${why} The branch is left as it is.`);
  }
  const state = pullRequest.merged ? 'merged' : 'closed';
  await notePullRequest(database, { task, state, trouble: null });
}

async function troubled(deps: Deps, due: DuePullRequest, error: Trouble | Refusal): Promise<void> {
  const { taskId: task, looks } = due;
  const isTrouble = error instanceof Trouble;
  const kind = isTrouble ? error.kind : 'refused';
  const lookAfterMs = (isTrouble ? error.retryAfterMs : null) ?? lookAfter(deps, looks + 1);
  const note = { looks: looks + 1, lookAfterMs, trouble: { kind, says: error.message } };
  await notePullRequest(deps.database, { task, ...note });
  if (kind === 'limited') await putOffPullRequests(deps.database, lookAfterMs);
}

async function tellMoved({ workflowId }: DuePullRequest): Promise<void> {
  try {
    await getClient().workflow.getHandle(workflowId).signal(pullRequestMoved);
  } catch (error) {
    // Closed or missing: another duty of upkeep looks at that.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
