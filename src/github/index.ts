/**
 * GitHub, and servers that speak as it does. Knows its API; not git, not the database, not
 * Temporal. A task is never failed by it: what cannot be learnt is a `Trouble`.
 */
import type { PullRequestText, Slug } from '../domain/pull-request.js';
import { OUR_MARK, slugOf } from '../domain/pull-request.js';
import { type Calls, createCalls } from './calls.js';
import { type Asked, type Looked, look, readAs } from './look.js';
import * as shapes from './shapes.js';
import { readToken, type TokenPlaces } from './token.js';
import { Refusal, Trouble } from './trouble.js';

export { Refusal, Trouble } from './trouble.js';

export interface GitHubSettings extends TokenPlaces {
  /** `https://api.github.com`, or a server's own: `https://git.acme.example/api/v3`. */
  readonly apiUrl: string;
}

/** A pull request as it was opened or found. */
export interface OpenedPullRequest {
  readonly number: number;
  readonly url: string;
}

interface FoundPullRequest extends OpenedPullRequest {
  readonly isOpen: boolean;
}

export type GitHub = ReturnType<typeof createGitHub>;

/** Binds the API to a server and to where its token is found. Reads nothing before it is asked. */
export function createGitHub(settings: GitHubSettings) {
  const { apiUrl } = settings;
  const host = hostOf(apiUrl);
  const token = async (): Promise<string> => {
    const found = await readToken(settings);
    if (found !== null) return found;
    const how = `put one into ${settings.file} (chmod 600), or set GITHUB_TOKEN`;
    throw new Trouble('refused', `there is no token for ${host}: ${how}`);
  };
  const open = async () => createCalls({ apiUrl, host, token: await token() });
  return {
    host,
    slugOf: (url: string): Slug | null => slugOf(url, host),
    /** Where git reaches a repository: by https, whatever the person's own remote says. */
    gitUrl: ({ owner, name }: Slug) => `${webOf(apiUrl)}/${owner}/${name}.git`,
    /** For git's environment alone: an argument would be seen by every user of the machine. */
    async gitAccess(): Promise<Readonly<Record<string, string>>> {
      const basic = Buffer.from(`x-access-token:${await token()}`).toString('base64');
      return {
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: `http.${webOf(apiUrl)}/.extraHeader`,
        GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
      };
    },
    /** Why no pull request can be opened where a remote is; null when one can. */
    async whyNot(remote: string | null): Promise<string | null> {
      const slug = remote === null ? null : slugOf(remote, host);
      if (slug === null) return `its origin is not on ${host}`;
      try {
        return await whyNoPush(await open(), slug, host);
      } catch (error) {
        if (error instanceof Trouble) return error.message;
        if (!(error instanceof Refusal)) throw error;
        return `the token for ${host} does not see ${named(slug)}`;
      }
    },
    look: async (asked: Asked): Promise<Looked> => look(await open(), asked),
    find: async (slug: Slug, branch: string, commit: string) =>
      find(await open(), slug, branch, commit),
    open: async (slug: Slug, asked: NewPullRequest) => openPull(await open(), slug, asked),
    update: async (slug: Slug, number: number, text: PullRequestText) =>
      change(await open(), slug, number, text),
    /** @throws Refusal where it cannot be opened again */
    reopen: async (slug: Slug, number: number) =>
      change(await open(), slug, number, { state: 'open' }),
    close: async (slug: Slug, number: number, comment: string) =>
      close(await open(), slug, number, comment),
  };
}

export interface NewPullRequest extends PullRequestText {
  readonly branch: string;
  readonly target: string;
}

const of = ({ owner, name }: Slug) => ({ owner, repo: name });
const named = ({ owner, name }: Slug, number?: number) =>
  `${owner}/${name}${number === undefined ? '' : `#${number}`}`;

async function whyNoPush({ rest, call }: Calls, slug: Slug, host: string): Promise<string | null> {
  const what = `reading ${named(slug)}`;
  const answer = await call(what, () => rest.repos.get(of(slug)));
  if (answer.kind === 'unchanged') return null;
  const found = readAs(shapes.repository, answer.data, what);
  if (found.archived) return `${found.full_name} is archived on ${host}: nothing can be pushed`;
  if (found.permissions?.push === true) return null;
  return `the token for ${host} may read ${found.full_name} and not push to it`;
}

/** The open one of a branch; else one that was merged at this very commit. */
async function find(
  { rest, call }: Calls,
  slug: Slug,
  branch: string,
  commit: string,
): Promise<FoundPullRequest | null> {
  const what = `looking for the pull request of ${branch}`;
  const head = `${slug.owner}:${branch}`;
  const asked = { ...of(slug), head, state: 'all', per_page: 100 } as const;
  const answer = await call(what, () => rest.pulls.list(asked));
  if (answer.kind === 'unchanged') return null;
  // A server that does not know the filter answers with all of them.
  const all = readAs(shapes.pulls, answer.data, what).filter((each) => each.head.ref === branch);
  const found =
    all.find(({ state }) => state === 'open') ??
    all.find(({ merged_at, head: { sha } }) => merged_at != null && sha === commit);
  if (found === undefined) return null;
  return { number: found.number, url: found.html_url, isOpen: found.state === 'open' };
}

/** Opens one, unless there is one: a call whose answer was lost is not made twice. */
async function openPull(
  calls: Calls,
  slug: Slug,
  { branch, target, ...text }: NewPullRequest,
): Promise<OpenedPullRequest> {
  const what = `opening a pull request of ${branch} into ${target}`;
  try {
    const asked = { ...of(slug), head: branch, base: target, ...text };
    const answer = await calls.call(what, () => calls.rest.pulls.create(asked));
    if (answer.kind === 'unchanged') throw new Trouble('away', `${what}: 304`);
    const made = readAs(shapes.pull, answer.data, what);
    return { number: made.number, url: made.html_url };
  } catch (error) {
    const exists = error instanceof Refusal && /already exists/i.test(error.message);
    const found = exists ? await find(calls, slug, branch, '') : null;
    if (found === null) throw error;
    return found;
  }
}

async function change(
  { rest, call }: Calls,
  slug: Slug,
  number: number,
  part: Partial<PullRequestText> & { readonly state?: 'open' | 'closed' },
): Promise<void> {
  await call(`changing ${named(slug, number)}`, () =>
    rest.pulls.update({ ...of(slug), pull_number: number, ...part }),
  );
}

/** The comment first, once: it says why to whoever sees it closed. */
async function close(calls: Calls, slug: Slug, number: number, comment: string): Promise<void> {
  const { rest, call } = calls;
  const one = { ...of(slug), issue_number: number };
  const what = `closing ${named(slug, number)}`;
  const said = await call(what, () => rest.issues.listComments({ ...one, per_page: 100 }));
  const all = said.kind === 'new' ? readAs(shapes.comments, said.data, what) : [];
  if (!all.some(({ body }) => body?.includes(OUR_MARK))) {
    await call(what, () => rest.issues.createComment({ ...one, body: `${OUR_MARK}\n${comment}` }));
  }
  await change(calls, slug, number, { state: 'closed' });
}

function hostOf(apiUrl: string): string {
  const { host } = new URL(apiUrl);
  return host === 'api.github.com' ? 'github.com' : host;
}

const webOf = (apiUrl: string): string => `${new URL(apiUrl).protocol}//${hostOf(apiUrl)}`;
