/** The shapes that the SQL functions take and answer. */
import type { RunEnd, RunSummary, Standing, Then } from '../src/contract.js';
import type { AgentType, BackendKind } from '../src/domain/agent.js';
import type { Policy } from '../src/domain/policy.js';
import type { AgentProgram } from '../src/domain/program.js';
import type { Recipe } from '../src/domain/repository.js';
import type { CycleRecord } from '../src/domain/reviews.js';
import type { RunKind } from '../src/domain/run.js';
import type { Priority, TaskStatus, WaitReason } from '../src/domain/task.js';
import type { FollowUp, Verdict, VerdictKind } from '../src/domain/verdict.js';
import type { PullRequestRow } from './pull-requests.js';

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
    readonly rounds: readonly number[];
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
    readonly program: AgentProgram | null;
    readonly instructions: string;
    readonly timeLimitSeconds: number;
  };
  readonly run: {
    readonly id: string;
    readonly kind: RunKind;
    readonly number: number;
    readonly cycle: number;
    readonly nonce: string;
    /** By the machine's own checks, which prepare their copy themselves. */
    readonly byChecks: boolean;
    readonly answers: readonly { question: string; answer: string; by: string }[];
  };
  readonly repository: {
    readonly id: string;
    readonly name: string;
    readonly location: string;
    readonly target: string;
    readonly recipe: Recipe;
  } | null;
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
    /** What the checks of the repository came to on it; null: it has none. */
    readonly checks: string | null;
    /** What was left out of it, since no result may hold it. */
    readonly findings: readonly string[];
  } | null;
  readonly guidance: readonly { by: string; text: string }[];
  readonly landingFeedback: {
    readonly summary: string;
    /** All of it, where one line is too short. */
    readonly text?: string;
    /** Null where nothing is to be merged. */
    readonly target: string | null;
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
  /** What was left out of the work, since no result may hold it. */
  readonly findings?: readonly string[];
}

export type Started =
  | { readonly kind: 'closed'; readonly end: RunEnd; readonly wake: readonly Wake[] }
  | {
      readonly kind: 'queued';
      readonly wait: WaitReason | null;
      readonly standing: Standing;
      readonly wake: readonly Wake[];
    }
  | {
      readonly kind: 'go';
      readonly attempt: number;
      readonly checkpoint: StoredCheckpoint | null;
      readonly lostInARow: number;
      readonly brief: RunBrief;
      /** The text of the role that the run is pinned to; null where none is seeded yet. */
      readonly role: string | null;
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
  /** What was left out of an execution's work: the review by checks tells it. */
  readonly findings?: readonly string[];
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
  /** Why it waits for that, where it has a name. */
  readonly delayed?: { readonly reason: WaitReason; readonly detail: string };
  /** All runs on its agent's credential wait. */
  readonly pause?: {
    readonly kind: 'limit' | 'login';
    readonly seconds: number;
    readonly why: string;
  };
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
  readonly number: number;
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
    readonly landing: 'branch' | 'merge' | 'pull-request';
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
  /** Of a task that has a pull request. */
  readonly runs: readonly RunSummary[];
  readonly pullRequest: PullRequestRow | null;
  /** The landing before this one: `taken` is what a person accepted in place of the result. */
  readonly before: { readonly kind: string; readonly taken: string | null } | null;
  /** The target's commit that was merged into the result last. */
  readonly mergedTarget: string | null;
}
