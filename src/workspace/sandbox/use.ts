import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode } from '../lock.js';
import { listProcesses } from '../process-table.js';
import { type Caps, diskAllowance, isNearlyFull } from './caps.js';

/** Looks at what a command uses where the kernel does not hold it. */
export interface UseWatch {
  /** Aborted when it uses more than it may. */
  signal: AbortSignal;
  /** From when on its processes are counted; not called where a control group holds them. */
  countFrom(pid: number): void;
  complaints(): string[];
  close(): void;
}

const EVERY_MS = 250;

/**
 * Watches how much the folders grow. The free space of their disk tells at once and costs nothing;
 * only when that has shrunk by as much as the command may add, its folders are measured.
 */
export async function watchUse(folders: readonly string[], caps: Caps): Promise<UseWatch> {
  const over = new AbortController();
  const complaints: string[] = [];
  const [first = '/'] = folders;
  const before = await freeBytes(first);
  const allowance = diskAllowance(before, caps);
  let root: number | null = null;
  const stop = (complaint: string) => {
    complaints.push(complaint);
    over.abort();
  };
  const look = async () => {
    if (over.signal.aborted) return;
    const free = await freeBytes(first);
    // Files that it has open but removed are not found, so a full disk is reason enough.
    if (isNearlyFull(free, before)) return stop('the disk is nearly full');
    if (before - free > allowance && (await sizeOf(folders, allowance)) > allowance) {
      return stop(`wrote more than ${allowance >> 20} MiB to disk`);
    }
    if (root !== null && (await countBelow(root)) > caps.processes) {
      stop(`started more than ${caps.processes} processes`);
    }
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look()
      .catch(() => undefined) // a folder that vanishes while we look
      .finally(() => {
        looking = false;
      });
  }, EVERY_MS);
  return {
    signal: over.signal,
    countFrom(pid) {
      root = pid;
    },
    complaints: () => complaints,
    close: () => clearInterval(timer),
  };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** The bytes on disk of all files below, counted no further than `enough`. */
async function sizeOf(folders: readonly string[], enough: number): Promise<number> {
  let total = 0;
  const left = [...folders];
  for (let folder = left.pop(); folder !== undefined && total <= enough; folder = left.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (isCode(error, 'EACCES')) total = Number.POSITIVE_INFINITY; // what is hidden is too much
      return [];
    });
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) left.push(path);
      else total += ((await lstat(path).catch(() => null))?.blocks ?? 0) * 512;
    }
  }
  return total;
}

async function countBelow(root: number): Promise<number> {
  const children = new Map<number, number[]>();
  for (const { pid, parent } of await listProcesses()) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  let count = 0;
  const left = [root];
  for (let pid = left.pop(); pid !== undefined; pid = left.pop()) {
    count++;
    left.push(...(children.get(pid) ?? []));
  }
  return count;
}
