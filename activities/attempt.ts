import { noteRunSandbox, type RunBrief, type Started, setBase } from '../drizzle/steps.js';
import type { RunOutcome, RunRequest } from '../src/agents/backend.js';
import { levelFor } from '../src/domain/sandbox.js';
import { type Copy, EMPTY_ROOT, type Source } from '../src/workspace/index.js';
import type { Deps } from './deps.js';
import { effectsIn } from './effects.js';
import { Defect, superseded } from './failures.js';
import type { Beating } from './heartbeat.js';
import { type Progress, Stop } from './progress.js';
import { rescue } from './rescue.js';

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What is in the way may have been mended by then. */
const LATER = { kind: 'later', retryAfterSeconds: 120 } as const;

type Go = Extract<Started, { kind: 'go' }>;

/** The working copy of one attempt, where the run or its checkpoint stands. */
export interface Workplace {
  readonly source: Source;
  readonly copy: Copy;
  /** What the result is compared with. */
  readonly base: string;
  /** Files in which merging the moved target left conflict markers. */
  readonly conflicts: readonly string[];
}

/** The setup failed on this copy: nobody has been paid, and a person is asked. */
export class SetupFailed extends Error {}

/** Opens the copy, at the checkpoint, else the work so far, else the base; and prepares it. */
export async function openWorkplace(
  deps: Deps,
  go: Go,
  signal: AbortSignal,
  progress: Progress,
): Promise<Workplace> {
  const { brief, checkpoint } = go;
  const base = brief.baseCommit ?? (await baseOf(deps, brief, signal));
  const feedback = brief.landingFeedback;
  const merges = checkpoint === null && brief.run.kind === 'EXECUTION' && !feedback?.answered;
  const asLeft = merges ? null : await rescue(deps, go, signal);
  const from = asLeft ?? checkpoint?.commit ?? brief.work?.commit ?? base;
  const merging = merges ? (feedback?.target ?? null) : null;
  const { copy, conflicts } = await openCopyAt(deps, go, from, signal, merging);
  try {
    if (!brief.run.byChecks) await prepareFor(deps, brief, copy, signal, progress);
  } catch (error) {
    await deps.workspaces.dropCopy(copy);
    throw error;
  }
  return { source: copy.source, copy, base: feedback?.target ?? base, conflicts };
}

/** The one copy of an attempt, at a commit: what was in its place before is gone. */
export function openCopyAt(
  { workspaces }: Deps,
  { brief, attempt }: Go,
  from: string,
  signal: AbortSignal,
  merging: string | null = null,
) {
  const { task, run, agent, repository } = brief;
  const source: Source =
    repository === null
      ? { kind: 'task', taskId: task.id }
      : { kind: 'repository', repositoryId: repository.id };
  const identity = { name: agent.name, email: `${agent.id}@agents.invalid` };
  const how = { from, merging, identity, signal };
  return workspaces.openCopy({ source, task, runId: run.id, attempt, ...how });
}

/** What a reviewer reads was prepared before; a setup of its own would need the network. */
async function prepareFor(
  deps: Deps,
  { repository, task, run }: RunBrief,
  copy: Copy,
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  if (repository === null) return;
  const { id, recipe, location } = repository;
  const prepared = await deps.workspaces.prepare({
    ...{ copy, recipe, location, signal },
    repositoryId: id,
    taskId: task.id,
    offline: run.kind === 'REVIEW',
    onLine: (text) => progress.tell({ kind: 'log', source: 'setup', text }),
  });
  if (prepared.kind === 'failed') throw new SetupFailed(prepared.output);
}

/** The target's tip when the first execution began; every later copy starts from the same. */
async function baseOf(deps: Deps, brief: RunBrief, signal: AbortSignal): Promise<string> {
  if (brief.repository === null) return EMPTY_ROOT;
  const { id, location, target } = brief.repository;
  const tip = await deps.workspaces.refresh({ repositoryId: id, location }, target, signal);
  return setBase(deps.database, brief.task.id, tip);
}

/** How an attempt of the agent ended: its outcome, or why it was stopped. */
export type Ended =
  | RunOutcome
  | { readonly kind: 'stopped'; readonly why: 'paused' | 'time-limit' };

/** One conversation with the backend, with checkpoints, its time limit and its cancellation. */
export async function converse(
  deps: Deps,
  beating: Beating,
  go: Go,
  request: RunRequest,
  place: Workplace,
  progress: Progress,
): Promise<Ended> {
  const backend = deps.backends[go.brief.agent.backend];
  if (backend === null) {
    const message = `this build has no ${go.brief.agent.backend} backend`;
    return { ...LATER, because: 'backend', message };
  }
  const around = backend.kind === 'command' ? await surroundingsOf(deps, go) : null;
  const stop = new AbortController();
  const limit = setTimeout(
    () => stop.abort(new Stop('time-limit')),
    Math.min(go.brief.agent.timeLimitSeconds * 1000, LONGEST_TIMER_MS),
  );
  const signal = AbortSignal.any([beating.signal, stop.signal]);
  const { copy } = place;
  let ours: unknown = null; // what keeping a checkpoint threw: the house's, not the backend's
  progress.instruct(request.instructions);
  try {
    return await backend.run(around === null ? request : { ...request, sandbox: around }, {
      signal,
      effects: effectsIn(deps, copy, { trusted: backend.kind === 'scripted' }),
      onEvent: (event) => progress.tell(event),
      async remember(transcript) {
        // What was merged into a copy stands in its files alone, and is merged anew.
        if (copy.merging !== null) return;
        const { turn, commit } = progress.checkpoint ?? { turn: 0, commit: copy.from };
        await progress.store({ turn, commit, transcript }).catch((error: unknown) => {
          ours = error;
          if (error instanceof Stop) stop.abort(error);
          throw error;
        });
      },
      async checkpoint(turn, transcript) {
        try {
          const name = `${turnName(go.brief)}, turn ${turn}`;
          const { commit, findings } = await keepOf(deps, go, copy, name, signal);
          const before = progress.checkpoint?.findings ?? [];
          const found = [...new Set([...before, ...findings])];
          await progress.store({ turn, commit, transcript, findings: found });
          beating.show({ attempt: go.attempt, turn, commit });
        } catch (error) {
          ours = error;
          if (error instanceof Stop) stop.abort(error);
          throw error;
        }
      },
    });
  } catch (error) {
    if (beating.signal.aborted) throw error;
    if (!(stop.signal.reason instanceof Stop)) throw error === ours ? error : new Defect(error);
    const { why } = stop.signal.reason;
    if (why === 'lost') throw superseded(go.brief.run.id, go.attempt);
    return { kind: 'stopped', why };
  } finally {
    clearTimeout(limit);
  }
}

/**
 * Whether nothing may be run for this agent here; asked before anything is prepared, since a setup
 * would fail for the same reason and be taken for the repository's fault.
 */
export async function refusedHere(deps: Deps, { brief }: Go) {
  if (brief.agent.backend !== 'command' || brief.run.byChecks) return null;
  const level = levelFor(await deps.workspaces.sandbox(), brief.agent);
  if (level.kind === 'may-run') return null;
  return { ...LATER, because: 'sandbox', message: level.message } as const;
}

/** What the agent's program runs in, recorded with the run. */
async function surroundingsOf(deps: Deps, { brief, attempt }: Go) {
  const level = levelFor(await deps.workspaces.sandbox(), brief.agent);
  if (level.kind === 'refused') throw new Error(level.message); // it held a moment ago
  await noteRunSandbox(deps.database, brief.run.id, attempt, level.recorded);
  return level.level;
}

/** Of work what may be kept is, and the rest is told; a reviewer leaves nothing behind. */
async function keepOf(
  { workspaces }: Deps,
  { brief }: Go,
  copy: Copy,
  name: string,
  signal: AbortSignal,
) {
  if (brief.run.kind === 'EXECUTION') return workspaces.keep(copy, name, { signal });
  return { ...(await workspaces.snapshot(copy, name, { signal })), findings: [] };
}

/** How a checkpoint's commit is called in the person's history. */
const turnName = ({ task, run }: RunBrief): string =>
  `T-${task.number} ${run.kind === 'EXECUTION' ? 'execution' : 'review'} ${run.number}`;
