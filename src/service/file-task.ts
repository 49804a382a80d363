import { uuidv7 } from 'uuidv7';
import { fileTask, readForBegin } from '../../drizzle/steps.js';
import { Timeout, Unreachable } from '../client/errors.js';
import { taskWorkflowId } from '../contract.js';
import { taskLabel } from '../domain/ids.js';
import { isTerminal, type TaskStatus } from '../domain/task.js';
import { firstLine } from '../domain/text.js';
import { checkRequest, InvalidTaskInput, parseTaskRequest } from '../schema/request.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';

export interface Filed {
  readonly id: string;
  readonly number: number;
  readonly task: string;
  /** The task's: of one that was filed before it may be another than was given now. */
  readonly title: string;
  /** False: the same (source, key) had filed it before. */
  readonly created: boolean;
  /** False: Temporal is away, and upkeep starts it when it is back. */
  readonly started: boolean;
  readonly status: TaskStatus;
  readonly message: string;
}

/**
 * Files a task: the record and its intent to start are one statement; then its workflow is started
 * at once. Works while Temporal is away. Throws `ServiceError` when the request cannot be a task.
 */
export async function file(deps: ServiceDeps, raw: object): Promise<Filed> {
  const { database, principal, door } = deps;
  const id = uuidv7();
  const facts = await readForBegin(database, '');
  const request = sayingWhy(() => {
    const parsed = parseTaskRequest({ ...raw, owner: principal });
    checkRequest(parsed, facts.roster, facts.repositories);
    return parsed;
  });
  const workflowId = taskWorkflowId(id);
  const filed = await fileTask(database, { id, workflowId, door, request });
  const { title } = filed;
  const { priority } = request;
  const started =
    isTerminal(filed.status) ||
    (await start(deps, { workflowId: filed.workflowId, title, priority }));
  const task = taskLabel(filed.number);
  const otherwise = title === request.title ? '' : `, as "${firstLine(title, 200)}"`;
  const how = filed.created ? 'filed' : `was filed before under this key${otherwise}`;
  const message = started ? `${task} ${how}` : `${task} ${how}; starts when Temporal is back`;
  return { ...filed, task, started, message };
}

function sayingWhy<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof InvalidTaskInput) throw new ServiceError('usage', asTyped(error.message));
    throw error;
  }
}

/** Whoever types fields has no `input` around them. */
const asTyped = (message: string): string => message.replaceAll(/(^|; )input\./g, '$1');

async function start(
  deps: ServiceDeps,
  task: Parameters<Awaited<ReturnType<ServiceDeps['engine']>>['start']>[0],
): Promise<boolean> {
  try {
    await (await deps.engine()).start(task);
    return true;
  } catch (error) {
    if (error instanceof Unreachable || error instanceof Timeout) return false;
    throw error;
  }
}
