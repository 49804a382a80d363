import { closeSync, fstatSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { execaSync } from 'execa';
import { z } from 'zod';

/**
 * One process, for as long as it lives. A pid alone is not enough: after its end the number is
 * given to a stranger, and a stranger must never be adopted or killed.
 */
export const processRef = z.object({ pid: z.number().int().positive(), startedAt: z.string() });
export type ProcessRef = z.infer<typeof processRef>;

/** The process that has this pid now, or null when there is none (a zombie counts as none). */
export function findProcess(pid: number): ProcessRef | null {
  const found = look(pid);
  return found && !found.dead ? { pid, startedAt: found.startedAt } : null;
}

/** A child that we have just started; it may have ended already, but we have not collected it. */
export function justStarted(pid: number): ProcessRef | null {
  const found = look(pid);
  return found && { pid, startedAt: found.startedAt };
}

/** Our own process. */
export function thisProcess(): ProcessRef {
  const self = findProcess(process.pid);
  if (!self) throw new Error(`The start time of this process (${process.pid}) cannot be read.`);
  return self;
}

/** Whether exactly this process still runs: same pid, same start time. */
export function isAlive(ref: ProcessRef): boolean {
  return findProcess(ref.pid)?.startedAt === ref.startedAt;
}

/** The command line of a process as one string, '' when it cannot be read. */
export function commandLine(pid: number): string {
  try {
    if (platform() !== 'linux') return ps(pid, 'command=');
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Waits until the process has ended; looks five times a second. `signal` ends the wait early. */
export async function untilDead(ref: ProcessRef, signal?: AbortSignal): Promise<void> {
  while (isAlive(ref) && !signal?.aborted) await sleep(200);
}

interface Termination {
  graceMs: number;
  group?: boolean;
  signal?: NodeJS.Signals;
}

/**
 * Asks a process to end, waits, and kills it when it has not ended in time.
 * @param graceMs how long it may take to end by itself, in milliseconds
 * @param group send the signals to its whole process group (it must be a group's leader)
 * @param signal what asks it to end; SIGTERM by default
 */
export async function terminate(
  ref: ProcessRef,
  { graceMs, group = false, signal = 'SIGTERM' }: Termination,
): Promise<void> {
  if (!isAlive(ref)) return; // its group's number, too, may be a stranger's by now
  const target = group ? -ref.pid : ref.pid;
  const deadline = Date.now() + graceMs;
  send(target, signal);
  while (isAlive(ref) && Date.now() < deadline) await sleep(25);
  // Also when the leader has ended: what it left in its own group must not go on without it.
  if (group || isAlive(ref)) send(target, 'SIGKILL');
  while (isAlive(ref)) await sleep(25);
}

/** Sends a signal; a target that is gone already is no error. A negative target is a group. */
export function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The last lines of a log file, at most `count`, counted from byte `from`; [] without a file. */
export function lastLines(file: string, { count = 15, from = 0 } = {}): string[] {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(from, size - 16_384);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8').split('\n').filter(Boolean).slice(-count);
  } finally {
    closeSync(fd);
  }
}

interface Sighting {
  startedAt: string;
  /** Ended, and not yet collected by its parent. */
  dead: boolean;
}

function look(pid: number): Sighting | null {
  return platform() === 'linux' ? lookInProc(pid) : lookByPs(pid);
}

/** Boot and PID namespace belong to it: the same pid and ticks exist in every container. */
function lookInProc(pid: number): Sighting | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses; the fields begin after the last.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid');
    const dead = fields[0] === 'Z' || fields[0] === 'X';
    return { startedAt: `${boot} ${namespace} ${fields[19]}`, dead };
  } catch {
    return null;
  }
}

function lookByPs(pid: number): Sighting | null {
  const [state, ...started] = ps(pid, 'state=,lstart=').split(/\s+/);
  return state ? { startedAt: started.join(' '), dead: state.startsWith('Z') } : null;
}

function ps(pid: number, format: string): string {
  const { stdout } = execaSync('ps', ['-o', format, '-p', String(pid)], {
    env: { LC_ALL: 'C', TZ: 'UTC' },
    reject: false,
  });
  return String(stdout ?? '').trim();
}
