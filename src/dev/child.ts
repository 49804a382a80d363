import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import { execa } from 'execa';
import { justStarted, lastLines, type ProcessRef, terminate, untilDead } from './process.js';

/** A process that somebody watches. */
export interface Child {
  process: ProcessRef;
  /** Settles when it has ended, with how: `exit code 1`, `SIGKILL`, `gone`. Never rejects. */
  exited: Promise<string>;
  lastLines(): string[];
  /** Ends it: asks, waits so many milliseconds, kills. */
  stop(graceMs: number): Promise<void>;
}

/** Logs grow over many starts; one older generation is kept. */
const LOG_LIMIT = 20_000_000;

/** The shell opens the log and becomes the program: execa's types know no file descriptor. */
const INTO_LOG = 'log=$MC_LOG; unset MC_LOG; exec "$0" "$@" >>"$log" 2>&1';

/**
 * Starts a program in a process group of its own, its output going straight to a file: so it
 * neither hears the terminal's Ctrl-C nor dies of a broken pipe when we are killed.
 * `env` is added to our environment. A program that does not exist ends with exit code 127.
 */
export async function spawnLogged(
  program: string,
  args: readonly string[],
  { logFile, env = {} }: { logFile: string; env?: Record<string, string> },
): Promise<Child> {
  const from = openLog(logFile);
  const running = execa('/bin/sh', ['-c', INTO_LOG, program, ...args], {
    stdio: 'ignore',
    detached: true, // setsid: leader of its own group
    cleanup: false,
    reject: false,
    env: { ...env, MC_LOG: logFile },
  });
  const exited = running.then((end) => end.signal ?? `exit code ${end.exitCode}`);
  const process = running.pid === undefined ? null : justStarted(running.pid);
  const lines = () => lastLines(logFile, { from });
  if (!process) {
    throw new Error([`${program} could not be started (${await exited})`, ...lines()].join('\n  '));
  }
  return {
    process,
    exited,
    lastLines: lines,
    stop: (graceMs) => terminate(process, { graceMs, group: true }),
  };
}

/** Makes the log, readable by its owner alone, and returns its size: what follows is new. */
function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LOG_LIMIT) renameSync(file, `${file}.1`);
  closeSync(openSync(file, 'a', 0o600));
  return statSync(file).size;
}

/** A running process that is not our child: its end is seen by looking. */
export function watch(process: ProcessRef, parts: Pick<Child, 'lastLines' | 'stop'>): Child {
  return { process, exited: untilDead(process).then(() => 'gone'), ...parts };
}
