import { type Ending, runLaunch } from '../launch.js';
import { createCapture, createLines } from '../output.js';
import { type CommandRequest, runMark } from '../process.js';
import type { Prepared } from './prepare.js';

/** A program of an agent. */
export interface ProgramRequest
  extends Pick<CommandRequest, 'copy' | 'file' | 'args' | 'timeoutMs' | 'signal'> {
  input: string;
  /** Added to PATH, HOME, LANG, TMPDIR and our marks, and MISSION_RESULT_FILE where it answers. */
  environment: Readonly<Record<string, string>>;
  /** true: the working copy cannot be written. */
  readOnly: boolean;
  /** Whether it is given a file for its result. */
  answers: boolean;
  /** Hosts that it may reach, `api.example.com:443`; empty: no network at all. */
  hosts: readonly string[];
  /** Kept of each stream, in bytes: its first and its last half. */
  outputBytesMax: number;
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** From the line of its output on at which this says so, it has finished. */
  hasFinished?: ((line: string) => boolean) | undefined;
  /** How long it may stay after that. 5 s unless told. */
  lingerMs?: number;
}

export interface ProgramResult {
  ending:
    | Exclude<Ending, { kind: 'timed-out' }>
    | { kind: 'timed-out' }
    /** It had finished and did not exit. */
    | { kind: 'lingered' };
  stdout: string;
  /** Behind what it printed there stands what the sandbox refused it. */
  stderr: string;
  cutBytes: number;
  /** What was written to `MISSION_RESULT_FILE`; null when nothing was, or it was given none. */
  result: string | null;
}

const LINGER_MS = 5000;

/** How a program ended that could not even begin. */
export function programNotStarted(reason: string): ProgramResult {
  return { ending: { kind: 'not-started', reason }, ...NOTHING };
}

const NOTHING = { stdout: '', stderr: '', cutBytes: 0, result: null };

/** Runs a prepared program and hears its lines; of it and of what was made for it nothing stays. */
export async function runProgram(
  prepared: Prepared,
  request: ProgramRequest,
): Promise<ProgramResult> {
  const lingering = new AbortController();
  const { hasFinished, onLine, outputBytesMax } = request;
  let timer: NodeJS.Timeout | undefined;
  const hear = (stream: 'stdout' | 'stderr') => {
    const capture = createCapture(outputBytesMax);
    const lines = createLines((line) => {
      onLine?.(line, stream);
      if (stream === 'stderr' || timer !== undefined || !hasFinished?.(line)) return;
      timer = setTimeout(() => lingering.abort(), request.lingerMs ?? LINGER_MS);
    });
    const add = (chunk: Buffer) => {
      capture.add(chunk);
      lines.add(chunk);
    };
    return { add, capture, lines };
  };
  const [stdout, stderr] = [hear('stdout'), hear('stderr')];
  const { timeoutMs, signal, input } = request;
  const { ending } = await runLaunch(prepared.launch, {
    ...{ mark: runMark(request.copy), timeoutMs, signal, input },
    graceMs: prepared.graceMs,
    stop: AbortSignal.any([lingering.signal, prepared.over]),
    onStart: prepared.onStart,
    onStdout: stdout.add,
    onStderr: stderr.add,
  });
  clearTimeout(timer);
  for (const { lines } of [stdout, stderr]) lines.end();
  const { result, complaints } = await prepared.finish();
  const out = stdout.capture.result();
  const err = stderr.capture.result();
  const hasLingered = ending.kind === 'cancelled' && lingering.signal.aborted && !signal?.aborted;
  return {
    ending: hasLingered ? { kind: 'lingered' } : plainly(prepared.endingOf(ending, err.output)),
    stdout: out.output,
    stderr: withComplaints(err.output, complaints),
    cutBytes: out.cutBytes + err.cutBytes,
    result,
  };
}

function plainly(ending: Ending): ProgramResult['ending'] {
  return ending.kind === 'timed-out' ? { kind: 'timed-out' } : ending;
}

/** What a program was refused stands where its own complaints stand. */
export function withComplaints(text: string, complaints: readonly string[]): string {
  const lines = complaints.map((complaint) => `[sandbox: ${complaint}]\n`);
  return lines.length === 0 ? text : `${text}${text === '' ? '' : '\n'}${lines.join('')}`;
}
