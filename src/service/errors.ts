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

/** What says that the database is away; a query's failure is wrapped round it. null: it is not. */
export function lostConnection(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error ? String(error.code) : '';
  const lost = /^(ECONN|ETIMEDOUT|ENOTFOUND|CONNECT|57P0|08)/.test(code) || code === 'ENOENT';
  return lost ? error : lostConnection(error.cause);
}
