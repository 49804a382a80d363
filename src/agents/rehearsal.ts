import { accepts } from '../domain/verdict.js';
import type { RunRequest } from './backend.js';
import type { Faults, ScriptedVerdict, TaskScript, Turn } from './scenario.js';

/** One run's part, with every default filled in. */
export interface Part {
  readonly turns: readonly Turn[];
  readonly report: string;
  /** Null for an execution. */
  readonly verdict: ScriptedVerdict | null;
  readonly faults: Faults;
}

const APPROVING: ScriptedVerdict = {
  verdict: 'APPROVED',
  summary: 'rehearsed',
  issues: [],
  spawn: [],
};

/** What the script says of this run; where it says nothing, a rehearsal that does nothing. */
export function partFor(request: RunRequest, task: TaskScript | null): Part {
  switch (request.kind) {
    case 'EXECUTION': {
      const script = task?.executions[request.number - 1];
      if (script !== undefined) return { ...script, verdict: null };
      const report = `rehearsed, nothing was done: ${request.task.title}`;
      return { turns: [], report, verdict: null, faults: {} };
    }
    case 'REVIEW': {
      const script = task?.reviews[request.number - 1];
      const verdict = script?.verdict ?? APPROVING;
      const report = script?.report ?? verdict.summary;
      return { turns: script?.turns ?? [], report, verdict, faults: script?.faults ?? {} };
    }
    default:
      return request.kind satisfies never;
  }
}

/** The verdict as a reviewer hands it over: unparsed, with the nonce, every question answered. */
export function verdictFor(request: RunRequest, part: Part): unknown {
  if (part.verdict === null) return null;
  const { garbageVerdict, garbageOnce, onlyAttempt } = part.faults;
  if (onlyAttempt === undefined || onlyAttempt === request.attempt) {
    if (garbageVerdict !== undefined) return garbageVerdict;
    if (garbageOnce !== undefined && request.reask === null) return garbageOnce;
  }
  const { earlierAll, nonce, ...told } = part.verdict;
  return {
    ...told,
    nonce: nonce ?? request.nonce,
    criteria: told.criteria ?? criteria(request, part.verdict),
    earlier: earlier(request, part.verdict),
  };
}

function criteria(request: RunRequest, { verdict }: ScriptedVerdict): unknown[] {
  const result = accepts(verdict) ? 'met' : 'not-verified';
  return request.task.acceptance.map((criterion) => ({ criterion, result, evidence: 'rehearsed' }));
}

/** A script that names no earlier issue calls all fixed; one that names some, only those. */
function earlier(request: RunRequest, told: ScriptedVerdict): unknown[] {
  const named = told.earlier ?? [];
  const rest = told.earlierAll ?? (told.earlier === undefined ? 'fixed' : null);
  if (rest === null) return named;
  const open = request.earlierIssues.filter(({ id }) => !named.some(({ issue }) => issue === id));
  return [...named, ...open.map(({ id }) => ({ issue: id, answer: rest }))];
}

/** Fills in placeholders in one pass: an answer that holds a placeholder is not expanded again. */
export function fill(template: string, request: RunRequest): string {
  const values: Record<string, string> = {
    answer: request.answer ?? '',
    run: String(request.number),
    attempt: String(request.attempt),
    task: String(request.task.number),
  };
  return template.replace(
    /\{\{(answer|run|attempt|task)\}\}/g,
    (_, name: string) => values[name] ?? '',
  );
}
