import type { BackendKind } from '../domain/agent.js';
import type { AgentProgram } from '../domain/program.js';
import type { RunKind } from '../domain/run.js';
import type { EarlierIssue } from '../domain/verdict.js';

/** What a backend is given for one attempt of one run. Texts are whole, never cut. */
export interface RunRequest {
  readonly runId: string;
  readonly attempt: number;
  readonly kind: RunKind;
  /** 1…n per kind and task. */
  readonly number: number;
  readonly cycle: number;
  readonly agent: {
    readonly id: string;
    readonly name: string;
    readonly model: string | null;
    /** Of a `command` agent: what it was connected with. */
    readonly program?: AgentProgram | null;
  };
  readonly task: {
    readonly number: number;
    readonly title: string;
    readonly description: string;
    readonly acceptance: readonly string[];
  };
  /** Issues of earlier cycles: a review answers each of them by its id. Empty for an execution. */
  readonly earlierIssues: readonly Pick<EarlierIssue, 'id' | 'text'>[];
  /** What the agent is told: for a review it holds the whole work under review. */
  readonly instructions: string;
  /** Must come back in a review's verdict: an old or quoted verdict cannot pass. */
  readonly nonce: string;
  /**
   * The working copy's folder, checked out where the run (or its checkpoint) stands. Of a task
   * without a repository and files it is made with the first effect.
   */
  readonly folder: string;
  /** Where the previous attempt, or the run before it was re-queued, had got to. */
  readonly resume: Checkpoint | null;
  /**
   * A person's answer to the question the run asked before it was re-queued. Every later attempt
   * is given it too: a crash between answer and checkpoint must not ask the person again.
   */
  readonly answer: string | null;
  /**
   * Set when the previous verdict of this run could not be read: the parse error, to ask again.
   * `resume` is then the last checkpoint, so that only the verdict is made anew, not the turns.
   */
  readonly reask: string | null;
  /** What stands around its programs; left out where none is started. */
  readonly sandbox?: Surroundings;
}

/** `native`: the sandbox that the program brings itself. `none`: nothing. */
export type Surroundings = 'bubblewrap' | 'native' | 'none';

/** Where a run stands between two turns. */
export interface Checkpoint {
  /** Turns finished: the next attempt starts with turn `turn + 1`. */
  readonly turn: number;
  /** Snapshot commit of the working copy after that turn. */
  readonly commit: string;
  /** What the backend needs to go on, plain JSON; opaque to everyone else. */
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
  /** Lines of a program as they come: `source` is `stderr`, `stdout`, `setup` or a check's name. */
  | { readonly kind: 'log'; readonly source: string; readonly text: string }
  /** `costUsd` is told by who knows it. */
  | { readonly kind: 'usage'; readonly usage: Usage; readonly costUsd?: number };

/** Tokens, as the provider counts them. Work tokens are input + cacheWrite + output. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** Why a run is tried again later: its credential waits for the first two, the run for others. */
export type LaterCause = 'limit' | 'login' | 'program' | 'sandbox' | 'backend' | 'delay';

/** How an attempt ended. Closed: each kind has its branch in `activities/perform-run.ts`. */
export type RunOutcome =
  /**
   * `report` is the agent's account, `commands` the whole text of all commands and their output,
   * earlier attempts included. `verdict` is a review's output, unparsed; null for an execution.
   */
  | {
      readonly kind: 'finished';
      readonly report: string;
      readonly commands: string;
      readonly verdict: unknown;
    }
  | { readonly kind: 'asks'; readonly question: string }
  | { readonly kind: 'out-of-budget'; readonly message: string }
  | {
      readonly kind: 'later';
      readonly message: string;
      readonly retryAfterSeconds: number;
      /** A limit of its provider, or what the house has to mend: never the agent's failure. */
      readonly because: LaterCause;
    }
  | {
      readonly kind: 'failed';
      readonly cause: 'agent-error' | 'no-result' | 'time-limit';
      readonly message: string;
    };

/** What a command did. `exitCode` is null when a signal ended it. */
export interface CommandResult {
  readonly exitCode: number | null;
  /** Standard output and error as they came, whole. */
  readonly output: string;
}

/** An agent's own program: what it is told comes by its standard input, never by its arguments. */
export interface ProgramCall {
  /** A name on the search path, or an absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  readonly input: string;
  /** All that it finds beside PATH, HOME, LANG and TMPDIR. */
  readonly environment: Readonly<Record<string, string>>;
  /** true: the working copy cannot be written, as for a review. */
  readonly readOnly: boolean;
  /** Whether it is given a file for its result: all that it starts can write it as well. */
  readonly answers: boolean;
  /** Hosts that it may reach, `api.anthropic.com:443`; empty: no network at all. */
  readonly hosts: readonly string[];
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  /** From the moment on at which this says so it has finished, and is ended if it lingers. */
  readonly hasFinished?: (line: string) => boolean;
}

/** How a program ended, with all that it printed. */
export interface ProgramEnd {
  readonly ending:
    | { readonly kind: 'exited'; readonly exitCode: number }
    | { readonly kind: 'killed'; readonly signal: string }
    | { readonly kind: 'timed-out' }
    /** It had finished and did not exit: its processes were ended. */
    | { readonly kind: 'lingered' }
    | { readonly kind: 'not-started'; readonly reason: string };
  readonly stdout: string;
  readonly stderr: string;
  /** Of both together, bytes that were more than may be kept. */
  readonly cutBytes: number;
  /** What was written to `MISSION_RESULT_FILE`; null when nothing was, or it was given none. */
  readonly result: string | null;
}

/** Thrown by `Effects` for what an agent may not do: the agent's fault, never the house's. */
export class EffectRefused extends Error {
  override readonly name = 'EffectRefused';
}

/**
 * All that an agent may do to the world, handed in by whoever owns the working copy. Paths are
 * relative to the copy. A path that is absolute, holds `..`, leads out through a symbolic link or
 * names no regular file rejects with `EffectRefused`; any other rejection is a defect of the house.
 */
export interface Effects {
  /**
   * Runs `sh -c command` in the copy. A failing command is a result, not an error. When `signal`
   * aborts, the whole process tree is ended first; then it rejects with the signal's reason.
   */
  run(command: string, options: { readonly signal: AbortSignal }): Promise<CommandResult>;
  /**
   * Runs a program in the copy and in the sandbox, as a whole process tree of which nothing is
   * left. `onLine` hears each line as it comes. Aborted, it rejects with the signal's reason.
   */
  start(
    program: ProgramCall,
    options: {
      readonly signal: AbortSignal;
      readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
    },
  ): Promise<ProgramEnd>;
  /** Replaces the file, making the folders it needs. */
  write(path: string, content: string): Promise<void>;
  /** The file's text; null when there is none. */
  read(path: string): Promise<string | null>;
  /** Removes the file; none there is no error. */
  remove(path: string): Promise<void>;
}

/** What a backend is handed to tell, to keep and to act. */
export interface RunHooks {
  /** Aborted when the run is cancelled, lost, paused or over its time: stop, kill your own. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: AgentEvent) => void;
  /**
   * Called after each turn, before the next begins. Resolves when transcript and files are durable.
   * Rejects (and `signal` aborts) when this attempt may not go on; `run` then rejects too.
   */
  readonly checkpoint: (turn: number, transcript: unknown) => Promise<void>;
  /**
   * Keeps what the backend needs to go on, while a turn is under way: the files are then those of
   * the last checkpoint, or as they were found after the worker was lost. Rejects as `checkpoint`.
   */
  readonly remember?: (transcript: unknown) => Promise<void>;
  readonly effects: Effects;
}

/**
 * The port. `run` never throws for what an agent does: that is an outcome. It rejects in two cases
 * only: with `signal.reason` once the signal has aborted, promptly, and nothing is written or told
 * after that; with anything else for a defect, which is retried.
 */
export interface AgentBackend {
  readonly kind: BackendKind;
  run(request: RunRequest, hooks: RunHooks): Promise<RunOutcome>;
}
