import type { Database } from '../../drizzle/db.js';
import { findTask, type TaskRow } from '../../drizzle/reads.js';
import { CANARY_PREFIX } from '../contract.js';
import { parseTaskLabel, taskLabel } from '../domain/ids.js';
import { ServiceError } from './errors.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LARGEST = 2_147_483_647;

/** The task that a person names: `T-42`, `t-42`, `42` or its uuid. A canary is none. */
export async function taskNamed(database: Database, name: string): Promise<TaskRow> {
  const number = parseTaskLabel(name);
  const by = UUID.test(name.trim()) ? { id: name.trim() } : number === null ? null : { number };
  if (by === null) {
    throw new ServiceError('usage', `"${name}" names no task: give its number, such as T-42`);
  }
  const isTooLarge = number !== null && number > LARGEST;
  const found = isTooLarge ? null : await findTask(database, by);
  if (found === null) {
    throw new ServiceError(
      'not-found',
      `there is no task ${number === null ? name : `T-${number}`}`,
    );
  }
  if (found.workflowId.startsWith(CANARY_PREFIX)) {
    const label = taskLabel(found.number);
    throw new ServiceError(
      'not-found',
      `${label} is no task: the doctor sent it through the pipe as a canary, and it goes by itself`,
    );
  }
  return found;
}
