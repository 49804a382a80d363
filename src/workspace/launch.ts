import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readdir, readFile } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { COMMAND_MARK, RUN_MARK, type Stopped, stopProcesses } from './process-table.js';

/** How a command ended. */
export type Ending =
  | { kind: 'exited'; exitCode: number }
  | { kind: 'killed'; signal: string }
  | { kind: 'timed-out'; timeoutMs: number }
  | { kind: 'cancelled' }
  | { kind: 'not-started'; reason: string };

/** What is really started: a command itself, or a sandbox with the command in it. */
export interface Launch {
  /** For messages. */
  name: string;
  file: string;
  args: readonly string[];
  cwd: string;
  /** All of its environment but the marks. */
  environment: Readonly<Record<string, string>>;
  /** What it reads from the descriptors 3, 4 and so on, each whole. */
  data?: readonly (string | Uint8Array)[];
}

/** How a launch is watched. */
export interface Watch {
  /** The mark of the attempt that it belongs to. */
  mark: string;
  timeoutMs: number;
  input?: string | undefined;
  graceMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onStdout: (chunk: Buffer) => void;
  onStderr: (chunk: Buffer) => void;
  /** Aborted: it is over, as if its time were. */
  stop?: AbortSignal | undefined;
  onStart?: ((pid: number) => void) | undefined;
}

/**
 * Starts a launch in a process group of its own, and ends all that it started: nothing outlives it.
 * Never throws for what it does; the ending says it. One that `stop` ended is `cancelled`.
 */
export async function runLaunch(
  launch: Launch,
  watch: Watch,
): Promise<{ ending: Ending; swept: Stopped }> {
  const none = { stopped: 0, left: 0 };
  if (watch.signal?.aborted) return { ending: { kind: 'cancelled' }, swept: none };
  const mark = randomUUID();
  const nothing = await open('/dev/null', 'r');
  const stdio = await streamsOf(launch, nothing.fd);
  const marks = { [RUN_MARK]: watch.mark, [COMMAND_MARK]: mark };
  const child = start(launch, stdio, marks);
  if (child instanceof Error) {
    await nothing.close();
    return { ending: { kind: 'not-started', reason: whyNot(launch, child) }, swept: none };
  }
  // Heard from its first moment on: whatever is awaited before, it may end meanwhile.
  const end = ended(child, launch, watch);
  const group = child.pid;
  if (group !== undefined) watch.onStart?.(group);
  child.stdin?.on('error', () => undefined); // it may end without reading
  child.stdin?.end(watch.input ?? '');
  await nothing.close();
  const ending = await end;
  if (group === undefined) return { ending, swept: none };
  const swept = await stopProcesses(
    (entry) => entry.commandMark === mark || entry.group === group || entry.session === group,
    watch.graceMs === undefined ? {} : { graceMs: watch.graceMs },
  );
  await drained(child);
  return { ending, swept };
}

/** Says why a command cannot be started: `nice` would only tell by an exit code that others use. */
export async function findObstacle(
  file: string,
  folder: string,
  searchPath: string,
): Promise<string | null> {
  if ((await findProgram(file, folder, searchPath)) !== null) return null;
  const where = file.includes('/') ? folder : `the search path ${searchPath}`;
  return `${file} could not be started: there is no such program in ${where}`;
}

/** Where a program is: its name on the search path, or its path as seen from the folder. */
export async function findProgram(
  file: string,
  folder: string,
  searchPath: string,
): Promise<string | null> {
  const folders = file.includes('/') ? [''] : searchPath.split(delimiter);
  for (const each of folders) {
    const path = resolve(folder, each, file);
    const runnable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runnable) return path;
  }
  return null;
}

/** Saturated cores make workflow tasks time out, so agents step back from their first step on. */
export function niced(file: string, args: readonly string[]): Pick<Launch, 'file' | 'args'> {
  return { file: 'nice', args: ['-n', '10', '--', file, ...args] };
}

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Streams = ('pipe' | 'ignore' | number)[];

/** What this process got from its own parent without knowing is not the command's. */
async function streamsOf({ data = [] }: Launch, nothing: number): Promise<Streams> {
  const streams: Streams = ['pipe', 'pipe', 'pipe', ...data.map(piped)];
  for (const inherited of await listInheritable()) {
    while (streams.length <= inherited) streams.push('ignore'); // which leaves it as it is
    if (streams[inherited] === 'ignore') streams[inherited] = nothing;
  }
  return streams;
}

/** An error when it cannot even be tried: with a NUL in an argument, or more than may be passed. */
function start(
  launch: Launch,
  stdio: Streams,
  marks: Record<string, string>,
): ChildProcess | Error {
  const { file, args, cwd, environment, data = [] } = launch;
  try {
    const env = { ...environment, ...marks };
    const child = spawn(file, [...args], { cwd, detached: true, stdio, env });
    for (const [index, text] of data.entries()) {
      const stream = child.stdio[3 + index];
      if (!stream || !('end' in stream)) continue;
      stream.on('error', () => undefined); // when it could not be started, or ends at once
      stream.end(text);
    }
    return child;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const whyNot = ({ name, cwd }: Launch, error: Error): string =>
  `${name} could not be started in ${cwd}: ${error.message}`;

const piped = () => 'pipe' as const;

/** Open descriptors that a child would inherit, above those of the standard streams. */
async function listInheritable(): Promise<number[]> {
  const closesOnExec = 0o2000000;
  const names = await readdir('/proc/self/fdinfo').catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const info = await readFile(`/proc/self/fdinfo/${name}`, 'utf8').catch(() => '');
      const flags = /^flags:\s*([0-7]+)/m.exec(info)?.[1];
      if (flags === undefined || Number(name) < 3) return [];
      return (Number.parseInt(flags, 8) & closesOnExec) === 0 ? [Number(name)] : [];
    }),
  );
  return found.flat();
}

/**
 * Waits for the first of: its end, its time, its cancellation. The processes are ended by the
 * caller.
 */
function ended(child: ChildProcess, launch: Launch, watch: Watch): Promise<Ending> {
  child.stdout?.on('data', watch.onStdout);
  child.stderr?.on('data', watch.onStderr);
  return new Promise((resolve) => {
    const finish = (ending: Ending) => {
      clearTimeout(timer);
      for (const signal of stops) signal?.removeEventListener('abort', cancel);
      resolve(ending);
    };
    const cancel = () => finish({ kind: 'cancelled' });
    const stops = [watch.signal, watch.stop];
    const { timeoutMs } = watch;
    const late = () => finish({ kind: 'timed-out', timeoutMs });
    const timer = setTimeout(late, Math.min(timeoutMs, LONGEST_TIMER_MS));
    for (const signal of stops) {
      signal?.addEventListener('abort', cancel, { once: true });
      if (signal?.aborted) cancel();
    }
    child.once('error', (error) => {
      finish({ kind: 'not-started', reason: whyNot(launch, error) });
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
