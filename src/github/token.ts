import { readFile, stat } from 'node:fs/promises';
import { Trouble } from './trouble.js';

/** Where a token is looked for. */
export interface TokenPlaces {
  /** A file of the data folder: mended without a restart, so it comes first. */
  readonly file: string;
  /** Of the environment, as configuration has read it. */
  readonly environment: string | null;
}

/**
 * The token, read anew each time; null where there is none.
 * @throws Trouble where the file may be read by others
 */
export async function readToken({ file, environment }: TokenPlaces): Promise<string | null> {
  const found = await stat(file).catch(() => null);
  if (found === null) return environment;
  if ((found.mode & 0o077) !== 0) {
    throw new Trouble('refused', `${file} may be read by others: chmod 600 ${file}`);
  }
  const token = (await readFile(file, 'utf8')).trim();
  return token === '' ? environment : token;
}
