import { uuidv7 } from 'uuidv7';
import type { TaskRow } from '../../drizzle/reads.js';
import type { Engine } from '../client/engine.js';
import {
  InvalidMessage,
  MissionError,
  TaskNotFound,
  Timeout,
  Unreachable,
} from '../client/errors.js';
import type { VerbAnswer, VerbMessage } from '../contract.js';
import { taskLabel } from '../domain/ids.js';
import { isTerminal, legalVerbs, type Priority, type Verb } from '../domain/task.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { taskNamed } from './find-task.js';

/** What a verb may carry, besides who says it. */
export interface VerbFields {
  readonly text?: string;
  readonly reason?: string;
  readonly executor?: string;
  readonly reviewers?: readonly string[];
  readonly priority?: Priority;
}

export interface VerbDone {
  readonly task: string;
  readonly verb: Verb;
  /** False: delivered, and applied as soon as a worker runs. */
  readonly applied: boolean;
  /** All that there is to say of it: `rejected, by person:ann; it ends now`. */
  readonly message: string;
  readonly status: VerbAnswer['status'];
  readonly blocked: VerbAnswer['blocked'];
}

/**
 * Applies a verb to a task and answers what came of it. When no worker answers in time the same
 * message is delivered as a signal: it is applied once, later. Throws `ServiceError`.
 */
export async function applyVerb(
  deps: ServiceDeps,
  name: string,
  verb: Verb,
  fields: VerbFields = {},
): Promise<VerbDone> {
  const task = await taskNamed(deps.database, name);
  refuseEnded(task, verb);
  const { principal: by, door } = deps;
  const message: VerbMessage = { ...fields, verb, by, door, messageId: uuidv7() };
  const engine = await deps.engine();
  try {
    const answer = await updating(engine, task, message);
    const label = taskLabel(task.number);
    const { status, blocked } = answer;
    return { task: label, verb, applied: true, message: outcome(message, answer), status, blocked };
  } catch (error) {
    throw await explained(error, engine, task, message);
  }
}

const DONE = {
  approve: 'approved',
  reject: 'rejected',
  guide: 'guided',
  answer: 'answered',
  retry: 'tried again',
  reassign: 'reassigned',
  accept: 'accepted',
  cancel: 'cancelled',
  reprioritise: 'reprioritised',
  pause: 'paused',
  resume: 'resumed',
} as const satisfies Record<Verb, string>;

/** In one sentence what was done and what comes of it; never a state that is over in a moment. */
export function outcome(
  { verb, by }: Pick<VerbMessage, 'verb' | 'by'>,
  { status, blocked, admission }: Pick<VerbAnswer, 'status' | 'blocked' | 'admission'>,
): string {
  const said = `${DONE[verb]}, by ${by}`;
  if (verb === 'reject') return `${said}; it ends now`;
  if (verb === 'cancel') return `${said}; what runs is stopped, and it ends`;
  if (blocked !== null) return `${said}; it is BLOCKED: ${blocked}`;
  if (status !== 'INBOX') return `${said}; it is ${status} now`;
  return admission.kind === 'admitted'
    ? `${said}; ${admission.by} has admitted it`
    : `${said}; it waits for a person's approval: ${admission.reason}`;
}

/** A closed workflow takes no message: what it would say is known from the record. */
function refuseEnded({ number, status, blocked }: TaskRow, verb: Verb): void {
  if (!isTerminal(status)) return;
  const legal = legalVerbs(status, blocked);
  const now = legal.length === 0 ? 'nothing more can be done to it' : legal.join(', ');
  const sentence = `${verb} is not possible: ${taskLabel(number)} is ${status}, ${now}`;
  throw new ServiceError('failed', sentence);
}

/** A task that was filed while Temporal was away is started first. */
async function updating(engine: Engine, task: TaskRow, message: VerbMessage): Promise<VerbAnswer> {
  try {
    return await engine.update(task.workflowId, message);
  } catch (error) {
    if (!(error instanceof TaskNotFound && !task.started)) throw error;
    await engine.start(task);
    return await engine.update(task.workflowId, message);
  }
}

async function explained(
  error: unknown,
  engine: Engine,
  { number, workflowId }: TaskRow,
  message: VerbMessage,
): Promise<unknown> {
  if (!(error instanceof MissionError)) return error;
  const label = taskLabel(number);
  if (error instanceof Unreachable) {
    return new ServiceError('unreachable', `${error.message}; nothing was changed`);
  }
  if (error instanceof TaskNotFound) {
    const sentence = `${label}: Temporal has lost its workflow; start it again: mission repair`;
    return new ServiceError('failed', sentence);
  }
  if (!(error instanceof Timeout)) {
    const kind = error instanceof InvalidMessage ? 'usage' : 'failed';
    return new ServiceError(kind, `${label}: ${error.message}`);
  }
  await engine.deliver(workflowId, message);
  return new ServiceError(
    'timeout',
    `${label}: no worker has answered in time; the message is there, and ${message.verb} takes ` +
      'effect as soon as one runs; what is wrong: mission status',
  );
}
