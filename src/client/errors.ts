/** The name of the class, by which errors are told apart also where classes do not reach. */
export type MissionErrorCode =
  | 'InvalidTaskInput'
  | 'InvalidMessage'
  | 'DuplicateKey'
  | 'WrongState'
  | 'AlreadyDecided'
  | 'TaskEnded'
  | 'NotPermitted'
  | 'TaskNotFound'
  | 'TaskFailed'
  | 'Unreachable'
  | 'Timeout';

/** All errors that are thrown on purpose. The message is for people; `cause` is Temporal's own. */
export abstract class MissionError extends Error {
  abstract readonly code: MissionErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What was asked for cannot be a task: nothing is stored, and the same again fails again. */
export class InvalidTaskInput extends MissionError {
  readonly code = 'InvalidTaskInput';
  /** The first field that is wrong, as in `input.priority`. */
  readonly field: string;

  constructor(message: string, field: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }
}

/** A verb came without what it needs, such as `guide` without a text. Nothing was changed. */
export class InvalidMessage extends MissionError {
  readonly code = 'InvalidMessage';
}

/** Another task has this source and key: it was filed under another workflow id. */
export class DuplicateKey extends MissionError {
  readonly code = 'DuplicateKey';
  /** The short number of the task that stands: 42 is `T-42`. */
  readonly number: number | null;
  /** For `tasks.get`; null where the server did not tell. */
  readonly workflowId: string | null;

  constructor(
    message: string,
    task: { readonly number: number | null; readonly workflowId: string | null },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.number = task.number;
    this.workflowId = task.workflowId;
  }
}

/** The verb is not legal now; the message names what is. Nothing was changed. */
export class WrongState extends MissionError {
  readonly code: 'WrongState' | 'AlreadyDecided' = 'WrongState';
}

/** Somebody else approved or rejected first, and the first decision stands. Also a `WrongState`. */
export class AlreadyDecided extends WrongState {
  override readonly code = 'AlreadyDecided';
}

/** The record of this workflow id has ended, and is not opened again: file a new task. */
export class TaskEnded extends MissionError {
  readonly code = 'TaskEnded';
}

/** The principal has no right to this. */
export class NotPermitted extends MissionError {
  readonly code = 'NotPermitted';
}

/** Temporal knows no task of this id in this namespace. */
export class TaskNotFound extends MissionError {
  readonly code = 'TaskNotFound';
}

/** The task's workflow ended without an outcome: terminated in Temporal, timed out, or broken. */
export class TaskFailed extends MissionError {
  readonly code = 'TaskFailed';
}

/** Temporal cannot be talked to: nothing listens there, or it does not let us in. */
export class Unreachable extends MissionError {
  readonly code = 'Unreachable';
  /** `host:port` */
  readonly address: string;

  constructor(message: string, address: string, options?: ErrorOptions) {
    super(message, options);
    this.address = address;
  }
}

/**
 * Temporal answers, but no worker did in time. A decision may still arrive: repeat the call with
 * `{ messageId }` of this error; however often it is sent, it is applied once and answered once.
 */
export class Timeout extends MissionError {
  readonly code = 'Timeout';
  /** Of the verb that may still arrive; null for what changes nothing. */
  readonly messageId: string | null;

  constructor(message: string, messageId: string | null, options?: ErrorOptions) {
    super(message, options);
    this.messageId = messageId;
  }
}
