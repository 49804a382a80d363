/** Why nothing can be learnt or done there right now. None of them fails a task. */
export type TroubleKind =
  /** The token is missing, or may not do this: a person has to mend it. */
  | 'refused'
  /** So many calls are not allowed; it says when they are again. */
  | 'limited'
  /** No answer, or one that no server of this kind gives. */
  | 'away';

export class Trouble extends Error {
  override readonly name = 'Trouble';
  readonly kind: TroubleKind;
  /** When it is worth trying again; null: nobody said. */
  readonly retryAfterMs: number | null;

  constructor(kind: TroubleKind, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** It answers, and does not do what was asked: asking again gives the same answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Answered {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** What an error of the client stands for. `what` names the call: `reading acme/shop#5`. */
export function asTrouble(error: unknown, host: string, what: string): Error {
  const answered = answeredBy(error);
  if (answered === null) {
    const said = error instanceof Error ? (causeOf(error) ?? error.message) : String(error);
    return new Trouble('away', `${host} cannot be reached (${said})`);
  }
  const { status, message } = answered;
  const limited = limitOf(answered);
  if (limited !== null) {
    const seconds = Math.ceil(limited / 1000);
    return new Trouble('limited', `${host} takes no more calls for ${seconds} s`, limited);
  }
  if (status === 401) return new Trouble('refused', `${host} refuses the token: ${message}`);
  if (status === 403) {
    return new Trouble('refused', `the token may not do this on ${host}: ${what}: ${message}`);
  }
  if (status >= 500 || status === 0) {
    return new Trouble('away', `${host} answers ${status} to ${what}`);
  }
  return new Refusal(status, `${host} answers ${status} to ${what}: ${message}`);
}

/** How long no call is taken; null where calls are. */
function limitOf({ status, headers, message }: Answered): number | null {
  if (status !== 403 && status !== 429) return null;
  const after = Number(headers['retry-after']);
  if (after > 0) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset']) * 1000;
  if (headers['x-ratelimit-remaining'] === '0' && reset > 0) {
    const now = Date.parse(headers.date ?? '') || Date.now();
    return Math.max(1_000, reset - now);
  }
  return status === 429 || /rate limit/i.test(message) ? 60_000 : null;
}

function answeredBy(error: unknown): Answered | null {
  if (!(error instanceof Error) || !('status' in error) || !('response' in error)) return null;
  const { response } = error as { response?: { headers?: Answered['headers']; data?: unknown } };
  if (response === undefined) return null;
  const said = response.data as { message?: unknown; errors?: { message?: unknown }[] } | undefined;
  const details = (Array.isArray(said?.errors) ? said.errors : []).flatMap((each) =>
    typeof each.message === 'string' ? [each.message] : [],
  );
  const message = [typeof said?.message === 'string' ? said.message : '', ...details]
    .filter((part) => part !== '')
    .join(': ');
  return { status: Number(error.status), message, headers: response.headers ?? {} };
}

const causeOf = ({ cause }: Error): string | null =>
  cause instanceof Error ? (causeOf(cause) ?? cause.message) : null;
