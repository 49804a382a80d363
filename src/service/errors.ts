/** What a door tells its caller apart; the command line has an exit code for each. */
export const SERVICE_ERRORS = [
  /** It was understood and is not possible: a verb in the wrong state, a changed policy. */
  'failed',
  /** What was asked cannot be asked. */
  'usage',
  'not-found',
  /** It waits for a person's decision. */
  'waits-for-person',
  'limit',
  'unreachable',
  'timeout',
] as const;
export type ServiceErrorKind = (typeof SERVICE_ERRORS)[number];

/** A refusal with one clear sentence for people. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly kind: ServiceErrorKind;

  constructor(kind: ServiceErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
