/** The record as the model of the SQL functions holds it, and the rules that are real functions. */
import { decideAdmission } from '../../src/domain/admission.js';
import type { AgentType } from '../../src/domain/agent.js';
import { DEFAULT_POLICIES, type PolicyName } from '../../src/domain/policy.js';
import { openIssues, settleReviews } from '../../src/domain/reviews.js';
import type { RunKind, RunState } from '../../src/domain/run.js';
import { clampFollowUps } from '../../src/domain/spawn.js';
import {
  type BlockReason,
  type Priority,
  type TaskStatus,
  VERB_LEGAL_IN,
  type Verb,
} from '../../src/domain/task.js';
import { accepts, type Verdict } from '../../src/domain/verdict.js';
import { checkRequest } from '../../src/schema/request.js';
import { readVerdict } from '../../src/schema/verdict.js';

/** The pure core: what the activities ask. A mutant puts another function in one's place. */
export const CORE = {
  decideAdmission,
  settleReviews,
  openIssues,
  accepts,
  readVerdict,
  clampFollowUps,
  checkRequest,
  legalIn: (verb: Verb): readonly TaskStatus[] => VERB_LEGAL_IN[verb],
};
export type Core = typeof CORE;

export interface Spec {
  readonly id: string;
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  readonly seat: number;
}

/** What SQL applies when a step has ended. */
export interface Course {
  readonly status: TaskStatus;
  readonly blocked?: BlockReason;
  readonly next: readonly Spec[];
}

export interface Agent {
  readonly id: string;
  type: AgentType;
  readonly reviews: boolean;
  enabled: boolean;
  paused: boolean;
  connected: boolean;
  readonly estimate: number;
  /** When a person has last enabled it. */
  enabledAt: number;
}

export interface Run extends Spec {
  readonly task: string;
  agent: string | null;
  readonly byPerson: boolean;
  state: RunState;
  priority: Priority;
  readonly place: number;
  hold: BlockReason | null;
  /** Not before a time that comes when the sequence says so. */
  later: boolean;
  attempt: number;
  day: number | null;
  charged: boolean;
  estimate: number;
  tokens: number;
  fault: string | null;
  cause: string | null;
  outcome: string | null;
  verdict: Verdict | null;
  commit: string | null;
  reviewed: string | null;
  superseded: boolean;
  spawned: boolean;
  rehearsed: boolean;
  startedAt: number;
  endedAt: number;
}

export interface Task {
  readonly id: string;
  readonly number: number;
  readonly workflowId: string;
  readonly title: string;
  priority: Priority;
  assignee: string;
  reviewers: readonly string[];
  readonly repository: string | null;
  readonly source: string | null;
  readonly key: string | null;
  status: TaskStatus;
  blocked: BlockReason | null;
  blockedStep: string | null;
  paused: boolean;
  registered: boolean;
  admission: string | null;
  admissionVersion: number | null;
  cycles: number;
  landingCycles: number;
  grantedCycles: number;
  grantedLandings: number;
  readonly root: string;
  readonly depth: number;
  readonly originRun: string | null;
  readonly originIndex: number | null;
  rehearsed: boolean;
  landedFrom: string | null;
  landedCommit: string | null;
}

export interface Decision {
  readonly task: string;
  readonly question: string;
  decision: string;
  readonly by: string;
}

export interface PolicyVersion {
  readonly name: PolicyName;
  readonly version: number;
  readonly enabled: boolean;
  readonly value: Readonly<Record<string, unknown>>;
  readonly by: string;
}

export interface World {
  readonly agents: Agent[];
  readonly tasks: Task[];
  readonly runs: Run[];
  readonly decisions: Decision[];
  readonly policies: PolicyVersion[];
  readonly audit: {
    readonly by: string;
    readonly action: string;
    readonly subject: string;
    /** Of configuration: what it was before and after. */
    readonly detail?: Readonly<Record<string, unknown>>;
  }[];
  readonly landings: { readonly task: string; readonly number: number; readonly outcome: string }[];
  readonly messages: Map<string, { error: string | null; step: string | null; how: string | null }>;
  squadPaused: boolean;
  clock: number;
  today: number;
}

/** A statement that raises: a defect of whoever asked for it, and retried without end. */
export class Raised extends Error {}

/** Ids are made by the application: here they are counted, so that a sequence can be repeated. */
export const idOf = (n: number): string =>
  `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** Small figures, so that every limit is met within a few steps. */
export const ROSTER = [
  { id: 'implementer', type: 'SPC', reviews: false, estimate: 20 },
  { id: 'intern', type: 'INT', reviews: false, estimate: 10 },
  { id: 'lead', type: 'LEAD', reviews: false, estimate: 30 },
  { id: 'reviewer', type: 'SPC', reviews: true, estimate: 15 },
  { id: 'tester', type: 'SPC', reviews: true, estimate: 25 },
] as const;

/** Of whom each repository is: nothing rehearsed may land in a person's. */
export const REPOSITORIES: readonly string[] = ['person', 'test'];

export function emptyWorld(): World {
  return {
    agents: ROSTER.map((agent) => ({
      ...agent,
      enabled: true,
      paused: false,
      connected: false,
      enabledAt: 0,
    })),
    tasks: [],
    runs: [],
    decisions: [],
    policies: Object.values(DEFAULT_POLICIES).map((policy) => ({
      ...policy,
      value: { ...policy.value },
      by: 'system:seed',
    })),
    audit: [],
    landings: [],
    messages: new Map(),
    squadPaused: false,
    clock: 0,
    today: 0,
  };
}
