/** The writes of a task's life, each one SQL function, with the shapes it takes and answers. */
import type {
  Begun,
  LandingEnd,
  RunEnd,
  RunSpec,
  Standing,
  Then,
  VerbAnswer,
  VerbMessage,
} from '../src/contract.js';
import type { AgentType, BackendKind } from '../src/domain/agent.js';
import type { Policy } from '../src/domain/policy.js';
import type { CycleRecord } from '../src/domain/reviews.js';
import type { RunKind } from '../src/domain/run.js';
import type { Priority, TaskRequest, TaskStatus, WaitReason } from '../src/domain/task.js';
import type { FollowUp, Verdict, VerdictKind } from '../src/domain/verdict.js';
import { call, type Database } from './db.js';

/** A promoted run whose workflow is to be woken. */
export interface Wake {
  readonly run: string;
  readonly workflowId: string;
}

/** A task that is filed and whose workflow is to be started. */
export interface ToStart {
  readonly id: string;
  readonly workflowId: string;
  readonly title: string;
  readonly priority: Priority;
}

export interface BeginFacts {
  readonly record: {
    readonly id: string;
    readonly number: number;
    readonly status: TaskStatus;
    readonly priority: Priority;
    readonly assignee: string;
    readonly reviewers: readonly string[];
  } | null;
  readonly roster: readonly { id: string; type: AgentType; reviews: boolean }[];
  readonly repositories: readonly string[];
  readonly policy: Policy<'auto-approve'>;
}

/** Everything an attempt is told; texts are whole. */
export interface RunBrief {
  readonly task: {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly description: string;
    readonly acceptance: readonly string[];
  };
  readonly agent: {
    readonly id: string;
    readonly name: string;
    readonly backend: BackendKind;
    readonly model: string | null;
    readonly instructions: string;
    readonly timeLimitSeconds: number;
  };
  readonly run: {
    readonly id: string;
    readonly kind: RunKind;
    readonly number: number;
    readonly cycle: number;
    readonly nonce: string;
    readonly answers: readonly { question: string; answer: string; by: string }[];
  };
  readonly repository: { id: string; name: string; location: string; target: string } | null;
  readonly baseCommit: string | null;
  readonly work: {
    readonly runId: string;
    readonly number: number;
    readonly agent: string;
    readonly report: string;
    readonly diff: string;
    readonly commands: string;
    readonly commit: string;
    readonly bytes: number;
  } | null;
  readonly guidance: readonly { by: string; text: string }[];
  readonly landingFeedback: {
    readonly summary: string;
    readonly target: string;
    /** An execution has dealt with it since. */
    readonly answered: boolean;
  } | null;
  readonly cycles: readonly CycleRecord[];
  /** The highest cycle after which a revision asks a person. */
  readonly cycleBound: number;
}

export interface StoredCheckpoint {
  readonly turn: number;
  readonly commit: string;
  readonly transcript: unknown;
}

export type Started =
  | { readonly kind: 'closed'; readonly end: RunEnd }
  | { readonly kind: 'queued'; readonly wait: WaitReason | null; readonly standing: Standing }
  | {
      readonly kind: 'go';
      readonly attempt: number;
      readonly checkpoint: StoredCheckpoint | null;
      readonly lostInARow: number;
      readonly brief: RunBrief;
    };

/** A row of the workflow's table with the ids of the runs it opens. */
export type Opening = Omit<Then, 'next'> & { readonly next: readonly object[] };

export interface RunClosing {
  readonly run: string;
  readonly attempt: number;
  readonly state: 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'REQUEUED';
  readonly outcome?: string;
  readonly cause?: string;
  readonly fault?: 'agent' | 'system';
  readonly error?: string;
  readonly summary?: string;
  readonly report?: string;
  readonly diff?: string;
  readonly commands?: string;
  readonly bytesProduced?: number;
  readonly bytesHandedOver?: number;
  readonly commit?: string;
  readonly reviewedRun?: string;
  readonly reviewedCommit?: string;
  readonly verdict?: Verdict;
  readonly verdictKind?: VerdictKind;
  readonly events: readonly object[];
  /** What the agent was told, where it is not stored yet. */
  readonly instructions?: string;
  readonly workTokens: number;
  readonly cacheReadTokens: number;
  readonly course?: Opening | null;
  readonly delaySeconds?: number;
  readonly hold?: 'question' | 'budget-spent';
  readonly question?: string;
}

export interface FollowUpFacts {
  readonly depth: number;
  readonly cycles: number;
  readonly status: TaskStatus;
  readonly assignee: string;
  readonly policy: Policy<'spawn'>;
  readonly titles: readonly string[];
  readonly roster: readonly string[];
  readonly runs: readonly {
    readonly id: string;
    readonly cycle: number;
    readonly agent: string;
    readonly kind: VerdictKind;
    readonly followUps: readonly FollowUp[];
  }[];
}

export interface LandingBrief {
  readonly kind: 'go';
  readonly task: {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly rehearsed: boolean;
    readonly baseCommit: string | null;
  };
  readonly repository: {
    readonly id: string;
    readonly name: string;
    readonly location: string;
    readonly target: string;
    readonly landing: 'branch' | 'merge';
    readonly provenance: 'person' | 'demo' | 'test';
  } | null;
  readonly execution: {
    runId: string;
    number: number;
    agent: string;
    commit: string;
    summary: string;
  };
  readonly reviews: readonly { id: string; agent: string; kind: VerdictKind; summary: string }[];
  readonly landingCycles: number;
  readonly landingBound: number;
}

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
  given: { id: string; workflowId: string; door: string; request: TaskRequest },
) =>
  call<{ id: string; number: number; workflowId: string; created: boolean; status: TaskStatus }>(
    database,
    'file_task',
    given,
  );

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
    select start_attempt(${run}::uuid, ${worker}) as answer`;
  return required(row).answer;
}

export async function leaveAttempt({ sql }: Database, run: string, attempt: number, end: string) {
  await sql`select leave_attempt(${run}::uuid, ${attempt}, ${end})`;
}

export async function setBase({ sql }: Database, taskId: string, commit: string): Promise<string> {
  const [row] = await sql<{ base: string }[]>`select set_base(${taskId}::uuid, ${commit}) as base`;
  return required(row).base;
}

export const saveProgress = (database: Database, given: object) =>
  call<'go' | 'paused' | 'lost'>(database, 'save_progress', given);

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
  given: VerbMessage & { task: string; legalIn: readonly TaskStatus[]; freshId: string },
) => call<{ answer: Omit<VerbAnswer, 'message'>; wake: Wake[] }>(database, 'apply_verb', given);

export const endTask = (database: Database, given: object) =>
  call<{ wake: Wake[]; standing: Standing }>(database, 'end_task', given);

export async function beginLanding({ sql }: Database, taskId: string, number: number) {
  const [row] = await sql<{ answer: { kind: 'closed' } | LandingBrief }[]>`
    select begin_landing(${taskId}::uuid, ${number}) as answer`;
  return required(row).answer;
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
      and r.number = any(${[...numbers]}::integer[])
    order by r.number`;
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('a SQL function returned no row');
  return row;
}
