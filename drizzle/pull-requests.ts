/** Pull requests by which results land: what is known of each, and whose time has come. */
import type { Standing } from '../src/contract.js';
import type { TaskStatus } from '../src/domain/task.js';
import { call, type Database } from './db.js';

/** What the record knows of a task's pull request. */
export interface PullRequestRow {
  /** `owner/name`. */
  readonly slug: string;
  readonly branch: string;
  readonly number: number | null;
  readonly url: string | null;
  readonly state: 'opening' | 'open' | 'closed' | 'merged';
  readonly pushing: string | null;
  readonly pushed: string | null;
  /** The landing for which it was brought to its present state. */
  readonly openedFor: number;
  readonly seen: Readonly<Record<string, { etag: string | null; facts: unknown }>>;
  readonly looks: number;
  /** Remarks that an execution was told of. */
  readonly told: readonly string[];
  /** ISO time: comments since then are asked for. */
  readonly since: string;
}

export interface DuePullRequest extends PullRequestRow {
  readonly taskId: string;
  readonly label: string;
  readonly workflowId: string;
  /** How its task has ended; null while it waits. */
  readonly ended: TaskStatus | null;
  /** The accepted result, and what a person took in place of it. */
  readonly commit: string;
  readonly taken: string | null;
}

export interface TroubleNote {
  readonly kind: string;
  readonly says: string;
}

interface Note extends Partial<Omit<PullRequestRow, 'told' | 'since'>> {
  readonly task: string;
  readonly detail?: string | null;
  readonly trouble?: TroubleNote | null;
  readonly lookAfterMs?: number;
  /** Asks for the standing, whatever is noted. */
  readonly standing?: true;
}

/** Keeps what is named; what is not stays. */
export const notePullRequest = (database: Database, note: Note) =>
  call<{ readonly ended: boolean; readonly standing: Standing | null }>(
    database,
    'note_pull_request',
    note,
  );

/** Claims those whose time has come, for a minute. */
export async function duePullRequests({ sql }: Database): Promise<DuePullRequest[]> {
  const [row] = await sql<{ due: DuePullRequest[] }[]>`select due_pull_requests() as due`;
  return row?.due ?? [];
}

/** None is looked at before. */
export async function putOffPullRequests({ sql }: Database, ms: number): Promise<void> {
  await sql`select put_off_pull_requests(${ms}::float)`;
}
