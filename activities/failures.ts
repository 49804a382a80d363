import { ApplicationFailure } from '@temporalio/activity';
import type { ErrorType } from '../src/contract.js';

/**
 * The failure table. Everything an activity throws is retried by Temporal, with back-off and
 * without end, except what is made here: a repeat would give the same answer.
 *
 * | what | how it ends |
 * |---|---|
 * | input, key or message that cannot be used | `refused`: final, with the sentence that says why |
 * | the agent's own failure | no throw: the run is closed `FAILED`, and a person is asked |
 * | a backend that throws | `broken`: retried a few times, then the run is `FAILED` |
 * | database, git or Temporal away | plain error: retried |
 * | worker shuts down | `leaving`: retried at once elsewhere, never counted |
 * | another attempt has taken over | `superseded`: retried; a zombie's retry goes nowhere |
 * | the task has ended before its result could land | `endedMeanwhile`: final, and nothing moves |
 */
export const refused = (type: ErrorType, message: string, details: object = {}) =>
  ApplicationFailure.nonRetryable(message, type, details);

export const leaving = () =>
  ApplicationFailure.create({
    message: 'the worker is shutting down; the run resumes from its checkpoint',
    type: 'WorkerShutdown',
    nextRetryDelay: '100ms',
  });

export const superseded = (run: string, attempt: number) =>
  ApplicationFailure.create({
    message: `attempt ${attempt} of run ${run} was taken over; its work is discarded`,
    type: 'Superseded',
    nextRetryDelay: '5s',
  });

/** Nobody waits for it any more. */
export const endedMeanwhile = (label: string) =>
  refused('TaskEnded', `${label} has ended meanwhile: its result does not land`);

export const broken = (message: string) =>
  ApplicationFailure.create({ message, type: 'BackendDefect', nextRetryDelay: '1s' });

/** A backend threw, which none does for what an agent does: its own defect. */
export class Defect extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
