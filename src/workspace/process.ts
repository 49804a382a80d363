import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Copy } from './marker.js';
import {
  COMMAND_MARK,
  listProcesses,
  RUN_MARK,
  type Stopped,
  stopProcesses,
} from './process-table.js';

/** One command in a working copy. No shell takes part unless `file` is one. */
export interface CommandRequest {
  copy: Copy;
  searchPath: string;
  file: string;
  args: readonly string[];
  timeoutMs: number;
  /** Added to the allow-list of PATH, HOME, LANG, TMPDIR and our marks. */
  environment?: Readonly<Record<string, string>>;
  input?: string;
  /** Output kept, in bytes: its first and its last half. 8 MiB unless told. */
  outputBytesMax?: number;
  /** From SIGTERM to SIGKILL. 5 s unless told. */
  graceMs?: number;
  /** Hears output as it comes, stdout and stderr in one stream. */
  onOutput?: (text: string) => void;
  signal?: AbortSignal | undefined;
}

/** How a command ended. */
export type Ending =
  | { kind: 'exited'; exitCode: number }
  | { kind: 'killed'; signal: string }
  | { kind: 'timed-out'; timeoutMs: number }
  | { kind: 'cancelled' }
  | { kind: 'not-started'; reason: string };

export interface CommandResult {
  ending: Ending;
  /** stdout and stderr as they came; a line in the middle says so where bytes were cut. */
  output: string;
  outputBytes: number;
  cutBytes: number;
  durationMs: number;
  /** Processes that outlived the command and were ended; `left` is what could not be ended (0). */
  swept: Stopped;
}

const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** The mark of an attempt, carried by all its processes: `<runId>.<attempt>`. */
export function runMark(copy: Pick<Copy, 'runId' | 'attempt'>): string {
  return `${copy.runId}.${copy.attempt}`;
}

/**
 * Runs a command, niced and in a process group of its own, and ends all that it started: nothing
 * outlives its command. Never throws for what the command does; the ending says it.
 */
export async function runCommand(request: CommandRequest): Promise<CommandResult> {
  const startedAt = performance.now();
  const capture = createCapture(request.outputBytesMax ?? OUTPUT_BYTES_MAX, request.onOutput);
  const finish = (ending: Ending, swept: Stopped = { stopped: 0, left: 0 }) => {
    return { ending, ...capture.result(), durationMs: performance.now() - startedAt, swept };
  };
  const obstacle = await findObstacle(request);
  if (obstacle !== null) return finish({ kind: 'not-started', reason: obstacle });
  if (request.signal?.aborted) return finish({ kind: 'cancelled' });
  const mark = randomUUID();
  const child = start(request, mark);
  const ending = await ended(child, request, capture);
  const group = child.pid;
  if (group === undefined) return finish(ending);
  const swept = await stopProcesses(
    (entry) => entry.commandMark === mark || entry.group === group || entry.session === group,
    request.graceMs === undefined ? {} : { graceMs: request.graceMs },
  );
  await drained(child);
  return finish(ending, swept);
}

/** Says why a command cannot be started: `nice` would only tell by an exit code that others use. */
async function findObstacle({ file, copy, searchPath }: CommandRequest): Promise<string | null> {
  const folders = file.includes('/') ? [''] : searchPath.split(delimiter);
  for (const folder of folders) {
    const path = resolve(copy.path, folder, file);
    const runnable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return null;
  }
  const where = file.includes('/') ? copy.path : `the search path ${searchPath}`;
  return `${file} could not be started: there is no such program in ${where}`;
}

function start(request: CommandRequest, mark: string): ChildProcess {
  const { copy } = request;
  // saturated cores make workflow tasks time out, so agents step back from their first instruction
  const child = spawn('nice', ['-n', '10', '--', request.file, ...request.args], {
    cwd: copy.path,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...request.environment,
      PATH: request.searchPath,
      HOME: copy.home,
      LANG: 'C.UTF-8',
      TMPDIR: join(copy.home, 'tmp'),
      [RUN_MARK]: runMark(copy),
      [COMMAND_MARK]: mark,
    },
  });
  child.stdin?.on('error', () => undefined); // it may end without reading
  child.stdin?.end(request.input ?? '');
  return child;
}

/**
 * Waits for the first of: its end, its time, its cancellation. The processes are ended by the
 * caller.
 */
function ended(child: ChildProcess, request: CommandRequest, capture: Capture): Promise<Ending> {
  child.stdout?.on('data', capture.add);
  child.stderr?.on('data', capture.add);
  return new Promise((resolve) => {
    const finish = (ending: Ending) => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', cancel);
      resolve(ending);
    };
    const cancel = () => finish({ kind: 'cancelled' });
    const { timeoutMs } = request;
    const timer = setTimeout(() => finish({ kind: 'timed-out', timeoutMs }), timeoutMs);
    request.signal?.addEventListener('abort', cancel, { once: true });
    child.once('error', (error) => {
      const { file, copy } = request;
      const reason = `${file} could not be started in ${copy.path}: ${error.message}`;
      finish({ kind: 'not-started', reason });
    });
    child.once('exit', (exitCode, signal) =>
      finish(
        exitCode === null
          ? { kind: 'killed', signal: signal ?? '?' }
          : { kind: 'exited', exitCode },
      ),
    );
  });
}

/**
 * Waits until the pipes are empty. One that got away may hold them open: that ends the wait, not
 * the data.
 */
async function drained(child: ChildProcess): Promise<void> {
  const open = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.closed);
  const closed = open.map((stream) => new Promise((resolve) => stream?.once('close', resolve)));
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, 1000);
  });
  await Promise.race([Promise.all(closed), enough]);
  clearTimeout(timer);
  for (const stream of open) stream?.destroy();
}

interface Capture {
  add(chunk: Buffer): void;
  result(): { output: string; outputBytes: number; cutBytes: number };
}

/** Keeps the first and the last half of `limit` bytes: what failed is said at either end. */
function createCapture(limit: number, onOutput?: (text: string) => void): Capture {
  const half = Math.max(1, Math.floor(limit / 2));
  const head: Buffer[] = [];
  let tail: Buffer[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let outputBytes = 0;
  const decoder = new StringDecoder('utf8');
  const shrink = (joined: Buffer) => joined.subarray(Math.max(0, joined.length - half));
  return {
    add(chunk) {
      outputBytes += chunk.length;
      const first = chunk.subarray(0, half - headBytes);
      const rest = chunk.subarray(first.length);
      headBytes += first.length;
      tailBytes += rest.length;
      if (first.length > 0) head.push(first);
      if (rest.length > 0) tail.push(rest);
      if (tailBytes > 2 * half) {
        tail = [Buffer.from(shrink(Buffer.concat(tail)))];
        tailBytes = tail[0]?.length ?? 0;
      }
      if (onOutput !== undefined) onOutput(decoder.write(chunk));
    },
    result() {
      const last = shrink(Buffer.concat(tail));
      const cutBytes = outputBytes - headBytes - last.length;
      if (cutBytes === 0) {
        return { output: Buffer.concat([...head, last]).toString('utf8'), outputBytes, cutBytes };
      }
      const note = `\n[${cutBytes} of ${outputBytes} bytes cut here; limit ${limit}]\n`;
      const output = Buffer.concat(head).toString('utf8') + note + last.toString('utf8');
      return { output, outputBytes, cutBytes };
    },
  };
}

/** Ends every process that carries one of these marks, and its descendants. */
export async function killOrphans(
  marks: readonly string[],
  options: { graceMs?: number } = {},
): Promise<Stopped> {
  const wanted = new Set(marks);
  return await stopProcesses(
    (entry) => entry.runMark !== null && wanted.has(entry.runMark),
    options,
  );
}

/** Every marked process of this user, so that upkeep can compare marks with open runs. */
export async function listMarked(): Promise<{ pid: number; mark: string }[]> {
  return (await listProcesses()).flatMap(({ pid, runMark: mark }) =>
    mark === null ? [] : { pid, mark },
  );
}
