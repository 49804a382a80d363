import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The variables by which processes of a run, and of one command of it, are found again. */
export const RUN_MARK = 'MISSION_RUN_MARK';
export const COMMAND_MARK = 'MISSION_COMMAND_MARK';

/** A living process (zombies are left out: they hold nothing and only wait to be reaped). */
export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  session: number;
  runMark: string | null;
  commandMark: string | null;
}

const run = promisify(execFile);
const onLinux = process.platform === 'linux';

/** When a process began, in a form only good for comparing; null when there is none. */
export async function startOf(pid: number): Promise<string | null> {
  try {
    if (onLinux) {
      const stat = statFields(await readFile(`/proc/${pid}/stat`, 'utf8'));
      return stat[0] === 'Z' ? null : (stat[19] ?? null);
    }
    const { stdout } = await run('/bin/ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

let herePromise: Promise<string> | null = null;

/**
 * Names the host, its boot and the PID namespace: within one place a pid with its start is unique.
 */
export function place(): Promise<string> {
  herePromise ??= findPlace();
  return herePromise;
}

async function findPlace(): Promise<string> {
  const parts = onLinux
    ? await Promise.all([
        readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'boot'),
        readlink('/proc/self/ns/pid').catch(() => 'pid'),
      ])
    : [
        (await run('/usr/sbin/sysctl', ['-n', 'kern.boottime']).catch(() => null))?.stdout ??
          'boot',
      ];
  return [hostname(), ...parts.map((part) => part.trim())].join('|');
}

/** The fields of `/proc/<pid>/stat` after the name, which may itself hold spaces and brackets. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** All living processes whose data this user may read. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  if (!onLinux) return await listByPs();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map(readEntry));
  return entries.filter((entry) => entry !== null);
}

async function readEntry(pid: string): Promise<ProcessEntry | null> {
  try {
    const [state, parent, group, session] = statFields(await readFile(`/proc/${pid}/stat`, 'utf8'));
    if (state === 'Z' || state === 'X') return null;
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      runMark: variable(environ, RUN_MARK, '\0'),
      commandMark: variable(environ, COMMAND_MARK, '\0'),
    };
  } catch {
    return null; // ended while we looked
  }
}

/** macOS shows the environment of one's own processes behind their command; best effort. */
async function listByPs(): Promise<ProcessEntry[]> {
  const format = 'pid=,ppid=,pgid=,sess=,stat=,command=';
  const { stdout } = await run('/bin/ps', ['-axEww', '-o', format], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\w+)\s+(\S+)\s(.*)$/.exec(line);
    if (found === null) return [];
    const [, pid, parent, group, session, state = '', rest = ''] = found;
    if (state.startsWith('Z')) return [];
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      runMark: variable(` ${rest}`, RUN_MARK, ' '),
      commandMark: variable(` ${rest}`, COMMAND_MARK, ' '),
    };
  });
}

function variable(environ: string, name: string, separator: string): string | null {
  const text = separator + environ;
  const at = text.indexOf(`${separator}${name}=`);
  if (at < 0) return null;
  const from = at + name.length + 2;
  const to = text.indexOf(separator, from);
  return text.slice(from, to < 0 ? undefined : to);
}

/** Which processes are to end; their descendants end with them. */
export type Chosen = (entry: ProcessEntry) => boolean;

export interface Stopped {
  /** How many processes were signalled. */
  stopped: number;
  /** How many are still there after SIGKILL and `deadlineMs`: 0 unless the kernel holds one. */
  left: number;
}

/**
 * Ends the chosen processes and all that descends from them: SIGTERM, `graceMs`, then SIGKILL until
 * two looks in a row find none. A process that both left the tree and emptied its environment is
 * out of reach without a sandbox.
 */
export async function stopProcesses(
  chosen: Chosen,
  { graceMs = 5000, deadlineMs = 10_000 } = {},
): Promise<Stopped> {
  const seen = new Set<number>();
  const killFrom = Date.now() + graceMs;
  const deadline = killFrom + deadlineMs;
  for (let clean = 0; clean < 2; ) {
    const found = withDescendants(await listProcesses(), chosen);
    if (found.length > 0 && Date.now() > deadline)
      return { stopped: seen.size, left: found.length };
    clean = found.length === 0 ? clean + 1 : 0;
    for (const { pid } of found) {
      if (Date.now() >= killFrom) send(pid, 'SIGKILL');
      else if (!seen.has(pid)) send(pid, 'SIGTERM');
      seen.add(pid);
    }
    if (clean < 2) await sleep(found.length === 0 ? 5 : 25);
  }
  return { stopped: seen.size, left: 0 };
}

function withDescendants(all: readonly ProcessEntry[], chosen: Chosen): ProcessEntry[] {
  const picked = new Set(all.filter(chosen).map((entry) => entry.pid));
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of all) {
      if (picked.has(parent) && !picked.has(pid)) {
        picked.add(pid);
        grown = true;
      }
    }
  }
  picked.delete(process.pid);
  return all.filter((entry) => picked.has(entry.pid) && entry.pid !== 1);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ended by itself, or not ours to signal: the next look tells
  }
}
