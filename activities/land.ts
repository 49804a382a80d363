import { Context } from '@temporalio/activity';
import { beginLanding, closeLanding, hasEnded, type LandingBrief } from '../drizzle/steps.js';
import type { LandingEnd, LandingThen } from '../src/contract.js';
import { taskLabel } from '../src/domain/ids.js';
import { GitError, type Landing, RepositoryError } from '../src/workspace/index.js';
import { storeFiles } from './deliverable.js';
import { type Deps, opening } from './deps.js';
import { endedMeanwhile } from './failures.js';
import { type Beating, heartbeating } from './heartbeat.js';
import { landAsPullRequest } from './land-pull-request.js';
import { fileSpawned } from './land-words.js';
import type { Came, Waits } from './landing-place.js';
import { wake } from './wake.js';

/**
 * Lands the accepted commit, once however often it is repeated: the stored end of a landing is
 * answered again, and git is asked whether the work is there already. Then files the follow-ups.
 */
export async function land(
  deps: Deps,
  taskId: string,
  number: number,
  then: LandingThen,
): Promise<LandingEnd> {
  return heartbeating(async (beating) => {
    const brief = await beginLanding(deps.database, taskId, number);
    const came = brief.kind === 'closed' ? null : await bring(deps, brief, beating);
    if (came !== null && 'waits' in came) {
      return { kind: 'waiting', summary: came.waits, standing: came.standing };
    }
    const { end, wake: promoted } = await closeLanding(deps.database, {
      task: taskId,
      number,
      ...came,
      ...(brief.kind === 'go' ? { landedFrom: brief.execution.commit } : {}),
      course: came === null ? null : opening(then[came.outcome]),
    });
    await wake(promoted);
    await fileSpawned(deps, taskId, end);
    return end;
  });
}

async function bring(deps: Deps, brief: LandingBrief, beating: Beating): Promise<Came | Waits> {
  const { repository, task, execution } = brief;
  if (repository === null) {
    const files = await storeFiles(deps, task.id, execution.commit);
    const summary = `stored as the deliverable: ${files.length} files and the report`;
    const detail = { summary, files: files.length };
    return { outcome: 'landed', kind: 'stored', detail, files };
  }
  // A rehearsal proves the way; it changes nothing that belongs to a person.
  if (task.rehearsed && repository.provenance === 'person') {
    const withheld = `rehearsed: nothing lands in ${repository.name}, which a person added`;
    return { outcome: 'landed', kind: 'withheld', detail: { summary: withheld }, withheld };
  }
  if (execution.commit === task.baseCommit) {
    const withheld = 'the accepted result changes no file';
    return { outcome: 'landed', kind: 'nothing', detail: { summary: withheld }, withheld };
  }
  try {
    if (repository.landing === 'pull-request') {
      return await landAsPullRequest(deps, brief, repository, beating);
    }
    const { landing: mode } = repository;
    return cameOf(await toRepository(deps, brief, { ...repository, mode }, beating), brief);
  } catch (error) {
    // What git refuses again and again, or a repository that is gone, waits for a person.
    const tried = Context.current().info.attempt;
    if (!(error instanceof RepositoryError || (error instanceof GitError && tried >= 3)))
      throw error;
    return { outcome: 'refused', kind: 'refused', detail: { summary: error.message } };
  }
}

function toRepository(
  { database, workspaces }: Deps,
  brief: LandingBrief,
  repository: NonNullable<LandingBrief['repository']> & { mode: 'branch' | 'merge' },
  beating: Beating,
): Promise<Landing> {
  return workspaces.land({
    repository: { repositoryId: repository.id, location: repository.location },
    mode: repository.mode,
    target: repository.target,
    task: brief.task,
    commit: brief.execution.commit,
    message: messageOf(brief),
    identity: { name: 'Mission Control', email: 'landing@mission-control.invalid' },
    // A workflow that was terminated tells its activity only at the next heartbeat.
    async beforeMove() {
      if (await hasEnded(database, brief.task.id))
        throw endedMeanwhile(taskLabel(brief.task.number));
    },
    signal: beating.signal,
  });
}

function cameOf(landing: Landing, brief: LandingBrief): Came {
  switch (landing.kind) {
    case 'landed': {
      const { ref, commit, how } = landing;
      const summary = `landed as ${ref} at ${commit.slice(0, 12)}`;
      const detail = { summary, how, ref, commit };
      return { outcome: 'landed', kind: 'landed', detail, landedCommit: commit, landedRef: ref };
    }
    case 'conflict': {
      const { files, target } = landing;
      const where = files.join(', ');
      const summary = `${brief.repository?.target} has moved, and merging conflicts in ${where}`;
      const outcome = brief.landingCycles >= brief.landingBound ? 'atCap' : 'conflict';
      const detail = { summary, files, target, execution: brief.execution.number };
      return { outcome, kind: 'conflict', detail };
    }
    case 'refused':
      return {
        outcome: 'refused',
        kind: 'refused',
        detail: { ...landing, summary: landing.message },
      };
    default:
      return landing satisfies never;
  }
}

function messageOf({ task, execution, reviews }: LandingBrief): string {
  const accepted = reviews.map(({ agent, kind, summary }) => `${kind} by ${agent}: ${summary}`);
  return [
    `${taskLabel(task.number)}: ${task.title}`,
    `${execution.summary}\n\nExecution ${execution.number} by ${execution.agent}.`,
    accepted.join('\n'),
  ].join('\n\n');
}
