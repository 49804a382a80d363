import { setTimeout as sleep } from 'node:timers/promises';
import { type LogEvent, readEvents } from '../../drizzle/read-output.js';
import { readPulse } from '../../drizzle/reads.js';
import { type RunName, runName } from '../domain/run.js';
import { isTerminal } from '../domain/task.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { taskNamed } from './find-task.js';
import { show, type TaskDetails } from './tasks.js';

/** Often enough to look live, seldom enough to cost nothing. */
const LOOK_EVERY_MS = 250;

interface FollowOptions {
  readonly signal?: AbortSignal;
}

/** The task whenever something of it has changed, until it has ended. */
export async function* follow(
  deps: ServiceDeps,
  name: string,
  { signal }: FollowOptions = {},
): AsyncGenerator<TaskDetails> {
  const { id } = await taskNamed(deps.database, name);
  for (let shown = ''; ; ) {
    const { mark } = await readPulse(deps.database, id);
    if (mark !== shown) {
      const task = await show(deps, id);
      yield task;
      if (isTerminal(task.status)) return;
      shown = mark;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** What is heard of a task that is followed: what its runs tell, and where it stands. */
export type Heard =
  | { readonly kind: 'event'; readonly event: LogEvent }
  | { readonly kind: 'stands'; readonly task: TaskDetails };

export interface LogOptions extends FollowOptions {
  readonly follow: boolean;
  /** Only what this run tells. */
  readonly run?: RunName;
}

/**
 * What the task's runs have told so far and, when it is followed, go on to tell until its end, or
 * until that of the one run that is asked for.
 */
export async function* logs(
  deps: ServiceDeps,
  name: string,
  { signal, follow: isFollowed, run }: LogOptions,
): AsyncGenerator<Heard> {
  const { id } = await taskNamed(deps.database, name);
  const after: Record<string, number> = {};
  let task: TaskDetails | null = null;
  for (let mark = '', told = ''; ; ) {
    const now = await readPulse(deps.database, id);
    const isChanged = task === null || now.mark !== mark;
    // Asked before the events are read: what is told until its end is read after it.
    if (task === null || isChanged) task = await show(deps, id);
    if (!isFollowed && run !== undefined) runOf(task, run);
    for (let more = isChanged || now.told !== told; more; ) {
      const events = await readEvents(deps.database, id, after, run ?? null);
      for (const event of events) {
        after[event.run] = event.id;
        yield { kind: 'event', event };
      }
      more = events.length > 0;
    }
    if (isChanged) yield { kind: 'stands', task };
    ({ mark, told } = now);
    if (!isFollowed || isTerminal(task.status) || isOver(task, run)) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

const isOver = ({ runs }: TaskDetails, run: RunName | undefined): boolean =>
  run !== undefined &&
  runs.some(
    ({ kind, number, endedAt }) => kind === run.kind && number === run.number && endedAt !== null,
  );

/** The run of that name. Throws `not-found`, naming those that there are. */
export function runOf({ task, runs }: TaskDetails, run: RunName): TaskDetails['runs'][number] {
  const found = runs.find(({ kind, number }) => kind === run.kind && number === run.number);
  if (found !== undefined) return found;
  const names = runs.map(runName).join(', ');
  const there = names === '' ? 'it has no runs yet' : `it has ${names}`;
  throw new ServiceError('not-found', `${task} has no ${runName(run)}: ${there}`);
}
