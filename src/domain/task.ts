import type { AgentId } from './ids.js';

/** Lowest first: a higher index goes first in every line. */
export const PRIORITIES = ['LOW', 'NORMAL', 'HIGH', 'URGENT'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const TASK_STATUSES = [
  'INBOX',
  'ASSIGNED',
  'IN_PROGRESS',
  'REVIEW',
  'LANDING',
  'BLOCKED',
  'DONE',
  'REJECTED',
  'CANCELLED',
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export type TerminalStatus = 'DONE' | 'REJECTED' | 'CANCELLED';
export type OpenStatus = Exclude<TaskStatus, TerminalStatus>;

interface StatusFacts {
  /** What the status means, for people. */
  readonly means: string;
  /** Who moves a task out of it; `nobody` only for the ends. */
  readonly movedOnBy:
    | 'admission'
    | 'promotion'
    | 'agent'
    | 'reviewer'
    | 'landing'
    | 'person'
    | 'nobody';
  /** What a crash does to a task here. */
  readonly onCrash: string;
}

/** Every status has an owner: no task can be in a state that nobody moves on. */
export const STATUS_FACTS = {
  INBOX: {
    means: 'waits for admission by policy or by a person',
    movedOnBy: 'admission',
    onCrash: 'the workflow waits on, durably',
  },
  ASSIGNED: {
    means: 'admitted; its first execution waits to start',
    movedOnBy: 'promotion',
    onCrash: 'the queued run keeps its place',
  },
  IN_PROGRESS: {
    means: 'an execution is queued or running',
    movedOnBy: 'agent',
    onCrash: 'the next attempt resumes from the checkpoint',
  },
  REVIEW: {
    means: 'the review runs are queued or running',
    movedOnBy: 'reviewer',
    onCrash: 'the next attempt resumes from the checkpoint',
  },
  LANDING: {
    means: 'accepted; the result is being landed',
    movedOnBy: 'landing',
    onCrash: 'landing is tried again; it is idempotent',
  },
  BLOCKED: {
    means: 'cannot go on without a decision by a person',
    movedOnBy: 'person',
    onCrash: 'the workflow waits on, durably',
  },
  DONE: { means: 'accepted and landed', movedOnBy: 'nobody', onCrash: 'nothing' },
  REJECTED: { means: 'refused in the inbox by a person', movedOnBy: 'nobody', onCrash: 'nothing' },
  CANCELLED: { means: 'stopped before its end', movedOnBy: 'nobody', onCrash: 'nothing' },
} as const satisfies Record<TaskStatus, StatusFacts>;

export const isTerminal = (status: TaskStatus): status is TerminalStatus =>
  STATUS_FACTS[status].movedOnBy === 'nobody';

/** Needs a person's decision on this task. The list is closed: stored histories depend on it. */
export const BLOCK_REASONS = [
  'revision-cap',
  'landing-cap',
  'execution-failed',
  'review-failed',
  'setup-failed',
  'landing-failed',
  'sensitive-change',
  'budget-spent',
  'question',
] as const;
export type BlockReason = (typeof BLOCK_REASONS)[number];

/** Ends by itself or by configuration. Computed from its cause when read, never stored. */
export const WAIT_REASONS = [
  'approval',
  'slot',
  'daily-runs',
  'daily-tokens',
  'squad-paused',
  'task-paused',
  'agent-disabled',
  'no-reviewer',
  'no-backend',
  'credential-paused',
  'no-sandbox',
  'no-worker',
  'worker-slot',
  'back-off',
  'disk',
  'landing-queue',
  'pull-request',
  'dependency',
] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

export const VERBS = [
  'approve',
  'reject',
  'guide',
  'answer',
  'retry',
  'reassign',
  'accept',
  'cancel',
  'reprioritise',
  'pause',
  'resume',
] as const;
export type Verb = (typeof VERBS)[number];

const OPEN = ['INBOX', 'ASSIGNED', 'IN_PROGRESS', 'REVIEW', 'LANDING', 'BLOCKED'] as const;

/** The statuses in which a verb is legal. `answer` needs `BLOCKED (question)` besides. */
export const VERB_LEGAL_IN = {
  approve: ['INBOX'],
  reject: ['INBOX'],
  guide: ['INBOX', 'ASSIGNED', 'IN_PROGRESS', 'REVIEW', 'BLOCKED'],
  answer: ['BLOCKED'],
  retry: ['BLOCKED'],
  reassign: ['INBOX', 'ASSIGNED', 'BLOCKED'],
  accept: ['BLOCKED'],
  cancel: OPEN,
  reprioritise: OPEN,
  pause: OPEN,
  resume: OPEN,
} as const satisfies Record<Verb, readonly OpenStatus[]>;

/** The verbs that are legal now, for messages, pages and completion. */
export function legalVerbs(status: TaskStatus, blockedBy: BlockReason | null): Verb[] {
  return VERBS.filter((verb) => isLegal(verb, status, blockedBy));
}

/** Whether a verb may be applied to a task in this status. */
export function isLegal(verb: Verb, status: TaskStatus, blockedBy: BlockReason | null): boolean {
  if (!(VERB_LEGAL_IN[verb] as readonly TaskStatus[]).includes(status)) return false;
  if (verb === 'answer') return blockedBy === 'question';
  if (verb === 'retry') return blockedBy !== 'question';
  return true;
}

/** What a person, an agent or a program asks for. Parsed by `src/schema/request.ts`. */
export interface TaskRequest {
  readonly title: string;
  readonly description: string;
  readonly acceptance: readonly string[];
  readonly priority: Priority;
  readonly assignee: AgentId;
  /** Empty: chosen when the review is queued, the least loaded who may review. */
  readonly reviewers: readonly AgentId[];
  /** Name of a repository, or null: an empty folder whose files are the deliverable. */
  readonly repository: string | null;
  readonly owner: string;
  /** `(source, key)` is unique: filing twice is filing once. */
  readonly source: string | null;
  readonly key: string | null;
}
