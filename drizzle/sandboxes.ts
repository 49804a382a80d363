import type { SandboxFound } from '../src/domain/sandbox.js';
import { call, type Database } from './db.js';

/** What a worker runs programs of agents in, as it has told when it started. */
export interface WorkerSandbox extends SandboxFound {
  readonly worker: string;
}

/** Tells it; whatever waits for it to be mended is asked again. */
export const noteSandbox = (database: Database, given: WorkerSandbox): Promise<unknown> =>
  call(database, 'note_sandbox', given);

export async function readSandboxes({ sql }: Database): Promise<WorkerSandbox[]> {
  return sql<WorkerSandbox[]>`select worker, level, why, fix from worker_sandboxes order by at`;
}
