import { type ExecutionRow, readExecutions, readText } from '../../drizzle/read-runs.js';
import { taskLabel } from '../domain/ids.js';
import type { ServiceDeps } from './deps.js';
import type { ResultSource } from './desk.js';
import { ServiceError } from './errors.js';
import { taskNamed } from './find-task.js';

/** Which change of a task is asked for. */
export type DiffPick =
  | { readonly kind: 'last' }
  | { readonly kind: 'run'; readonly number: number }
  | { readonly kind: 'cycle'; readonly number: number }
  /** What the last reviewer looked at. */
  | { readonly kind: 'reviewed' }
  /** From the result of one execution to that of another. */
  | { readonly kind: 'between'; readonly from: number; readonly to: number };

/** A change as it was stored, whole. */
export interface TaskDiff {
  readonly task: string;
  readonly rehearsed: boolean;
  /** The execution whose result it is. */
  readonly execution: number;
  /** The execution that it is compared with; null: with where the task began. */
  readonly since: number | null;
  readonly cycle: number;
  readonly commit: string | null;
  readonly diff: string;
}

/** What an execution has changed. Throws `not-found` where there is no such result. */
export async function diff(deps: ServiceDeps, name: string, pick: DiffPick): Promise<TaskDiff> {
  const { database } = deps;
  const { id, number } = await taskNamed(database, name);
  const task = taskLabel(number);
  const done = await readExecutions(database, id);
  const of = (found: ExecutionRow, since: number | null, text: string): TaskDiff => ({
    ...{ task, rehearsed: found.rehearsed, execution: found.number, since },
    ...{ cycle: found.cycle, commit: found.commit, diff: text },
  });
  if (pick.kind === 'between') {
    const [from, to] = [numbered(task, done, pick.from), numbered(task, done, pick.to)];
    return of(to, from.number, await between(deps, task, id, [from, to]));
  }
  const found = picked(task, done, pick);
  return of(found, null, await readText(database, found.diffSha));
}

function picked(
  task: string,
  done: readonly ExecutionRow[],
  pick: Exclude<DiffPick, { kind: 'between' }>,
): ExecutionRow {
  switch (pick.kind) {
    case 'last': {
      const found = done.findLast(({ superseded }) => !superseded);
      if (found !== undefined) return found;
      const sentence = `${task} has no diff yet: no execution has succeeded`;
      throw new ServiceError('not-found', sentence);
    }
    case 'run':
      return numbered(task, done, pick.number);
    case 'cycle': {
      const found = done.findLast(({ cycle }) => cycle === pick.number);
      if (found !== undefined) return found;
      const cycles = [...new Set(done.map(({ cycle }) => cycle))].join(', ');
      const there = cycles === '' ? 'none has' : `these have: ${cycles}`;
      throw new ServiceError('not-found', `cycle ${pick.number} of ${task} has no diff; ${there}`);
    }
    case 'reviewed': {
      const found = done.findLast(({ reviewed }) => reviewed);
      if (found !== undefined) return found;
      throw new ServiceError('not-found', `nothing of ${task} has been reviewed yet`);
    }
    default:
      return pick satisfies never;
  }
}

function numbered(task: string, done: readonly ExecutionRow[], number: number): ExecutionRow {
  const found = done.find((each) => each.number === number);
  if (found !== undefined) return found;
  const those = done.map((each) => each.number).join(', ');
  const there = those === '' ? 'none has succeeded yet' : `these have: ${those}`;
  throw new ServiceError('not-found', `execution ${number} of ${task} has no diff; ${there}`);
}

/** Their commits are in the mirror, which is where the workers are. */
async function between(
  deps: ServiceDeps,
  task: string,
  taskId: string,
  [from, to]: readonly [ExecutionRow, ExecutionRow],
): Promise<string> {
  const source: ResultSource =
    to.repositoryId === null
      ? { kind: 'task', taskId }
      : { kind: 'repository', repositoryId: to.repositoryId };
  const isKnown = from.commit !== null && to.commit !== null;
  const desk = await deps.desk();
  const found = isKnown ? await desk.compare(source, from.commit, to.commit) : null;
  if (found !== null) return found;
  throw new ServiceError(
    'failed',
    `the commits of execution ${from.number} and ${to.number} are not on this machine, or were ` +
      `let go after the task's end; each by itself: mission task diff ${task} --run ${to.number}`,
  );
}
