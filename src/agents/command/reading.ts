import { shorten } from '../../domain/text.js';
import type { AgentEvent, ProgramEnd, Usage } from '../backend.js';

/** What a program has used up, as it counts itself. */
export interface Spent {
  readonly usage: Usage;
  /** US dollars; null where the program does not say. */
  readonly costUsd: number | null;
}

/** What an agent hands over at the end of a run. */
export interface Handover {
  readonly report: string;
  /** Why nothing was changed. */
  readonly unchanged: string | null;
  readonly question: string | null;
  /** A review's output, unparsed. */
  readonly verdict: unknown;
}

/** What a program's output comes to, before it is compared with what it did to the files. */
export type Told =
  | { readonly kind: 'handed-over'; readonly handover: Handover; readonly denials: string[] }
  /** `resetsAt` is in seconds since 1970; null: it did not say when. */
  | { readonly kind: 'limited'; readonly message: string; readonly resetsAt: number | null }
  | { readonly kind: 'budget-spent'; readonly message: string }
  /** The session that it was to go on with is not there. */
  | { readonly kind: 'no-session' }
  | {
      readonly kind: 'failed';
      readonly cause: 'agent-error' | 'no-result' | 'time-limit';
      readonly message: string;
    };

export interface Reading {
  readonly told: Told;
  /** By which the program goes on with it another time; null where it has none. */
  readonly session: string | null;
  /** Of the whole session, not of this call alone; null where it says nothing. */
  readonly spent: Spent | null;
}

/** Hears a program's lines as they come. */
export interface Listener {
  readonly hear: (line: string, stream: 'stdout' | 'stderr') => AgentEvent[];
  /** Work tokens of this call so far, as far as its lines tell. */
  readonly workTokens: () => number;
  /** By which it can be gone on with, as soon as it says so; null: not yet, or it has none. */
  readonly session: () => string | null;
}

export const NOTHING_SPENT: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/** Why nothing that was printed can count; null: it ended by itself, and is whole. */
export function brokenEnd({ ending, cutBytes, stderr }: ProgramEnd): Told | null {
  const broken = (cause: 'agent-error' | 'no-result' | 'time-limit', message: string): Told => ({
    kind: 'failed',
    cause,
    message: withLast(message, stderr),
  });
  switch (ending.kind) {
    case 'not-started':
      return broken('agent-error', ending.reason);
    case 'killed':
      return broken('agent-error', `the program was ended by ${ending.signal}`);
    case 'timed-out':
      return broken('time-limit', 'the program took longer than it may');
    case 'exited':
    case 'lingered':
      if (cutBytes === 0) return null;
      return broken('no-result', `the program printed ${cutBytes} bytes more than may be kept`);
    default:
      return ending satisfies never;
  }
}

/** What a program says by its exit code alone; a good one proves nothing. */
export function badExit({ ending, stderr }: ProgramEnd): Told | null {
  if (ending.kind !== 'exited' || ending.exitCode === 0) return null;
  const message = withLast(`the program ended with exit code ${ending.exitCode}`, stderr);
  return { kind: 'failed', cause: 'agent-error', message };
}

/** With the last words of its standard error, which mostly say why. */
function withLast(message: string, stderr: string): string {
  const last = stderr.trim().split('\n').slice(-5).join('\n');
  return last === '' ? message : `${message}: ${shorten(last, 1500)}`;
}

/** The JSON value of a text; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A null in strict output means that a field was left out. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) =>
      each === null ? [] : [[key, withoutNulls(each)] as const],
    ),
  );
}
