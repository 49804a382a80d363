import type { Account, AgentProgram, Preset } from '../domain/program.js';

/** A coding agent that was found on this machine. */
export interface FoundProgram {
  readonly preset: Preset;
  /** An absolute path. */
  readonly file: string;
}

/** One thing that a connected program must be able to do. */
export interface TrialStep {
  readonly name: 'file committed' | 'verdict read';
  readonly ok: boolean;
  readonly detail: string;
}

/** What came of trying a program as real runs use it. */
export interface Trial {
  readonly program: AgentProgram;
  /** What it says of itself; null where it says nothing. */
  readonly version: string | null;
  readonly account: Account;
  readonly sandbox: { readonly level: string | null; readonly why: string };
  readonly steps: readonly TrialStep[];
  readonly tokens: number;
  /** US dollars; null where it does not say. */
  readonly costUsd: number | null;
  /** A file was committed and a verdict could be read. */
  readonly green: boolean;
}

/** Where programs are found and tried; wired in `src/main/try-program.ts`. */
export interface Workbench {
  /** The absolute path of a program; null where there is none. */
  find(file: string): Promise<string | null>;
  /** Those that are known and lie on the search path. */
  known(): Promise<readonly FoundProgram[]>;
  /** Keeps a login where real runs find it; answers how it is taken back. */
  keepLogin(name: string, secret: string): Promise<() => Promise<void>>;
  /** Runs it twice: as an executor and as a reviewer, with what real runs are given. */
  tryOut(
    program: AgentProgram,
    options: { readonly model: string | null; readonly signal: AbortSignal },
  ): Promise<Trial>;
}
