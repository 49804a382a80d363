import { readdirSync, readFileSync } from 'node:fs';

/** Seconds of CPU by process; those of `workers` with the programs that they ran. */
export interface Cpu {
  readonly server: number;
  readonly worker: number;
  readonly postgres: number;
}

/** USER_HZ of every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

interface Stat {
  readonly parent: number;
  /** Its own time, and that of its children which have ended. */
  readonly seconds: number;
}

function statOf(pid: number): Stat | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything.
    const fields = line
      .slice(line.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, each) => sum + each, 0);
    return { parent: fields[1] ?? 0, seconds: ticks / TICKS_A_SECOND };
  } catch {
    return null; // ended meanwhile
  }
}

/** CPU time of a process, of its living children, and of those that have ended. */
export function cpuOf(pid: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const stats = new Map(pids.map((name) => [Number(name), statOf(Number(name))]));
  const sum = (of: number): number => {
    const children = [...stats].filter(([, stat]) => stat?.parent === of).map(([child]) => child);
    return (stats.get(of)?.seconds ?? 0) + children.map(sum).reduce((a, b) => a + b, 0);
  };
  return sum(pid);
}

/** Resident memory in MB. */
export function memoryOf(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return (pages * 4096) / 1e6;
}
