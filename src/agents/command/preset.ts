import type { AgentProgram } from '../../domain/program.js';
import type { RunKind } from '../../domain/run.js';
import type { ProgramEnd, Surroundings } from '../backend.js';
import type { Listener, Reading } from './reading.js';

/** What a program is started for. */
export interface Occasion {
  readonly program: AgentProgram;
  readonly model: string | null;
  readonly kind: RunKind;
  /** The session to go on with. */
  readonly session: string | null;
  /** Where it is all that holds it, its own sandbox is on: else ours is around it, or nothing. */
  readonly sandbox?: Surroundings;
  /** Where its provider is, when that is not the usual place. */
  readonly endpoint: string | null;
}

/** What one kind of program is called with, and how what it prints is read: data and pure code. */
export interface PresetCraft {
  /** A shell command that makes what it needs in the working copy; null: it needs nothing. */
  readonly prepare: ((kind: RunKind) => string) | null;
  /** The file to start and its arguments. */
  readonly call: (occasion: Occasion) => { readonly file: string; readonly args: string[] };
  /** Variables that keep it from what a run does not need. */
  readonly environment: Readonly<Record<string, string>>;
  readonly listen: () => Listener;
  /**
   * Whether its result comes by a file. Only where it writes that itself: of one that answers by
   * what it prints, only code that it runs would write it, such as the code under review.
   */
  readonly answers: boolean;
  /** Whether this line is its last word. */
  readonly hasFinished: ((line: string) => boolean) | null;
  /** `now`, in seconds since 1970, is when it ended. */
  readonly read: (end: ProgramEnd, kind: RunKind, now: number) => Reading;
  /** How it hands its work over: the end of what it is told. */
  readonly handover: Readonly<Record<RunKind, string>>;
}
