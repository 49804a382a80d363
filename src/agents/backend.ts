import type { RunKind } from '../domain/run.js';

/** What a backend is given for one attempt of one run. Texts are whole, never cut. */
export interface RunRequest {
  readonly runId: string;
  readonly attempt: number;
  readonly kind: RunKind;
  /** 1…n per kind and task. */
  readonly number: number;
  readonly cycle: number;
  readonly agent: { readonly id: string; readonly name: string; readonly model: string | null };
  readonly task: {
    readonly number: number;
    readonly title: string;
    readonly description: string;
    readonly acceptance: readonly string[];
  };
  /** What the agent is told: for a review it holds the whole work under review. */
  readonly instructions: string;
  /** Must come back in a review's verdict: an old or quoted verdict cannot pass. */
  readonly nonce: string;
  /** The working copy's folder, checked out where the run (or its checkpoint) stands. */
  readonly folder: string;
  /** Where the previous attempt, or the run before it was re-queued, had got to. */
  readonly resume: Checkpoint | null;
  /** A person's answer to the question the run asked before it was re-queued. */
  readonly answer: string | null;
  /** Set when the previous verdict of this run could not be read: the parse error, to ask again. */
  readonly reask: string | null;
}

/** Where a run stands between two turns. */
export interface Checkpoint {
  /** Turns finished: the next attempt starts with turn `turn + 1`. */
  readonly turn: number;
  /** Snapshot commit of the working copy after that turn. */
  readonly commit: string;
  /** What the backend needs to go on; opaque to everyone else. */
  readonly transcript: unknown;
}

/** What a run tells while it works; stored with the run and readable live. */
export type AgentEvent =
  | { readonly kind: 'turn'; readonly turn: number }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'tool';
      readonly tool: string;
      readonly input: string;
      readonly output: string;
      readonly exitCode: number | null;
    }
  | { readonly kind: 'usage'; readonly usage: Usage };

/** Tokens, as the provider counts them. Work tokens are input + cacheWrite + output. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** How an attempt ended. The list is closed: each kind has its branch in `activities/perform-run.ts`. */
export type RunOutcome =
  /** `report` is the agent's account; for a review `verdict` is its schema-checked output, unparsed. */
  | {
      readonly kind: 'finished';
      readonly report: string;
      readonly commands: string;
      readonly verdict: unknown;
    }
  | { readonly kind: 'asks'; readonly question: string }
  | { readonly kind: 'out-of-budget'; readonly message: string }
  | { readonly kind: 'later'; readonly message: string; readonly retryAfterSeconds: number }
  | {
      readonly kind: 'failed';
      readonly cause: 'agent-error' | 'no-result' | 'time-limit';
      readonly message: string;
    };

export interface RunHooks {
  /** Aborted when the run is cancelled, lost, paused or over its time: stop, and kill what you started. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: AgentEvent) => void;
  /**
   * Called between turns. Resolves when transcript and files are durable.
   * Rejects (and `signal` aborts) when this attempt may not go on.
   */
  readonly checkpoint: (turn: number, transcript: unknown) => Promise<void>;
}

/** The port. `run` must not throw for what an agent does; a throw is a defect and is retried. */
export interface AgentBackend {
  readonly kind: 'scripted' | 'command' | 'anthropic';
  run(request: RunRequest, hooks: RunHooks): Promise<RunOutcome>;
}
