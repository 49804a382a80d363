import { join } from 'node:path';

/** Where the objects of a task live: its repository's mirror, or a store of its own. */
export type Source =
  | { kind: 'repository'; repositoryId: string }
  | { kind: 'task'; taskId: string };

/** A registered repository: our id, and the person's absolute path or URL. */
export interface Repository {
  repositoryId: string;
  location: string;
}

/** Who a commit is by. */
export interface Identity {
  name: string;
  email: string;
}

/** The task as far as names need it. */
export interface TaskName {
  id: string;
  number: number;
  title: string;
}

/** Where a task without a repository begins: an empty commit, in every store the same one. */
export const EMPTY_ROOT = '5c6517658cf5e72d5e639e78b57baa201230b68a';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Returns `id` when it is a lower-case UUID, so that no other text can become part of a path or
 * ref.
 */
export function checkedId(what: string, id: string): string {
  if (UUID.test(id)) return id;
  throw new TypeError(`${what} must be a lower-case UUID, not ${JSON.stringify(id)}`);
}

/** Returns `value` when it is a whole number from 1 up. */
export function checkedNumber(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new TypeError(`${what} must be a whole number from 1 up, not ${value}`);
}

/** Returns `id` when it is a full object id (SHA-1 or SHA-256), never an option or a range. */
export function checkedCommit(what: string, id: string): string {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id)) return id;
  throw new TypeError(`${what} must be a full commit id, not ${JSON.stringify(id)}`);
}

/**
 * The part of a branch name that people read: `[a-z0-9-]`, 1 to 40 long; `task` when nothing is
 * left.
 */
export function slug(title: string): string {
  const plain = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '');
  const words = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '');
  return words.slice(0, 40).replace(/-+$/, '') || 'task';
}

/** The branch of a task: `mission/T-42-search-pagination`. */
export function branchName(task: Pick<TaskName, 'number' | 'title'>): string {
  return `mission/T-${checkedNumber('task number', task.number)}-${slug(task.title)}`;
}

/** The id by which mirrors and locks of a source are named. */
function sourceName(source: Source): string {
  switch (source.kind) {
    case 'repository':
      return checkedId('repository id', source.repositoryId);
    case 'task':
      return `task-${checkedId('task id', source.taskId)}`;
    default:
      return source satisfies never;
  }
}

/** The bare store of a source. */
export function mirrorPath(home: string, source: Source): string {
  return join(home, 'mirrors', `${sourceName(source)}.git`);
}

/** The lock that serialises refreshes and landings of a source. */
export function lockPath(home: string, source: Source): string {
  return join(home, 'locks', `${sourceName(source)}.lock`);
}

/** The lock of a copy that belongs to no run: while it is held, nobody tidies the copy away. */
export function copyLockPath(home: string, name: string): string {
  return join(home, 'locks', `copy-${name}.lock`);
}

/** The folder that holds working copies, their private homes and their markers. */
export function copiesPath(home: string): string {
  return join(home, 'copies');
}

/** The home folder of a run's programs, in which all of its attempts find their sessions. */
export function homePath(home: string, runId: string): string {
  return join(homesPath(home), checkedId('run id', runId));
}

/** The folder that holds the home folders of runs. */
export const homesPath = (home: string): string => join(home, 'homes');

/** Snapshots of a task: `refs/agents/<task>/<run>/<commit>`, so a zombie overwrites nobody's. */
export function snapshotRef(taskId: string, runId: string, commit: string): string {
  const run = checkedId('run id', runId);
  return `${taskRefs(taskId)}${run}/${checkedCommit('snapshot', commit)}`;
}

/** What keeps the commit at which a task without a repository begins. */
export function rootRef(taskId: string): string {
  return `${taskRefs(taskId)}root`;
}

/** Prefix of all refs that keep objects of a task alive, with its slash. */
export function taskRefs(taskId: string): string {
  return `refs/agents/${checkedId('task id', taskId)}/`;
}
