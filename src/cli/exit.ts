import type { ServiceErrorKind } from '../service/errors.js';

/** What a script can tell apart. 4 is kept for rights, which come with tokens. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  waitsForPerson: 5,
  limit: 6,
  unreachable: 7,
  timeout: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_OF = {
  failed: EXIT.failed,
  usage: EXIT.usage,
  'not-found': EXIT.notFound,
  'waits-for-person': EXIT.waitsForPerson,
  limit: EXIT.limit,
  unreachable: EXIT.unreachable,
  timeout: EXIT.timeout,
} as const satisfies Record<ServiceErrorKind, ExitCode>;

/** Said wrongly on the command line itself. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
