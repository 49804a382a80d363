import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJson } from './files.js';
import { isAlive, processRef } from './process.js';

/**
 * What runs, where: written by the process that holds the data folder, read by everyone else.
 * After a stop the processes are null and the ports stay, for the next start.
 */
const schema = z.object({
  phase: z.enum(['starting', 'ready', 'stopping', 'stopped']),
  holder: processRef.nullable(),
  /** ISO 8601 */
  startedAt: z.string(),
  postgres: z
    .object({
      /** With its password: the file is 0600. */
      url: z.string(),
      /** null: a server of the person's own (DATABASE_URL). */
      port: z.number().nullable(),
      process: processRef.nullable(),
    })
    .nullable(),
  temporal: z
    .object({
      address: z.string(),
      namespace: z.string(),
      uiUrl: z.string().nullable(),
      /** null, both: a server of the person's own (TEMPORAL_*). */
      port: z.number().nullable(),
      uiPort: z.number().nullable(),
      /** Of the CLI that runs it, and where that is; null for a person's own server. */
      version: z.string().nullable(),
      cli: z.string().nullable(),
      process: processRef.nullable(),
    })
    .nullable(),
  workers: z.array(z.object({ name: z.string(), process: processRef })),
});
export type State = z.infer<typeof schema>;

const fileOf = (home: string) => join(home, 'state.json');

/**
 * What was last written about this data folder; null when nothing ever ran here. The processes
 * in it may be dead: ask `isRunning`.
 * Throws an error that names the file when it cannot be understood.
 */
export function readState(home: string): State | null {
  return readJson(fileOf(home), schema);
}

/** Replaces it in one step; a reader never sees half of it. */
export function writeState(home: string, state: State): void {
  writeJson(fileOf(home), state);
}

/** Whether the process that holds this stack lives and everything was started. */
export function isRunning(state: State | null): boolean {
  return state?.phase === 'ready' && state.holder !== null && isAlive(state.holder);
}
