import type { RunRequest } from '../src/agents/backend.js';
import type { ExecutionThen, RunEnd, RunRef } from '../src/contract.js';
import { executionInstructions, type Guide } from '../src/domain/prompts.js';
import { neutral } from '../src/domain/pull-request.js';
import { ROLES } from '../src/domain/roles.js';
import { clean, firstLine, utf8Bytes } from '../src/domain/text.js';
import { converse, type Workplace } from './attempt.js';
import { type Deps, opening } from './deps.js';
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

/** An execution: the agent works in its copy; the result is the commit, the diff and the report. */
export function performExecution(deps: Deps, run: RunRef, then: ExecutionThen): Promise<RunEnd> {
  const craft: Craft = {
    failed: opening(then.failed),
    unprepared: opening(then.unprepared),
    async work(go, place, beating, progress) {
      const guides = await guidesFor(deps, go.brief, place);
      const request = requestFor(go, place, guides, progress);
      const ended = await converse(deps, beating, go, request, place, progress);
      if (ended.kind !== 'finished') return unfinished(ended, craft);
      const { signal } = beating;
      const kept = await deps.workspaces.keep(place.copy, neutral(ended.report), { signal });
      const { commit } = kept;
      const findings = [...new Set([...(progress.checkpoint?.findings ?? []), ...kept.findings])];
      const diff = await deps.workspaces.diff(place.source, place.base, commit);
      const checks = go.brief.repository?.recipe.checks ?? [];
      // Without a change there is nothing that could fail anew.
      const isToCheck = findings.length > 0 || (checks.length > 0 && commit !== place.base);
      const outcome = isToCheck && then.toCheck !== undefined ? 'toCheck' : 'succeeded';
      if (findings.length > 0 && outcome === 'succeeded') {
        return failedBy('refused-tree', findings.join('\n'), craft);
      }
      return { ...succeeded(ended, diff, commit, then, outcome), findings };
    },
  };
  return performRun(deps, run, craft);
}

function succeeded(
  ended: { readonly report: string; readonly commands: string },
  rawDiff: string,
  commit: string,
  then: ExecutionThen,
  outcome: 'succeeded' | 'toCheck',
): Closing {
  const [report, commands, diff] = [clean(ended.report), clean(ended.commands), clean(rawDiff)];
  return {
    state: 'SUCCEEDED',
    outcome,
    summary: firstLine(report, 200),
    report,
    diff,
    commands,
    commit,
    bytesProduced: utf8Bytes(report) + utf8Bytes(diff) + utf8Bytes(commands),
    course: opening(then[outcome] ?? then.succeeded),
  };
}

function requestFor(
  { brief, attempt, role }: Go,
  { copy: { path: folder }, conflicts }: Workplace,
  guides: readonly Guide[],
  { checkpoint }: Progress,
): RunRequest {
  const feedback = brief.landingFeedback;
  const landing =
    feedback === null || feedback.answered ? null : (feedback.text ?? feedback.summary);
  const marked =
    conflicts.length === 0 ? '' : `\nConflict markers stand in: ${conflicts.join(', ')}`;
  return {
    runId: brief.run.id,
    attempt,
    kind: brief.run.kind,
    number: brief.run.number,
    cycle: brief.run.cycle,
    agent: brief.agent,
    task: brief.task,
    earlierIssues: [],
    instructions: executionInstructions({
      task: brief.task,
      agent: brief.agent,
      role: role ?? ROLES.EXECUTION,
      guides,
      cycle: brief.run.cycle,
      number: brief.run.number,
      guidance: brief.guidance,
      answers: brief.run.answers,
      cycles: brief.cycles,
      landingFeedback: landing === null ? null : landing + marked,
    }),
    nonce: brief.run.nonce,
    folder,
    resume: checkpoint,
    answer: brief.run.answers.at(-1)?.answer ?? null,
    reask: null,
  };
}
