import { createHash } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { attribute, CANARY_PREFIX, TASK_WORKFLOW, taskStart, taskWorkflowId } from '../contract.js';
import type { BlockReason, Priority, TaskStatus, WaitReason } from '../domain/task.js';
import { InvalidTaskInput as BadRequest, parseTaskRequest } from '../schema/request.js';
import { InvalidTaskInput, TaskNotFound } from './errors.js';
import { notFound } from './failures.js';
import { handleOf, type TaskHandle } from './handle.js';
import { ask, type Link } from './link.js';

/** What is asked for. Only a title is needed; the same JSON starts a task from any client. */
export interface NewTask {
  /** One line, at most 200 characters. */
  readonly title: string;
  /** At most 256 KB. */
  readonly description?: string;
  /** What must hold of the result, each criterion by itself; at most 50. */
  readonly acceptance?: readonly string[];
  /** `NORMAL` unless set. */
  readonly priority?: Priority;
  /** An agent's id; `implementer` unless set. */
  readonly assignee?: string;
  /** One reviewer by id; chosen when the review is queued unless set. */
  readonly reviewer?: string;
  /** Several, instead of `reviewer`; at most 5. */
  readonly reviewers?: readonly string[];
  /** The name of a known repository; without one the task's files are its result. */
  readonly repository?: string | null;
  /** The principal who files it; the connection's `by` unless set. */
  readonly owner?: string;
}

export interface StartOptions {
  /** Filing again with the same source and key is filing once, also after the task's end. */
  readonly idempotencyKey?: string;
  /** Whose keys these are; `sdk` unless set. */
  readonly source?: string;
}

export interface ListOptions {
  readonly status?: TaskStatus;
  /** An agent's id. */
  readonly assignee?: string;
  /** At most so many, the newest first; 100 unless set. */
  readonly limit?: number;
}

/** A task as Temporal lists it. `tasks.get` has the rest. */
export interface ListedTask {
  readonly workflowId: string;
  /** null while no worker has registered it, and of what could not be filed. */
  readonly status: TaskStatus | null;
  readonly priority: Priority | null;
  readonly assignee: string | null;
  readonly reviewers: readonly string[];
  readonly waitingFor: WaitReason | BlockReason | null;
  readonly cycles: number;
  /** ISO time. */
  readonly startedAt: string;
}

/** Files and finds tasks. */
export interface Tasks {
  /**
   * Files a task by starting its workflow. Resolves when Temporal has stored it, also while no
   * worker runs. What only the roster knows (an unknown agent or repository) is told by the
   * handle's `state()` and `result()`.
   * @throws InvalidTaskInput naming the field, before anything is stored; Unreachable
   */
  start(request: NewTask, options?: StartOptions): Promise<TaskHandle>;
  /**
   * A task that Temporal knows, by its workflow id or by what follows `task/` in it.
   * @throws TaskNotFound, Unreachable
   */
  get(id: string): Promise<TaskHandle>;
  /**
   * The tasks that Temporal still keeps, closed ones included. A list may be a second behind.
   * @throws Unreachable
   */
  list(options?: ListOptions): Promise<ListedTask[]>;
}

export const tasksOf = (link: Link): Tasks => ({
  start: (request, options = {}) => start(link, request, options),
  get: (id) => find(link, id),
  list: (options = {}) => list(link, options),
});

async function start(link: Link, asked: NewTask, options: StartOptions): Promise<TaskHandle> {
  const { idempotencyKey: key, source = key === undefined ? undefined : 'sdk' } = options;
  const input = {
    owner: link.by,
    ...asked,
    ...(source ? { source } : {}),
    ...(key === undefined ? {} : { key }),
  };
  const request = checked(input);
  const workflowId = taskWorkflowId(
    request.key === null ? uuidv7() : digestOf([request.source, request.key]),
  );
  const begin = (differences: { workflowIdReusePolicy?: 'ALLOW_DUPLICATE_FAILED_ONLY' } = {}) =>
    ask(link, { what: 'start', workflowId }, async () => {
      const filed = { ...taskStart({ ...request, workflowId }, link.taskQueue), args: [input] };
      await link.client.workflow.start(TASK_WORKFLOW, { ...filed, ...differences });
    }).catch((error: unknown) => {
      // It has ended: then its handle, too, is what was asked for.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return 'ended' as const;
    });
  // What could not be filed was no task yet: once the reason is mended, the key may file one.
  if ((await begin()) === 'ended' && (await hasFailed(link, workflowId))) {
    await begin({ workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY' });
  }
  return handleOf(link, workflowId);
}

/** The shape is checked here, so that a mistyped field is told to who typed it, at once. */
function checked(input: object) {
  try {
    return parseTaskRequest(input);
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error;
    throw new InvalidTaskInput(error.message, error.field, { cause: error });
  }
}

const digestOf = (parts: readonly (string | null)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

const describe = (link: Link, workflowId: string) =>
  ask(link, { what: 'describe', workflowId }, () =>
    link.client.workflow.getHandle(workflowId).describe(),
  );

const hasFailed = async (link: Link, workflowId: string): Promise<boolean> =>
  (await describe(link, workflowId)).status.name === 'FAILED';

async function find(link: Link, id: string): Promise<TaskHandle> {
  const missing = notFound({ what: 'get', workflowId: id, ...link });
  for (const workflowId of [id, taskWorkflowId(id)]) {
    try {
      const { type } = await describe(link, workflowId);
      if (type === TASK_WORKFLOW) return handleOf(link, workflowId);
    } catch (error) {
      if (!(error instanceof TaskNotFound)) throw error;
    }
  }
  throw missing;
}

async function list(link: Link, options: ListOptions): Promise<ListedTask[]> {
  const { status, assignee, limit = 100 } = options;
  const query = [
    `WorkflowType = ${quoted(TASK_WORKFLOW)}`,
    `WorkflowId NOT STARTS_WITH ${quoted(CANARY_PREFIX)}`,
    ...(status === undefined ? [] : [`TaskStatus = ${quoted(status)}`]),
    ...(assignee === undefined ? [] : [`Assignee = ${quoted(assignee)}`]),
  ].join(' AND ');
  return ask(link, { what: 'list', workflowId: '' }, async () => {
    const found: ListedTask[] = [];
    for await (const one of link.client.workflow.list({ query, pageSize: limit })) {
      if (found.length >= limit) break;
      const { typedSearchAttributes: attributes, workflowId, startTime } = one;
      found.push({
        workflowId,
        status: (attributes.get(attribute.status) as TaskStatus | undefined) ?? null,
        priority: (attributes.get(attribute.priority) as Priority | undefined) ?? null,
        assignee: attributes.get(attribute.assignee) ?? null,
        reviewers: attributes.get(attribute.reviewers) ?? [],
        waitingFor: (attributes.get(attribute.waitingFor) as WaitReason | undefined) ?? null,
        cycles: attributes.get(attribute.cycles) ?? 0,
        startedAt: startTime.toISOString(),
      });
    }
    return found;
  });
}

/** A string of Temporal's list filter. */
const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
