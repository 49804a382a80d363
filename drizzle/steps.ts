/** The writes of a task's life, each one SQL function. */
import type {
  Begun,
  LandingEnd,
  RunEnd,
  RunSpec,
  Standing,
  VerbAnswer,
  VerbMessage,
} from '../src/contract.js';
import type { TaskRequest, TaskStatus } from '../src/domain/task.js';
import type { Verdict } from '../src/domain/verdict.js';
import { call, type Database } from './db.js';
import type {
  BeginFacts,
  FollowUpFacts,
  LandingBrief,
  Opening,
  RunClosing,
  Started,
  ToStart,
  Wake,
} from './shapes.js';

export type * from './shapes.js';

export const readForBegin = async ({ sql }: Database, workflowId: string): Promise<BeginFacts> => {
  const [row] = await sql<{ facts: BeginFacts }[]>`select read_for_begin(${workflowId}) as facts`;
  if (row === undefined) throw new Error('read_for_begin returned no row');
  return row.facts;
};

export const beginTask = (database: Database, given: object) =>
  call<
    | {
        error: 'DuplicateKey' | 'TaskEnded';
        number: number;
        workflowId: string;
        status: TaskStatus;
      }
    | { error?: undefined; begun: Begun; wake: Wake[] }
  >(database, 'begin_task', given);

export const fileTask = (
  database: Database,
  given: { id: string; workflowId: string; door: string; request: TaskRequest; canary?: true },
) =>
  call<{
    id: string;
    number: number;
    workflowId: string;
    title: string;
    created: boolean;
    status: TaskStatus;
  }>(database, 'file_task', given);

export async function decideAgain(database: Database, taskId: string, admission: object) {
  const [row] = await database.sql<{ answer: Begun['admission'] }[]>`
    select decide_again(${taskId}::uuid, ${JSON.stringify(admission)}::jsonb) as answer`;
  return required(row).answer;
}

export async function openRuns(database: Database, taskId: string, specs: readonly object[]) {
  const [row] = await database.sql<{ answer: { standing: Standing; wake: Wake[] } }[]>`
    select open_runs(${taskId}::uuid, ${JSON.stringify(specs)}::jsonb) as answer`;
  return required(row).answer;
}

export async function startAttempt({ sql }: Database, run: string, worker: string) {
  const [row] = await sql<{ answer: Started }[]>`
    select begin_attempt(${run}::uuid, ${worker}) as answer`;
  return required(row).answer;
}

/** Records what the programs of a run's attempt are run in. */
export async function noteRunSandbox(
  { sql }: Database,
  run: string,
  attempt: number,
  sandbox: string,
): Promise<void> {
  await sql`select note_run_sandbox(${run}::uuid, ${attempt}, ${sandbox})`;
}

/** Ends an attempt without its run; answers how many in a row have ended like this. */
export async function leaveAttempt({ sql }: Database, run: string, attempt: number, end: string) {
  const [row] = await sql<{ times: number }[]>`
    select leave_attempt(${run}::uuid, ${attempt}, ${end}) as times`;
  return required(row).times;
}

export async function setBase({ sql }: Database, taskId: string, commit: string): Promise<string> {
  const [row] = await sql<{ base: string }[]>`select set_base(${taskId}::uuid, ${commit}) as base`;
  return required(row).base;
}

export const saveProgress = (database: Database, given: object) =>
  call<'go' | 'paused' | 'lost'>(database, 'save_progress', given);

/** Stores what a live attempt has told so far; see `tell_live`. */
export const tellLive = (
  database: Database,
  given: { run: string; attempt: number; from: number; events: readonly object[] },
) => call<'told' | 'full' | 'lost'>(database, 'tell_live', given);

export const closeRun = (database: Database, closing: RunClosing) =>
  call<{ stale?: true; end: RunEnd; wake: Wake[] }>(database, 'close_run', closing);

export const settleCycle = (
  database: Database,
  given: {
    task: string;
    specs: readonly RunSpec[];
    outcome: string;
    course: Opening;
    detail: string;
  },
) => call<{ standing: Standing; wake: Wake[] }>(database, 'settle_cycle', given);

export const applyVerb = (
  database: Database,
  given: VerbMessage & {
    task: string;
    legalIn: readonly TaskStatus[];
    /** What is wrong with it whatever the status: recorded, and nothing is done. */
    refused: string | null;
    freshId: string;
  },
) => call<{ answer: Omit<VerbAnswer, 'message'>; wake: Wake[] }>(database, 'apply_verb', given);

export const endTask = (database: Database, given: object) =>
  call<{ wake: Wake[]; standing: Standing }>(database, 'end_task', given);

export async function beginLanding({ sql }: Database, taskId: string, number: number) {
  const [row] = await sql<{ answer: { kind: 'closed' } | LandingBrief }[]>`
    select begin_landing(${taskId}::uuid, ${number}) as answer`;
  return required(row).answer;
}

/** Whether the record has ended, whoever still works for it. */
export async function hasEnded({ sql }: Database, taskId: string): Promise<boolean> {
  const rows = await sql`select 1 from tasks where id = ${taskId}::uuid and ended_at is not null`;
  return rows.length > 0;
}

export const closeLanding = (database: Database, given: object) =>
  call<{ end: LandingEnd; wake: Wake[] }>(database, 'close_landing', given);

export async function readFollowUps({ sql }: Database, taskId: string): Promise<FollowUpFacts> {
  const [row] = await sql<
    { facts: FollowUpFacts }[]
  >`select read_followups(${taskId}::uuid) as facts`;
  return required(row).facts;
}

export const fileFollowUps = (database: Database, given: object) =>
  call<{ kind: 'filed' | 'changed'; start?: ToStart[] }>(database, 'file_followups', given);

/** A review of one round; the verdict is null where none could be read. */
export interface ReviewOfRound {
  readonly verdict: Verdict | null;
  readonly outcome: string;
  readonly cause: string | null;
  readonly bound: number;
}

export async function roundOf({ sql }: Database, taskId: string, numbers: readonly number[]) {
  return sql<ReviewOfRound[]>`
    select r.verdict, r.outcome, r.cause, (run_brief(r) ->> 'cycleBound')::integer as bound
    from runs r where r.task_id = ${taskId}::uuid and r.kind = 'REVIEW'
      and to_jsonb(r.number) <@ ${JSON.stringify(numbers)}::jsonb
    order by r.number`;
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('a SQL function returned no row');
  return row;
}
