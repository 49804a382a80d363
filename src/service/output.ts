import { readDeliverable, readWork } from '../../drizzle/read-output.js';
import { readTask } from '../../drizzle/reads.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { taskNamed } from './find-task.js';

/** What a task has come to: texts whole, files as they were stored. */
export interface Output {
  readonly task: string;
  readonly rehearsed: boolean;
  readonly execution: number;
  readonly report: string;
  readonly diff: string;
  readonly commands: string;
  readonly landing: { readonly ref: string | null; readonly summary: string } | null;
  /** Without a repository: the deliverable, once it is accepted. */
  readonly files: readonly {
    readonly path: string;
    readonly mode: string;
    readonly body: Buffer;
  }[];
}

/** The result of the last successful execution. Throws `not-found` where there is none yet. */
export async function output(deps: ServiceDeps, name: string): Promise<Output> {
  const { id, number } = await taskNamed(deps.database, name);
  const task = `T-${number}`;
  const [work, record, files] = await Promise.all([
    readWork(deps.database, id),
    readTask(deps.database, id),
    readDeliverable(deps.database, id),
  ]);
  if (work === null) {
    throw new ServiceError('not-found', `${task} has no result yet: no execution has succeeded`);
  }
  const { number: execution, ...texts } = work;
  const { rehearsed, landing } = record;
  return { task, rehearsed, execution, ...texts, landing, files };
}
