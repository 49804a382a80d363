import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder through which a program hands over its result. */
export interface Exchange {
  folder: string;
  /** The name of the file in it. */
  file: string;
  /** What was written; null when nothing was. `complaint` says why something was not taken. */
  read(): Promise<{ result: string | null; complaint: string | null }>;
  close(): Promise<void>;
}

const FILE = 'result';
const RESULT_BYTES_MAX = 16 * 2 ** 20;

/** Makes the folder in another one that the program cannot see. */
export async function openExchange(parent: string): Promise<Exchange> {
  const folder = await mkdtemp(join(parent, 'out-'));
  return {
    folder,
    file: FILE,
    read: () => readResult(join(folder, FILE)),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Only a real file counts: a link would name a file of ours, a pipe would never end. */
async function readResult(path: string) {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => error);
  if (file instanceof Error) {
    const complaint = file.code === 'ENOENT' ? null : `the result file was not taken: ${file.code}`;
    return { result: null, complaint };
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) {
      return { result: null, complaint: 'the result file was not taken: it is no file' };
    }
    // A part would pass for the whole.
    if (found.size > RESULT_BYTES_MAX) {
      const most = `${RESULT_BYTES_MAX >> 20} MiB`;
      return { result: null, complaint: `the result file was not taken: more than ${most}` };
    }
    return { result: await file.readFile('utf8'), complaint: null };
  } finally {
    await file.close();
  }
}
