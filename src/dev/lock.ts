import { linkSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJson } from './files.js';
import { isAlive, type ProcessRef, processRef, thisProcess } from './process.js';

/** The holder of a data folder; null once it has let go. */
const schema = z.object({ holder: processRef.nullable() });

export type LockResult = { kind: 'held'; release(): void } | { kind: 'taken'; by: ProcessRef };

/**
 * Takes the data folder for this process, or says who has it. One that has died holds nothing.
 *
 * The lock is a row of files `lock.1`, `lock.2` …, of which the highest counts. Taking it over
 * makes the next one, which succeeds for one process only; nothing is ever removed but by a
 * later holder. So of two that find a dead holder at the same time exactly one gets the folder,
 * which removing and making again one file could not promise.
 */
export function takeLock(home: string): LockResult {
  for (;;) {
    const last = Math.max(0, ...numbers(home));
    const holder = last === 0 ? null : readHolder(home, last);
    if (holder && isAlive(holder)) return { kind: 'taken', by: holder };
    const mine = last + 1;
    if (!create(home, mine)) continue; // another was faster: look again
    const others = numbers(home);
    if (Math.max(...others) > mine) {
      rmSync(lockFile(home, mine), { force: true }); // ours came too late in the row
      continue;
    }
    for (const older of others) if (older < mine) rmSync(lockFile(home, older), { force: true });
    return { kind: 'held', release: () => writeJson(lockFile(home, mine), { holder: null }) };
  }
}

/** Makes the file with its content in one step; false when it is there already. */
function create(home: string, number: number): boolean {
  const beside = join(home, `lock-new-${process.pid}`);
  writeFileSync(beside, JSON.stringify({ holder: thisProcess() }), { mode: 0o600 });
  try {
    linkSync(beside, lockFile(home, number));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

/** null also when a later holder has just removed the file: the next look finds the later one. */
function readHolder(home: string, number: number): ProcessRef | null {
  return readJson(lockFile(home, number), schema)?.holder ?? null;
}

function numbers(home: string): number[] {
  return readdirSync(home).flatMap((name) => {
    const number = /^lock\.(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

const lockFile = (home: string, number: number) => join(home, `lock.${number}`);
