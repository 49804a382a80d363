import { randomBytes } from 'node:crypto';
import type { RunBrief } from '../drizzle/steps.js';
import type { RunRequest } from '../src/agents/backend.js';
import type { ReviewThen, RunEnd, RunRef } from '../src/contract.js';
import {
  type Guide,
  handedOver,
  type ReviewBrief,
  reviewInstructions,
} from '../src/domain/prompts.js';
import { openIssues } from '../src/domain/reviews.js';
import { ROLES } from '../src/domain/roles.js';
import { clean } from '../src/domain/text.js';
import { accepts, type Verdict } from '../src/domain/verdict.js';
import { readVerdict } from '../src/schema/verdict.js';
import { EMPTY_ROOT } from '../src/workspace/index.js';
import { converse } from './attempt.js';
import { type Deps, opening } from './deps.js';
import { fileFollowUpsOf } from './follow-ups.js';
import { guidesFor } from './guides.js';
import {
  type Closing,
  type Craft,
  failedBy,
  type Go,
  performRun,
  unfinished,
} from './perform-run.js';
import type { Progress } from './progress.js';

/**
 * A review: the agent reads the whole result and answers with a verdict, which counts only as
 * schema-checked output under this run's nonce. An unreadable one is asked again once, with the
 * error; then the run has failed. `then` is null where several reviewers are settled afterwards.
 */
export async function performReview(
  deps: Deps,
  run: RunRef,
  then: ReviewThen | null,
): Promise<RunEnd> {
  let wordsOnly = false;
  const craft: Craft = {
    failed: then === null ? null : opening(then.failed),
    unprepared: then === null ? null : opening(then.unprepared),
    async work(go, place, beating, progress) {
      const guides = await guidesFor(deps, go.brief, place);
      const brief = reviewBrief(go, guides);
      wordsOnly = go.brief.repository === null && go.brief.work?.commit === EMPTY_ROOT;
      let reask: string | null = null;
      for (const ask of ['first', 'again'] as const) {
        const request = requestFor(go, brief, place.copy.path, reask, progress);
        const ended = await converse(deps, beating, go, request, place, progress);
        if (ended.kind !== 'finished') return unfinished(ended, craft);
        const { acceptance } = brief.task;
        const { nonce, earlier } = brief;
        const read = readVerdict(ended.verdict, { nonce, acceptance, earlier });
        if (read.ok) return judged(go.brief, brief, ended, read.verdict, then);
        if (ask === 'again') return failedBy('unreadable-verdict', read.error, craft);
        reask = read.error;
      }
      throw new Error('unreachable');
    },
  };
  const end = await performRun(deps, run, craft);
  const verdict = end.standing.runs.find(({ id }) => id === run.id)?.verdict;
  if (verdict === 'REVISION+SPAWN') await fileFollowUpsOf(deps, run.taskId, verdict);
  const isWords = wordsOnly && end.kind === 'closed' && end.outcome === 'accepted';
  return isWords ? { ...end, wordsOnly: true } : end;
}

function judged(
  run: RunBrief,
  brief: ReviewBrief,
  ended: { readonly report: string; readonly commands: string },
  verdict: Verdict,
  then: ReviewThen | null,
): Closing {
  const atCap = run.run.cycle >= run.cycleBound;
  const came = accepts(verdict.kind) ? 'accepted' : atCap ? 'atCap' : 'revision';
  const blocking = verdict.issues.find(({ severity }) => severity === 'blocking');
  return {
    state: 'SUCCEEDED',
    outcome: then === null ? 'reviewed' : came,
    summary: blocking?.text ?? verdict.summary,
    report: clean(ended.report),
    commands: clean(ended.commands),
    verdict,
    verdictKind: verdict.kind,
    bytesProduced: run.work?.bytes ?? 0,
    bytesHandedOver: handedOver(brief),
    ...(run.work === null ? {} : { reviewedRun: run.work.runId, reviewedCommit: run.work.commit }),
    course: then === null ? null : opening(then[came]),
  };
}

function reviewBrief({ brief, role }: Go, guides: readonly Guide[]): ReviewBrief {
  const { task, agent, run, work } = brief;
  if (work === null) throw new Error(`run ${run.id} has nothing to review`);
  // The work under review stands whole elsewhere, and what another reviewer says of it is his own.
  const cycles = brief.cycles.filter(({ execution }) => execution.number < work.number);
  const byChecks = brief.cycles
    .filter(({ execution }) => execution.number === work.number)
    .map((cycle) => ({ ...cycle, reviews: cycle.reviews.filter((one) => one.byChecks) }));
  return {
    task,
    agent,
    role: role ?? ROLES.REVIEW,
    guides,
    number: run.number,
    cycle: run.cycle,
    nonce: run.nonce,
    boundary: randomBytes(12).toString('hex'),
    execution: work,
    // What the checks of this very work have answered is not asked of a reviewer again.
    earlier: openIssues([...cycles, ...byChecks]),
    cycles,
  };
}

function requestFor(
  go: Go,
  brief: ReviewBrief,
  folder: string,
  reask: string | null,
  { checkpoint }: Progress,
): RunRequest {
  return {
    runId: go.brief.run.id,
    attempt: go.attempt,
    kind: 'REVIEW',
    number: brief.number,
    cycle: brief.cycle,
    agent: go.brief.agent,
    task: brief.task,
    earlierIssues: brief.earlier,
    instructions: reviewInstructions(brief),
    nonce: brief.nonce,
    folder,
    resume: checkpoint,
    answer: go.brief.run.answers.at(-1)?.answer ?? null,
    reask,
  };
}
