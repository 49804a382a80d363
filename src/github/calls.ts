import { Octokit } from '@octokit/core';
import { restEndpointMethods } from '@octokit/plugin-rest-endpoint-methods';
import { asTrouble } from './trouble.js';

const Api = Octokit.plugin(restEndpointMethods);
const CALL_TIMEOUT_MS = 20_000;

interface Response {
  readonly data: unknown;
  readonly headers: { etag?: string; date?: string; link?: string };
}

/** An answer, or that nothing has changed. */
type Answer<T extends Response> =
  | { readonly kind: 'new'; readonly data: T['data']; readonly headers: T['headers'] }
  | { readonly kind: 'unchanged'; readonly headers: T['headers'] };

/** Calls with one token. Nothing is retried here: whoever waits asks again. */
export interface Calls {
  readonly rest: InstanceType<typeof Api>['rest'];
  /** @throws Trouble, Refusal */
  call<T extends Response>(what: string, request: () => Promise<T>): Promise<Answer<T>>;
}

export function createCalls(settings: {
  readonly apiUrl: string;
  readonly host: string;
  readonly token: string;
}): Calls {
  const { rest } = new Api({
    auth: settings.token,
    baseUrl: settings.apiUrl,
    userAgent: 'mission-control',
    log: { debug() {}, info() {}, warn() {}, error() {} },
    request: {
      fetch: (url: string, init: RequestInit) =>
        fetch(url, { ...init, signal: AbortSignal.timeout(CALL_TIMEOUT_MS) }),
    },
  });
  return {
    rest,
    async call(what, request) {
      try {
        const { data, headers } = await request();
        return { kind: 'new', data, headers };
      } catch (error) {
        const unchanged = headersOf304(error);
        if (unchanged !== null) return { kind: 'unchanged', headers: unchanged };
        throw asTrouble(error, settings.host, what);
      }
    },
  };
}

function headersOf304(error: unknown): Response['headers'] | null {
  if (!(error instanceof Error) || !('status' in error) || error.status !== 304) return null;
  return (error as { response?: { headers?: Response['headers'] } }).response?.headers ?? {};
}
