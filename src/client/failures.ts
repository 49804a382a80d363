import {
  ApplicationFailure,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  isGrpcServiceError,
  NamespaceNotFoundError,
  QueryNotRegisteredError,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { ErrorType } from '../contract.js';
import {
  AlreadyDecided,
  DuplicateKey,
  InvalidMessage,
  InvalidTaskInput,
  MissionError,
  NotPermitted,
  TaskEnded,
  TaskFailed,
  TaskNotFound,
  Unreachable,
  WrongState,
} from './errors.js';

/** What was tried, for the sentences of errors. */
export interface Attempted {
  /** `approve`, `state` … */
  readonly what: string;
  readonly workflowId: string;
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
}

/**
 * What an error of Temporal's client means. Two answers need a second look at the server:
 * `silent` (nobody answered in time: a worker, or Temporal itself?) and `ended` (how?).
 */
export type Meaning =
  | { readonly kind: 'error'; readonly error: MissionError }
  | { readonly kind: 'silent' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'unregistered' }
  | { readonly kind: 'unheard' }
  /** Not ours to explain: a defect keeps its own class and stack. */
  | { readonly kind: 'unknown' };

/** gRPC status codes by name; the library that has them is not ours to import. */
const GRPC = {
  PERMISSION_DENIED: 7,
  FAILED_PRECONDITION: 9,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/** The server's word for a worker that lost its workflow task: nothing has been done. */
const isUnheard = ({ cause }: WorkflowUpdateFailedError): boolean =>
  cause instanceof ApplicationFailure && cause.type === 'UnprocessedUpdate';

/** The one table from Temporal's errors to ours. */
export function meaningOf(error: unknown, tried: Attempted): Meaning {
  const ours = (found: MissionError): Meaning => ({ kind: 'error', error: found });
  if (error instanceof MissionError) return ours(error);
  if (error instanceof WorkflowUpdateFailedError && isUnheard(error)) return { kind: 'unheard' };
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    return meaningOfFailure(error.cause, tried);
  }
  if (error instanceof WorkflowNotFoundError) {
    // The second is what an update hears that arrived while its workflow was closing.
    if (/already completed|closing workflow/.test(error.message)) return { kind: 'ended' };
    return ours(notFound(tried, error));
  }
  if (error instanceof NamespaceNotFoundError) {
    const why = `has no namespace "${tried.namespace}"; name another (TEMPORAL_NAMESPACE)`;
    return ours(
      new Unreachable(`Temporal at ${tried.address} ${why}`, tried.address, causedBy(error)),
    );
  }
  if (error instanceof QueryNotRegisteredError) {
    if (/not registered yet/.test(error.message)) return { kind: 'unregistered' };
    return ours(notFound(tried, error));
  }
  if (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    isGrpcDeadlineError(error) ||
    isGrpcCancelledError(error)
  ) {
    return { kind: 'silent' };
  }
  return meaningOfCode(error, tried);
}

function meaningOfCode(error: unknown, tried: Attempted): Meaning {
  switch (grpcCode(error)) {
    case GRPC.FAILED_PRECONDITION: // "no poller seen for task queue recently"
      return { kind: 'silent' };
    case GRPC.UNAVAILABLE:
      return { kind: 'error', error: unreachable(tried.address, error) };
    case GRPC.UNAUTHENTICATED:
    case GRPC.PERMISSION_DENIED: {
      const message =
        `Temporal at ${tried.address} does not let us into namespace "${tried.namespace}"; ` +
        'check TEMPORAL_API_KEY and TEMPORAL_TLS_*';
      return { kind: 'error', error: new Unreachable(message, tried.address, causedBy(error)) };
    }
    default:
      return { kind: 'unknown' };
  }
}

function grpcCode(error: unknown): number | null {
  const inner = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
  return isGrpcServiceError(inner) ? inner.code : null;
}

/** A failure that the workflow itself told. */
function meaningOfFailure(cause: Error | undefined, tried: Attempted): Meaning {
  const ours = (error: MissionError): Meaning => ({ kind: 'error', error });
  if (cause instanceof TerminatedFailure || cause instanceof TimeoutFailure) {
    const how = cause instanceof TerminatedFailure ? 'was terminated in Temporal' : 'timed out';
    const why = cause.message === '' ? '' : ` (${cause.message})`;
    const message = `${tried.workflowId} ${how}${why}: nobody works on it any more`;
    return ours(new TaskFailed(message, causedBy(cause)));
  }
  if (!(cause instanceof ApplicationFailure)) {
    const why = cause?.message ?? 'no reason was given';
    return ours(new TaskFailed(`${tried.workflowId} failed: ${why}`, causedBy(cause)));
  }
  // The workflow ended between taking the update and answering it.
  if (cause.type === 'AcceptedUpdateCompletedWorkflow') return { kind: 'ended' };
  const known = BY_TYPE[cause.type as ErrorType];
  return ours(
    known?.(cause) ?? new TaskFailed(`${tried.workflowId}: ${cause.message}`, causedBy(cause)),
  );
}

/** The failures that workflow and activities name, by their `type`. */
const BY_TYPE: Readonly<Record<ErrorType, (cause: ApplicationFailure) => MissionError>> = {
  InvalidTaskInput: (cause) =>
    new InvalidTaskInput(cause.message, text(detailsOf(cause).field) ?? 'input', causedBy(cause)),
  DuplicateKey: (cause) => {
    const { number, workflowId } = detailsOf(cause);
    const task = {
      number: typeof number === 'number' ? number : null,
      workflowId: text(workflowId),
    };
    return new DuplicateKey(cause.message, task, causedBy(cause));
  },
  TaskEnded: (cause) => new TaskEnded(cause.message, causedBy(cause)),
  WrongState: (cause) => new WrongState(cause.message, causedBy(cause)),
  AlreadyDecided: (cause) => new AlreadyDecided(cause.message, causedBy(cause)),
  InvalidMessage: (cause) => new InvalidMessage(cause.message, causedBy(cause)),
  NotPermitted: (cause) => new NotPermitted(cause.message, causedBy(cause)),
  UnknownWorkflowType: (cause) => new TaskNotFound(cause.message, causedBy(cause)),
};

const detailsOf = (cause: ApplicationFailure) =>
  (cause.details?.[0] ?? {}) as Readonly<Record<string, unknown>>;

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const causedBy = (cause: unknown): ErrorOptions => ({ cause });

export const notFound = (tried: Attempted, cause?: unknown): TaskNotFound =>
  new TaskNotFound(
    `there is no task "${tried.workflowId}" in namespace "${tried.namespace}" of ` +
      `${tried.address}; tasks.list() shows which there are`,
    causedBy(cause),
  );

/** Where a program looks that is told nothing. */
export const DEFAULT_ADDRESS = 'localhost:7233';

/** What to do when nothing answers at an address. */
export function unreachable(address: string, cause?: unknown): Unreachable {
  const what =
    address === DEFAULT_ADDRESS
      ? 'the usual address; if Mission Control runs on another port, `mission status` prints the ' +
        'address: set TEMPORAL_ADDRESS to it. If it does not run, start it (mission up)'
      : 'start it (mission up), or name another server by TEMPORAL_ADDRESS or connect({ address })';
  const sep = address === DEFAULT_ADDRESS ? ', ' : '; ';
  const message = `Temporal does not answer at ${address}${sep}${what}`;
  return new Unreachable(message, address, causedBy(cause));
}
