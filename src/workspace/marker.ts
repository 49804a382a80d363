import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedId, checkedNumber, copiesPath, type Identity, type Source } from './names.js';

/**
 * A working copy of one attempt of one run. Plain JSON: it is what the marker file holds, beside
 * the agent's tree.
 */
export interface Copy {
  /** `<taskNumber>-<runId>-<attempt>`, the name of the folder. */
  name: string;
  /** The agent's tree. */
  path: string;
  /** The private folder of its commands; `tmp` lies in it. */
  home: string;
  /** What agents' programs have as home: of the run, so that another attempt has its sessions. */
  user: string;
  /** The machine that it lies on. */
  host: string;
  source: Source;
  taskId: string;
  taskNumber: number;
  runId: string;
  attempt: number;
  branch: string;
  /** The commit the copy was opened at. */
  from: string;
  /** The commit merged into it when it was opened, after a landing conflict. */
  merging: string | null;
  identity: Identity;
  /** When it was opened, ISO 8601. */
  openedAt: string;
}

/** The name of a copy, made of our own ids only. */
export function copyName(taskNumber: number, runId: string, attempt: number): string {
  const number = checkedNumber('task number', taskNumber);
  return `${number}-${checkedId('run id', runId)}-${checkedNumber('attempt', attempt)}`;
}

/** The marker lies outside the agent's tree, where its commands have no business. */
export function markerPath(home: string, name: string): string {
  return join(copiesPath(home), `${name}.json`);
}

/**
 * Writes the marker whole or not at all, before the copy itself: what is half made can be found.
 */
export async function writeMarker(home: string, copy: Copy): Promise<void> {
  await mkdir(copiesPath(home), { recursive: true, mode: 0o700 });
  const path = markerPath(home, copy.name);
  await writeFile(`${path}.new`, JSON.stringify(copy, null, 2));
  await rename(`${path}.new`, path);
}

/** All copies that carry a marker of ours, half-deleted ones included. */
export async function readMarkers(home: string): Promise<Copy[]> {
  const names = await readdir(copiesPath(home)).catch(() => []);
  const markers = names.filter((name) => /^\d+-[0-9a-f-]{36}-\d+\.json$/.test(name));
  const copies = await Promise.all(
    markers.map(async (name) => {
      try {
        return JSON.parse(await readFile(join(copiesPath(home), name), 'utf8')) as Copy;
      } catch {
        return null; // removed while we looked
      }
    }),
  );
  return copies.filter((copy) => copy !== null);
}
