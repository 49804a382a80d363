import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a drain is asked for by one shell and told of by the process that holds the folder. */
const wishFile = (home: string): string => join(home, 'drain');
const toldFile = (home: string): string => join(home, 'drain.log');

/** The wish of another shell that the holder drains for so long before it ends. */
export function wishDrain(home: string, timeoutMs: number): void {
  writeFileSync(toldFile(home), '', { mode: 0o600 });
  writeFileSync(wishFile(home), String(timeoutMs), { mode: 0o600 });
}

/** Milliseconds, or null where nobody has wished for it. */
export function wishedDrain(home: string): number | null {
  const text = read(wishFile(home));
  return text === null ? null : Number(text) || 0;
}

export function forgetDrain(home: string): void {
  rmSync(wishFile(home), { force: true });
}

/** For the shell that waits. */
export const tellDrain = (home: string, line: string): void =>
  appendFileSync(toldFile(home), `${line}\n`);

/** Whole lines only. */
export const toldDrain = (home: string): string[] =>
  (read(toldFile(home)) ?? '').split('\n').slice(0, -1);

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
