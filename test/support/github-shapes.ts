/**
 * Answers as GitHub's published schema has them, checked by the types that are made from it. Only
 * what is asked for varies; of the hundreds of links none is read.
 */
import type { RestEndpointMethodTypes } from '@octokit/plugin-rest-endpoint-methods';

type Answers = RestEndpointMethodTypes;
type Pull = Answers['pulls']['get']['response']['data'];
type User = NonNullable<Answers['issues']['listComments']['response']['data'][number]['user']>;

/** The parts that a caller of the real thing may rely on; links and decorations are left out. */
type Part<T, K extends keyof T> = Pick<T, K>;

export interface Person {
  readonly login: string;
  readonly type: 'User' | 'Bot';
  readonly association: 'OWNER' | 'MEMBER' | 'COLLABORATOR' | 'NONE';
}

export const person = (login: string, more: Partial<Person> = {}): Person => ({
  login,
  type: 'User',
  association: 'MEMBER',
  ...more,
});

export interface FakePull {
  number: number;
  title: string;
  body: string;
  branch: string;
  target: string;
  state: 'open' | 'closed';
  merged: boolean;
  by: string | null;
  mergeCommit: string | null;
  mergeable: boolean | null;
  /** Once it is merged the branch may go; the head stays. */
  head: string | null;
}

const userOf = ({ login, type }: Person) =>
  ({ login, type }) satisfies Part<User, 'login' | 'type'>;

export const pullBody = (pull: FakePull, url: string, head: string) => {
  const merger = pull.merged && pull.by !== null ? userOf(person(pull.by)) : null;
  const base = {
    number: pull.number,
    html_url: url,
    state: pull.state,
    title: pull.title,
    body: pull.body,
    merged: pull.merged,
    merged_at: pull.merged ? '2026-01-01T00:00:00Z' : null,
    merge_commit_sha: pull.mergeCommit,
    mergeable: pull.mergeable,
  } satisfies Part<
    Pull,
    | 'number'
    | 'html_url'
    | 'state'
    | 'title'
    | 'body'
    | 'merged'
    | 'merged_at'
    | 'merge_commit_sha'
    | 'mergeable'
  >;
  const ends = {
    head: { sha: head, ref: pull.branch } satisfies Part<Pull['head'], 'sha' | 'ref'>,
    base: { ref: pull.target } satisfies Part<Pull['base'], 'ref'>,
  };
  return { ...base, ...ends, merged_by: merger };
};

type Issue = Answers['issues']['get']['response']['data'];
export const issueBody = (pull: FakePull) => {
  const number = { number: pull.number, state: pull.state } satisfies Part<
    Issue,
    'number' | 'state'
  >;
  return { ...number, closed_by: pull.by === null ? null : userOf(person(pull.by)) };
};

export interface Saying {
  readonly id: number;
  readonly by: Person;
  readonly body: string;
  readonly at: string;
  readonly path?: string;
  readonly state?: string;
}

type Comment = Answers['issues']['listComments']['response']['data'][number];
export const commentBody = ({ id, by, body, at }: Saying, url: string) => {
  const said = {
    id,
    body,
    html_url: `${url}#issuecomment-${id}`,
    created_at: at,
    updated_at: at,
    author_association: by.association,
  } satisfies Part<
    Comment,
    'id' | 'body' | 'html_url' | 'created_at' | 'updated_at' | 'author_association'
  >;
  return { ...said, user: userOf(by) };
};

type Remark = Answers['pulls']['listReviewComments']['response']['data'][number];
export const remarkBody = ({ id, by, body, at, path = '' }: Saying, url: string) => {
  const said = {
    id,
    body,
    path,
    line: 1,
    diff_hunk: '@@ -1 +1 @@',
    html_url: `${url}#discussion_r${id}`,
    created_at: at,
    author_association: by.association,
  } satisfies Part<
    Remark,
    'id' | 'body' | 'path' | 'line' | 'diff_hunk' | 'html_url' | 'created_at' | 'author_association'
  >;
  return { ...said, user: userOf(by) };
};

type Review = Answers['pulls']['listReviews']['response']['data'][number];
export const reviewBody = ({ id, by, body, at, state = 'COMMENTED' }: Saying, url: string) => {
  const said = {
    id,
    body,
    state,
    html_url: `${url}#pullrequestreview-${id}`,
    submitted_at: at,
    author_association: by.association,
  } satisfies Part<
    Review,
    'id' | 'body' | 'state' | 'html_url' | 'submitted_at' | 'author_association'
  >;
  return { ...said, user: userOf(by) };
};

type CheckRun = Answers['checks']['listForRef']['response']['data']['check_runs'][number];
export interface FakeCheck {
  readonly id: number;
  readonly name: string;
  readonly conclusion: CheckRun['conclusion'];
  readonly summary: string;
}

export const checksBody = (checks: readonly FakeCheck[], url: string, at: string) =>
  ({
    total_count: checks.length,
    check_runs: checks.map(({ id, name, conclusion, summary }) => {
      const run = {
        id,
        name,
        conclusion,
        status: conclusion === null ? 'in_progress' : 'completed',
        html_url: `${url}/checks/${id}`,
        completed_at: at,
      } satisfies Part<
        CheckRun,
        'id' | 'name' | 'conclusion' | 'status' | 'html_url' | 'completed_at'
      >;
      return { ...run, output: { title: null, summary } };
    }),
  }) satisfies { total_count: number; check_runs: object[] };

type Combined = Answers['repos']['getCombinedStatusForRef']['response']['data'];
export const statusBody = () =>
  ({ state: 'pending', total_count: 0, statuses: [] }) satisfies Part<
    Combined,
    'state' | 'total_count' | 'statuses'
  >;

type Repository = Answers['repos']['get']['response']['data'];
export const repositoryBody = (name: string, push: boolean) =>
  ({
    full_name: name,
    archived: false,
    permissions: { admin: false, push, pull: true },
  }) satisfies Part<Repository, 'full_name' | 'archived' | 'permissions'>;

/** One page of a list, and the link to the next where there is one. */
export function pageOf(body: unknown, url: URL): { body: unknown; headers: { link?: string } } {
  const size = Number(url.searchParams.get('per_page') ?? 30);
  const page = Number(url.searchParams.get('page') ?? 1);
  const isChecks = typeof body === 'object' && body !== null && 'check_runs' in body;
  const all: unknown = isChecks ? body.check_runs : body;
  if (!Array.isArray(all)) return { body, headers: {} };
  const few = all.slice((page - 1) * size, page * size);
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  return {
    body: isChecks ? { ...body, check_runs: few } : few,
    headers: all.length > page * size ? { link: `<${next}>; rel="next"` } : {},
  };
}
