import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { AdmissionAnswer, TaskEnd } from '../src/contract.js';
import type { TerminalStatus } from '../src/domain/task.js';

/** Refused in the inbox. */
export class Rejected extends Error {
  readonly end: TaskEnd;
  constructor({ by, reason }: Extract<AdmissionAnswer, { kind: 'rejected' }>) {
    super(reason);
    this.end = { status: 'REJECTED', by, door: 'temporal', reason };
  }
}

/** The record says that the task has ended: nothing of it is begun any more. */
export class Over extends Error {
  readonly status: TerminalStatus;
  constructor(status: TerminalStatus) {
    super(`the task is ${status}`);
    this.status = status;
  }
}

const CANCELLED_IN_TEMPORAL: TaskEnd = {
  status: 'CANCELLED',
  by: 'person:unnamed',
  door: 'temporal',
  reason: 'cancelled in Temporal',
};

/** The end that an error stands for; null for a defect, which is thrown on. */
export function endOf(error: unknown, asked: TaskEnd | null): TaskEnd | null {
  if (error instanceof Rejected) return error.end;
  return isCancellation(error) ? (asked ?? CANCELLED_IN_TEMPORAL) : null;
}

/** An activity's own failure instead of the envelope that Temporal puts around it. */
export async function sayingWhy<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : null;
    if (!(cause instanceof ApplicationFailure)) throw error;
    throw ApplicationFailure.nonRetryable(cause.message, cause.type, ...(cause.details ?? []));
  }
}
