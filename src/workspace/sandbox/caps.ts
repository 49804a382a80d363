/** What one command in the sandbox may use at most. */
export interface Caps {
  memoryBytes: number;
  processes: number;
  /** Of the largest file that it writes. */
  fileBytes: number;
  /** Of `/tmp` and of shared memory, each. */
  tmpBytes: number;
  /** Of its working copy and home folder. */
  diskBytes: number;
}

const GIB = 2 ** 30;

/** What is allowed where nobody says otherwise, on a machine with so much memory. */
export function defaultCaps(totalBytes: number): Caps {
  return {
    memoryBytes: Math.min(8 * GIB, Math.max(GIB, Math.floor(totalBytes / 2))),
    processes: 1024,
    fileBytes: 4 * GIB,
    tmpBytes: Math.min(GIB, Math.floor(totalBytes / 8)),
    diskBytes: 20 * GIB,
  };
}

/** Kept free of a command's files, because others on this disk would stop without it. */
const RESERVE_BYTES = 2 * GIB;
const LEAST_BYTES = 64 * 2 ** 20;

/** How many bytes a command may add to a disk on which so many are free. */
export function diskAllowance(freeBytes: number, { diskBytes }: Pick<Caps, 'diskBytes'>): number {
  return Math.min(diskBytes, Math.max(LEAST_BYTES, freeBytes - RESERVE_BYTES));
}

/** Whether a command has to stop for those that share its disk. */
export function isNearlyFull(freeBytes: number, freeBefore: number): boolean {
  return freeBytes < RESERVE_BYTES / 2 && freeBefore - freeBytes > LEAST_BYTES;
}

/** The program in front of the command that sets what the kernel enforces by process. */
export function limiter(caps: Caps, caged: boolean): string[] {
  return [
    'prlimit',
    '--core=0',
    `--fsize=${caps.fileBytes}`,
    // Counted for each user: root is let pass, so it needs the control group or the watch.
    `--nproc=${caps.processes}`,
    // Without a control group at least each process is held; its address space may be larger.
    ...(caged ? [] : [`--data=${caps.memoryBytes}`]),
    '--',
  ];
}
