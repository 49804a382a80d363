import type { CheckResult, Recipe } from '../domain/repository.js';
import type { Copy } from './marker.js';
import { createLines } from './output.js';
import type { CommandResult } from './process.js';
import type { Sandbox } from './sandbox/index.js';
import { commandIn } from './setup/run.js';

/** The checks of a repository, to be run on a prepared copy. */
export interface CheckRequest {
  copy: Copy;
  recipe: Recipe;
  signal?: AbortSignal | undefined;
  onLine?: ((line: string) => void) | undefined;
  /** For each check. 15 minutes unless told. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 15 * 60_000;
const OUTPUT_BYTES_MAX = 64 * 1024;

/** A check could not even begin here: that says nothing of the commit. */
export class CheckNotStarted extends Error {
  override readonly name = 'CheckNotStarted';

  constructor(command: string, reason: string) {
    super(`${command} could not be started: ${reason}`);
  }
}

/**
 * Runs all checks, in order, in the sandbox and without a network: a red one keeps none of the
 * others from being run. What a check started is ended with it.
 * @throws CheckNotStarted
 */
export async function runChecks(
  { sandbox, searchPath }: { sandbox: Sandbox; searchPath: string },
  request: CheckRequest,
): Promise<CheckResult[]> {
  const { copy, recipe, signal, onLine, timeoutMs = TIMEOUT_MS } = request;
  const results: CheckResult[] = [];
  for (const command of recipe.checks) {
    const lines = createLines((line) => onLine?.(line));
    const result = await sandbox.run({
      copy,
      searchPath,
      file: 'sh',
      args: commandIn(recipe.folder, command),
      environment: { CI: 'true' },
      timeoutMs,
      outputBytesMax: OUTPUT_BYTES_MAX,
      onOutput: (text) => lines.add(Buffer.from(text)),
      signal,
    });
    lines.end();
    signal?.throwIfAborted();
    results.push({ command, ...came(command, result), durationMs: Math.round(result.durationMs) });
  }
  return results;
}

function came(
  command: string,
  { ending, output }: CommandResult,
): Pick<CheckResult, 'exitCode' | 'output'> {
  const stopped = (why: string) => ({
    exitCode: null,
    output: `${output}${output === '' || output.endsWith('\n') ? '' : '\n'}[${why}]\n`,
  });
  switch (ending.kind) {
    case 'exited':
      return { exitCode: ending.exitCode, output };
    case 'killed':
      return stopped(`ended by ${ending.signal}`);
    case 'timed-out':
      return stopped(`stopped after ${Math.round(ending.timeoutMs / 1000)} s`);
    case 'cancelled':
      return stopped('stopped');
    case 'not-started':
      throw new CheckNotStarted(command, ending.reason);
    default:
      return ending satisfies never;
  }
}
