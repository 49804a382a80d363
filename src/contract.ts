/**
 * All that crosses Temporal: names, inputs, activity interfaces, signals, updates, queries.
 * Workflows and activities both stand on this file and never import each other.
 * Only plain JSON crosses; zod stays out, since this file is in the workflow bundle.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { RunKind, RunState } from './domain/run.js';
import type {
  BlockReason,
  Priority,
  TaskStatus,
  TerminalStatus,
  Verb,
  WaitReason,
} from './domain/task.js';
import type { VerdictKind } from './domain/verdict.js';

export const TASK_QUEUE = 'mission-control';
export const TASK_WORKFLOW = 'task';
export const UPKEEP_WORKFLOW = 'upkeep';
export const UPKEEP_ID = 'upkeep';

/** What our own doors use; other clients choose any id: the row stores it and nobody builds it. */
export const taskWorkflowId = (id: string): string => `task/${id}`;

/** A task that the doctor sends: no list shows it. */
export const CANARY_PREFIX = 'canary/';

/** By name, as the server registers them. */
export const SEARCH_ATTRIBUTES = {
  TaskStatus: 'Keyword',
  TaskPriority: 'Keyword',
  Assignee: 'Keyword',
  Reviewers: 'KeywordList',
  WaitingFor: 'Keyword',
  MissionId: 'Keyword',
  Cycles: 'Int',
} as const;

export const attribute = {
  status: defineSearchAttributeKey('TaskStatus', 'KEYWORD'),
  priority: defineSearchAttributeKey('TaskPriority', 'KEYWORD'),
  assignee: defineSearchAttributeKey('Assignee', 'KEYWORD'),
  reviewers: defineSearchAttributeKey('Reviewers', 'KEYWORD_LIST'),
  waitingFor: defineSearchAttributeKey('WaitingFor', 'KEYWORD'),
  cycles: defineSearchAttributeKey('Cycles', 'INT'),
};

/** Temporal's 1 (first) … 5; 3 is its default. */
export const TEMPORAL_PRIORITY = {
  URGENT: 1,
  HIGH: 2,
  NORMAL: 3,
  LOW: 4,
} as const satisfies Record<Priority, number>;

/**
 * How a task's workflow is started: twice is once, and never again once it has ended. The row of a
 * filed task is the truth about what is asked; the input only shows it in Temporal's Web UI.
 */
export const taskStart = (
  task: { readonly workflowId: string; readonly title: string; readonly priority: Priority },
  taskQueue: string,
) =>
  ({
    taskQueue,
    workflowId: task.workflowId,
    args: [{ title: task.title }],
    staticSummary: task.title,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    workflowTaskTimeout: '5s',
    priority: { priorityKey: TEMPORAL_PRIORITY[task.priority] },
  }) as const;

// ── Errors that callers tell apart by `type` ────────────────────────────────────────────────────

export const ERROR_TYPES = [
  'InvalidTaskInput',
  'DuplicateKey',
  'TaskEnded',
  'WrongState',
  'AlreadyDecided',
  'InvalidMessage',
  'NotPermitted',
  'UnknownWorkflowType',
] as const;
export type ErrorType = (typeof ERROR_TYPES)[number];

// ── Steps of a task ─────────────────────────────────────────────────────────────────────────────

/** A run as the workflow names it: numbers are per kind, 1…n without gaps. */
export interface RunSpec {
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  /** Position among the cycle's reviewers; 0 for executions. */
  readonly seat: number;
  /** The machine's own checks: no agent of the roster. */
  readonly by?: 'checks';
}

/** A run that has been opened. `QUEUED` waits for `runPromoted`. */
export interface OpenedRun extends RunSpec {
  readonly id: string;
  readonly state: RunState;
  readonly agent: string | null;
  readonly agentName: string | null;
  /** Why it is queued, as of the moment it was opened. */
  readonly wait: WaitReason | null;
}

/** What happens to the task when a step ends in a certain way. SQL applies the row named. */
export interface Then {
  readonly status: TaskStatus;
  readonly blocked?: BlockReason;
  readonly next?: readonly RunSpec[];
}

/**
 * `atCap` stands in for `revision` (or `conflict`) when the policy's bound is reached, `unprepared`
 * for `failed` when the run had no working copy.
 */
export interface ExecutionThen {
  readonly succeeded: Then;
  /** Stands in for `succeeded` where the repository has checks: they are the first review. */
  readonly toCheck?: Then;
  readonly failed: Then;
  readonly unprepared: Then;
}
export interface ReviewThen {
  readonly accepted: Then;
  readonly revision: Then;
  readonly atCap: Then;
  readonly failed: Then;
  readonly unprepared: Then;
}
export interface LandingThen {
  readonly landed: Then;
  readonly conflict: Then;
  readonly atCap: Then;
  readonly refused: Then;
}

/** The step whose end may block the task: `EXECUTION 3`, `REVIEW 2`, `LANDING 1`. */
export const stepName = (kind: RunKind | 'LANDING', number: number): string => `${kind} ${number}`;

/** How a person ended a block. A cancellation arrives as a cancellation. */
export type Resolution = 'retry' | 'accept' | 'reassign';

/** Where the task stands after a step, as the database has it. */
/** Of two tellings of one task the later has the higher number; histories of before have none. */
interface Telling {
  readonly asOf?: number;
}

export interface Standing extends Telling {
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  readonly opened: readonly OpenedRun[];
  /** Every run of the task, as the record has it. */
  readonly runs: readonly RunSummary[];
  /** Set when this step's block has been resolved before: a record that is re-entered. */
  readonly resolution: Resolution | null;
}

export interface RunSummary {
  readonly id: string;
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  readonly agentName: string;
  readonly state: RunState;
  readonly summary: string | null;
  readonly verdict: VerdictKind | null;
  readonly superseded: boolean;
  readonly byPerson: boolean;
  /** Histories of before have none. */
  readonly byChecks?: boolean;
}

export type RunEnd =
  /** Back in the queue: it keeps number, day and checkpoint, and waits for a new grant. */
  | {
      readonly kind: 'requeued';
      readonly standing: Standing;
      /** Promoted again at once. */
      readonly admitted: boolean;
      readonly wait: WaitReason | null;
    }
  | {
      readonly kind: 'closed';
      readonly outcome:
        | 'succeeded'
        | 'toCheck'
        | 'accepted'
        | 'revision'
        | 'atCap'
        | 'failed'
        | 'cancelled'
        | 'reviewed';
      readonly standing: Standing;
      /** Accepted words alone, of a task without a repository: landing them is one statement. */
      readonly wordsOnly?: true;
    };

/** What the verdicts of several reviewers come to. */
export const ROUND_ENDS = ['accepted', 'revision', 'atCap', 'failed'] as const;
export type RoundEnd = (typeof ROUND_ENDS)[number];

export type LandingEnd = {
  /** `waiting`: for its pull request; the same landing is asked for again when that has moved. */
  readonly kind: 'landed' | 'conflict' | 'atCap' | 'refused' | 'waiting';
  readonly summary: string;
  readonly standing: Standing;
};

export interface Begun {
  readonly taskId: string;
  readonly number: number;
  readonly title: string;
  readonly priority: Priority;
  readonly assignee: string;
  readonly assigneeName: string;
  readonly reviewers: readonly string[];
  readonly rehearsed: boolean;
  readonly paused: boolean;
  /** How many review seats a cycle has. */
  readonly seats: number;
  /** How many seats each round of reviews had that the record holds; a new one holds none. */
  readonly rounds?: readonly number[];
  readonly admission: AdmissionAnswer;
  readonly standing: Standing;
  /** Since this is said, a task that may start at once is shown when it starts, not before. */
  readonly shownAtStart?: true;
}

export type AdmissionAnswer =
  | { readonly kind: 'admitted'; readonly by: string; readonly reason: string }
  | { readonly kind: 'rejected'; readonly by: string; readonly reason: string }
  | { readonly kind: 'waits'; readonly reason: string };

// ── Activities ──────────────────────────────────────────────────────────────────────────────────

/** Small database steps: local activities, idempotent by (task, step). */
export interface Steps {
  /** Registers, or finds the record to re-enter; decides admission; opens Execution 1. */
  beginTask(input: unknown, execution: ExecutionId): Promise<Begun>;
  /** Decides admission again, under the policy and roster of now. */
  decideAgain(taskId: string): Promise<AdmissionAnswer>;
  openRuns(taskId: string, runs: readonly RunSpec[]): Promise<Standing>;
  /** With several reviewers: what their verdicts come to, once all have ended. */
  settleReviews(
    taskId: string,
    round: readonly RunSpec[],
    then: ReviewThen,
  ): Promise<{ outcome: RoundEnd; standing: Standing }>;
  applyVerb(taskId: string, message: VerbMessage): Promise<VerbAnswer>;
  /** Messages that came at once, in their order; the runs, which are theirs together, once. */
  applyVerbs(
    taskId: string,
    messages: readonly VerbMessage[],
  ): Promise<{
    readonly answers: readonly Omit<VerbAnswer, 'runs'>[];
    readonly runs: readonly RunSummary[];
  }>;
  /** Lands words alone; `Landings.land` does the same for whatever has files. */
  landWords(taskId: string, number: number, then: LandingThen): Promise<LandingEnd>;
  /** Answers with the end that stands: a task that landed meanwhile is `DONE`. */
  endTask(taskId: string, end: TaskEnd): Promise<Standing>;
}

export interface ExecutionId {
  readonly workflowId: string;
  readonly firstExecutionRunId: string;
}

/** The agent's work: heartbeats, cancellable, retried without end; our function counts. */
export interface Runs {
  performExecution(run: RunRef, then: ExecutionThen): Promise<RunEnd>;
  /** The checks of the repository, on the committed result: no model is paid. */
  performChecks(run: RunRef, then: ReviewThen): Promise<RunEnd>;
  /** `then` is null when the cycle has several reviewers: `settleReviews` follows. */
  performReview(run: RunRef, then: ReviewThen | null): Promise<RunEnd>;
}

export interface RunRef {
  readonly id: string;
  readonly taskId: string;
}

export interface Landings {
  land(taskId: string, number: number, then: LandingThen): Promise<LandingEnd>;
}

/** Of a task that was cancelled while it waited for its pull request. */
export interface Withdrawals {
  /** Lands what was merged meanwhile, and tells so; else closes the pull request. */
  withdraw(taskId: string, number: number, then: LandingThen): Promise<LandingEnd | null>;
}

export interface Upkeep {
  /** Endless: a pass every 5 s. Returns only when cancelled. */
  keepUp(): Promise<void>;
}

// ── Messages ────────────────────────────────────────────────────────────────────────────────────

export const DOORS = [
  'temporal',
  'sdk',
  'cli',
  'http',
  'mcp',
  'agent',
  'policy',
  'system',
] as const;
export type Door = (typeof DOORS)[number];

/**
 * What every verb may carry. A message sent straight to Temporal names a principal that nobody
 * checked: who can reach the frontend has the right, and the audit row says door `temporal`.
 */
export interface Envelope {
  readonly by?: string;
  readonly door?: Door;
  /** The same id is applied once, however often it is delivered. */
  readonly messageId?: string;
  /** Why, in the person's words. */
  readonly reason?: string;
}

export type GuideMessage = Envelope & { readonly text: string };
export type ReassignMessage = Envelope & {
  readonly executor?: string;
  readonly reviewers?: readonly string[];
};
export type ReprioritiseMessage = Envelope & { readonly priority: Priority };

/** A verb after its handler has named the principal. */
export interface VerbMessage extends Envelope {
  readonly verb: Verb;
  readonly by: string;
  readonly door: Door;
  readonly messageId: string;
  readonly text?: string;
  readonly executor?: string;
  readonly reviewers?: readonly string[];
  readonly priority?: Priority;
}

export interface VerbAnswer extends Telling {
  readonly applied: boolean;
  /** One sentence for people: what was done, or why not and what is legal now. */
  readonly message: string;
  /** Set when it was not applied. */
  readonly error: ErrorType | null;
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  /** The block that this verb ended, by its step. */
  readonly resolved: { readonly step: string; readonly resolution: Resolution } | null;
  readonly admission: AdmissionAnswer;
  /** Runs of the task that may start now. */
  readonly admitted: readonly string[];
  /** Runs of the task that were cancelled: another number stands in for a reassigned one. */
  readonly cancelled: readonly string[];
  readonly assignee: string;
  readonly assigneeName: string;
  readonly reviewers: readonly string[];
  readonly priority: Priority;
  readonly paused: boolean;
  readonly runs: readonly RunSummary[];
}

export const signals = {
  approve: defineSignal<[Envelope?]>('approve'),
  reject: defineSignal<[Envelope?]>('reject'),
  guide: defineSignal<[GuideMessage]>('guide'),
  answer: defineSignal<[GuideMessage]>('answer'),
  retry: defineSignal<[Envelope?]>('retry'),
  reassign: defineSignal<[ReassignMessage]>('reassign'),
  accept: defineSignal<[Envelope?]>('accept'),
  cancel: defineSignal<[Envelope?]>('cancel'),
  reprioritise: defineSignal<[ReprioritiseMessage]>('reprioritise'),
  pause: defineSignal<[Envelope?]>('pause'),
  resume: defineSignal<[Envelope?]>('resume'),
} as const satisfies Record<Verb, unknown>;

export const updates = {
  approve: defineUpdate<VerbAnswer, [Envelope?]>('approve'),
  reject: defineUpdate<VerbAnswer, [Envelope?]>('reject'),
  guide: defineUpdate<VerbAnswer, [GuideMessage]>('guide'),
  answer: defineUpdate<VerbAnswer, [GuideMessage]>('answer'),
  retry: defineUpdate<VerbAnswer, [Envelope?]>('retry'),
  reassign: defineUpdate<VerbAnswer, [ReassignMessage]>('reassign'),
  accept: defineUpdate<VerbAnswer, [Envelope?]>('accept'),
  cancel: defineUpdate<VerbAnswer, [Envelope?]>('cancel'),
  reprioritise: defineUpdate<VerbAnswer, [ReprioritiseMessage]>('reprioritise'),
  pause: defineUpdate<VerbAnswer, [Envelope?]>('pause'),
  resume: defineUpdate<VerbAnswer, [Envelope?]>('resume'),
} as const satisfies Record<Verb, unknown>;

/** The grant: only a wake-up, `start_attempt` decides. */
export const runPromoted = defineSignal<[{ readonly run: string }]>('runPromoted');
/** Policy or roster changed: decide admission again. */
export const lookAgain = defineSignal('lookAgain');

/** Something has happened to the pull request that the task waits for. */
export const pullRequestMoved = defineSignal('pullRequestMoved');

export const stateQuery = defineQuery<TaskState>('state');
export const timelineQuery = defineQuery<string[]>('timeline');

/** A task as its workflow sees it. */
export interface TaskState {
  readonly taskId: string;
  readonly number: number;
  readonly label: string;
  readonly title: string;
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  readonly waitingFor: WaitReason | null;
  readonly priority: Priority;
  readonly assignee: string;
  readonly reviewers: readonly string[];
  readonly cycle: number;
  readonly paused: boolean;
  readonly rehearsed: boolean;
  readonly runs: readonly RunSummary[];
}

export type TaskEnd = {
  readonly status: 'REJECTED' | 'CANCELLED';
  readonly by: string;
  readonly door: Door;
  readonly reason: string;
};

/** The result of the workflow. */
export interface TaskOutcome {
  readonly taskId: string;
  readonly number: number;
  readonly status: TerminalStatus;
  readonly cycles: number;
  readonly rehearsed: boolean;
  readonly summary: string;
}
