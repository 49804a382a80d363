import type { HouseStatus, Service } from '../service/index.js';
import type { Workbench } from './trial.js';
import type { Ways } from './ways.js';

/** The stack of one data folder, seen from outside. */
export interface StackState {
  readonly home: string;
  /** `ready` is only said of a living holder. */
  readonly phase: 'never-started' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'killed';
  readonly pid: number | null;
  readonly postgresPort: number | null;
  readonly temporalAddress: string | null;
  readonly namespace: string | null;
  readonly uiUrl: string | null;
  readonly cliVersion: string | null;
  readonly workers: number;
}

/** What the commands ask of the process that they run in; wired in `src/main/cli.ts`. */
export interface House {
  /** Wanted, unwanted, or as the terminal is. Read once, on the first need. */
  settings(): Promise<{
    readonly color: boolean | null;
    /** What long texts are shown in; null: in nothing. */
    readonly pager: string | null;
    readonly ways: Ways;
    readonly version: string;
  }>;
  /** Throws `ServiceError` (unreachable) where nothing runs and nothing is configured. */
  open(): Promise<{ readonly service: Service; close(): Promise<void> }>;
  stack(): Promise<StackState>;
  /** Brings the stack up and stays until it ends; answers the exit code. */
  up(options: { readonly demo: boolean }): Promise<number>;
  down(options: {
    /** Milliseconds at most that running work gets to end first; null: none. */
    readonly drain: number | null;
    say(line: string): void;
  }): Promise<'stopped' | 'leftovers' | 'nothing'>;
  demo(): Promise<number>;
  /** Where coding agents of this machine are found and tried. */
  workbench(): Promise<Workbench>;
}

export interface StatusDocument extends HouseStatus {
  readonly stack: StackState;
  readonly version: string;
}
