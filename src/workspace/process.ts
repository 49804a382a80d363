import { join } from 'node:path';
import { type Ending, findObstacle, type Launch, niced, runLaunch, type Watch } from './launch.js';
import type { Copy } from './marker.js';
import { type Captured, createCapture } from './output.js';
import { listProcesses, type Stopped, stopProcesses } from './process-table.js';

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
  /** Hosts that it may reach from the sandbox, `npm.example.com:443`; none unless told. */
  hosts?: readonly string[];
  /** Output kept, in bytes: its first and its last half. 8 MiB unless told. */
  outputBytesMax?: number;
  /** From SIGTERM to SIGKILL. 5 s unless told. */
  graceMs?: number;
  /** Hears output as it comes, stdout and stderr in one stream. */
  onOutput?: (text: string) => void;
  signal?: AbortSignal | undefined;
}

export interface CommandResult extends Captured {
  /** Its output is stdout and stderr as they came. */
  ending: Ending;
  durationMs: number;
  /** Processes that outlived the command and were ended; `left` is what could not be ended (0). */
  swept: Stopped;
}

const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/** The mark of an attempt, carried by all its processes: `<runId>.<attempt>`. */
export function runMark(copy: Pick<Copy, 'runId' | 'attempt'>): string {
  return `${copy.runId}.${copy.attempt}`;
}

/** Runs a command, niced, in its copy and with nothing around it: for what persons wrote. */
export async function runCommand(request: CommandRequest): Promise<CommandResult> {
  const obstacle = await findObstacle(request.file, request.copy.path, request.searchPath);
  if (obstacle !== null) return notStarted(obstacle);
  return await runCaptured(request, plainLaunch(request));
}

/** The result of a command that could not even begin. */
export function notStarted(reason: string): CommandResult {
  const swept = { stopped: 0, left: 0 };
  const ending = { kind: 'not-started', reason } as const;
  return { ending, output: '', outputBytes: 0, cutBytes: 0, durationMs: 0, swept };
}

/** Runs a launch with both streams captured in one. */
export async function runCaptured(
  request: Omit<CommandRequest, 'searchPath'>,
  launch: Launch,
  more: Pick<Watch, 'stop' | 'onStart'> = {},
): Promise<CommandResult> {
  const startedAt = performance.now();
  const capture = createCapture(request.outputBytesMax ?? OUTPUT_BYTES_MAX, request.onOutput);
  const { copy, timeoutMs, input, signal, graceMs } = request;
  const { ending, swept } = await runLaunch(launch, {
    mark: runMark(copy),
    ...{ timeoutMs, input, signal, graceMs, ...more },
    onStdout: capture.add,
    onStderr: capture.add,
  });
  return { ending, ...capture.result(), durationMs: performance.now() - startedAt, swept };
}

/** The command as it is; `environment` cannot set what is ours. */
export function plainLaunch(
  request: Pick<CommandRequest, 'copy' | 'searchPath' | 'file' | 'args' | 'environment'>,
): Launch {
  const { copy, file, args, searchPath, environment } = request;
  return {
    name: file,
    ...niced(file, args),
    cwd: copy.path,
    environment: {
      ...environment,
      PATH: searchPath,
      HOME: copy.home,
      LANG: 'C.UTF-8',
      TMPDIR: join(copy.home, 'tmp'),
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
