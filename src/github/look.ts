import { z } from 'zod';
import { OUR_MARK, type Remark, type SeenPullRequest, type Slug } from '../domain/pull-request.js';
import type { Calls } from './calls.js';
import * as shapes from './shapes.js';
import { Refusal, Trouble } from './trouble.js';

/** What one route answered last: it is asked only whether that has changed. */
interface Kept {
  readonly etag: string | null;
  readonly facts: unknown;
}

/** Of every route that a look asks; kept from look to look. */
export type Seen = Readonly<Record<string, Kept>>;

export interface Looked {
  readonly pullRequest: SeenPullRequest;
  readonly seen: Seen;
  /** Whether anything answered otherwise than last time. */
  readonly changed: boolean;
}

export interface Asked {
  readonly slug: Slug;
  readonly number: number;
  /** The commit whose checks count. */
  readonly commit: string;
  /** Comments since then. */
  readonly since: string;
  readonly seen: Seen;
}

const SUMMARY_CHARS = 4_000;
const PAGE_SIZE = 100;
/** A thousand of a kind: what is said after that waits for a person who looks there. */
const PAGES_MAX = 10;
/** Who may write here, or belongs to those who do: what strangers say steers nobody. */
const HAS_A_SAY = ['OWNER', 'MEMBER', 'COLLABORATOR'];
const FAILED = ['failure', 'timed_out', 'startup_failure'];

/** Looks at everything that answers to a pull request. Unchanged answers cost no rate limit. */
export async function look(calls: Calls, asked: Asked): Promise<Looked> {
  const { slug, number, commit, since } = asked;
  const of = { owner: slug.owner, repo: slug.name };
  const one = { ...of, pull_number: number };
  const many = { per_page: PAGE_SIZE };
  const ask = asking(calls, asked);
  const askAll = askingPages(ask, asked);
  const { rest } = calls;
  const pull = await ask('pull', shapes.pull, (how) => rest.pulls.get({ ...one, ...how }));
  const rests = await Promise.all([
    askAll('comments', shapes.comments, asItIs, (how) =>
      rest.issues.listComments({ ...of, issue_number: number, since, ...many, ...how }),
    ),
    askAll('remarks', shapes.reviewComments, asItIs, (how) =>
      rest.pulls.listReviewComments({ ...one, since, ...many, ...how }),
    ),
    askAll('reviews', shapes.reviews, asItIs, (how) =>
      rest.pulls.listReviews({ ...one, ...many, ...how }),
    ),
    askChecks(askAll, calls, { ...of, ref: commit }),
    // Who closed it is not said where it is asked whether it is closed.
    pull.facts.state === 'closed' && !pull.facts.merged
      ? ask('issue', shapes.issue, (how) =>
          rest.issues.get({ ...of, issue_number: number, ...how }),
        )
      : null,
  ]);
  const [comments, remarks, reviews, checks, closed] = rests;
  const lists = [comments, remarks, reviews, ...checks.asked];
  const asks = [pull, ...lists.flatMap(({ pages }) => pages), ...(closed ? [closed] : [])];
  const { facts } = pull;
  return {
    changed: asks.some(({ changed }) => changed),
    seen: Object.fromEntries(asks.map(({ name, kept }) => [name, kept])),
    pullRequest: {
      state: facts.state,
      merged: facts.merged,
      by: (facts.merged ? facts.merged_by : closed?.facts.closed_by)?.login ?? null,
      head: facts.head.sha,
      mergeCommit: facts.merged ? (facts.merge_commit_sha ?? null) : null,
      mergeable: facts.mergeable ?? null,
      remarks: [
        ...comments.items.filter(counts).map(commented),
        ...remarks.items.filter(counts).map(remarked),
        ...reviews.items.filter(counts).flatMap(reviewed),
      ],
      failing: checks.failing,
      pending: checks.pending,
      unread: checks.unread,
      now: pull.now,
    },
  };
}

interface Answer<T> {
  readonly name: string;
  readonly facts: T;
  readonly kept: Kept;
  readonly changed: boolean;
  readonly now: number;
  /** Whether the answer names a next page; undefined where it does not say. */
  readonly hasNext: boolean | undefined;
}

interface Pages<Item> {
  readonly items: readonly Item[];
  readonly pages: readonly Omit<Answer<unknown>, 'facts'>[];
}

type How = { readonly headers: Readonly<Record<string, string>> };
type Response = {
  readonly data: unknown;
  readonly headers: { etag?: string; date?: string; link?: string };
};
type Ask = ReturnType<typeof asking>;
type AskAll = ReturnType<typeof askingPages>;

const asItIs = <T>(facts: T): T => facts;

/** Asks one route: whether its answer has changed, where one is kept that can be read. */
function asking({ call }: Calls, { seen, slug, number }: Asked) {
  return async <T>(
    name: string,
    shape: z.ZodType<T>,
    request: (how: How) => Promise<Response>,
  ): Promise<Answer<T>> => {
    const before = seen[name];
    const known = shape.safeParse(before?.facts);
    const etag = known.success ? before?.etag : null;
    const what = `reading ${slug.owner}/${slug.name}#${number} (${name})`;
    const answer = await call(what, () =>
      request({ headers: etag ? { 'if-none-match': etag } : {} }),
    );
    const now = Date.parse(answer.headers.date ?? '') || Date.now();
    const { link } = answer.headers;
    const hasNext = link === undefined ? undefined : /;\s*rel="?next"?/.test(link);
    if (answer.kind === 'unchanged') {
      if (!known.success || before === undefined)
        throw new Trouble('away', `${what}: 304 to no question`);
      return { name, facts: known.data, kept: before, changed: false, now, hasNext };
    }
    const facts = readAs(shape, answer.data, what);
    const kept = { etag: answer.headers.etag ?? null, facts };
    return { name, facts, kept, changed: true, now, hasNext: hasNext ?? false };
  };
}

/**
 * Asks one route page by page: what is newest often stands last. An unchanged page may not say
 * whether another follows; one did if it was kept, and one may by now if the page is full.
 */
function askingPages(ask: Ask, { seen }: Asked) {
  return async <T, Item>(
    name: string,
    shape: z.ZodType<T>,
    itemsOf: (facts: T) => readonly Item[],
    request: (how: How & { readonly page: number }) => Promise<Response>,
  ): Promise<Pages<Item>> => {
    const nameOf = (page: number) => (page === 1 ? name : `${name}:${page}`);
    const pages: Answer<T>[] = [];
    for (let page = 1; page <= PAGES_MAX; page++) {
      const answer = await ask(nameOf(page), shape, (how) => request({ ...how, page }));
      pages.push(answer);
      const isFull = itemsOf(answer.facts).length >= PAGE_SIZE;
      if (!(answer.hasNext ?? (isFull || seen[nameOf(page + 1)] !== undefined))) break;
    }
    return { pages, items: pages.flatMap(({ facts }) => itemsOf(facts)) };
  };
}

/** @throws Trouble where it is no answer of this kind of server */
export function readAs<T>(shape: z.ZodType<T>, data: unknown, what: string): T {
  const read = shape.safeParse(data);
  if (read.success) return read.data;
  throw new Trouble('away', `${what}: an answer of another shape: ${z.prettifyError(read.error)}`);
}

/** Both kinds of checks. A token that may not read them is said, and holds up nothing. */
async function askChecks(
  askAll: AskAll,
  { rest }: Calls,
  of: { owner: string; repo: string; ref: string },
) {
  const unread: string[] = [];
  const orUnread = async <T>(what: string, asked: Promise<T>): Promise<T | null> => {
    try {
      return await asked;
    } catch (error) {
      const isDenied = error instanceof Trouble && error.kind === 'refused';
      if (!isDenied && !(error instanceof Refusal)) throw error;
      unread.push(what);
      return null;
    }
  };
  const [runs, statuses] = await Promise.all([
    orUnread(
      'checks',
      askAll(
        'checks',
        shapes.checkRuns,
        ({ check_runs }) => check_runs,
        (how) => rest.checks.listForRef({ ...of, filter: 'latest', per_page: PAGE_SIZE, ...how }),
      ),
    ),
    orUnread(
      'statuses',
      askAll(
        'statuses',
        shapes.statuses,
        ({ statuses: all }) => all,
        (how) => rest.repos.getCombinedStatusForRef({ ...of, per_page: PAGE_SIZE, ...how }),
      ),
    ),
  ]);
  const all = runs?.items ?? [];
  const states = statuses?.items ?? [];
  const failed = all.filter(({ conclusion }) => FAILED.includes(conclusion ?? ''));
  const red = states.filter(({ state }) => state === 'failure' || state === 'error');
  return {
    asked: [...(runs ? [runs] : []), ...(statuses ? [statuses] : [])],
    unread,
    pending:
      all.filter(({ status }) => status !== 'completed').length +
      states.filter(({ state }) => state === 'pending').length,
    failing: [
      ...failed.map(
        ({ id, name, output, html_url, completed_at, conclusion }): Remark => ({
          id: `check:${id}`,
          by: name,
          what: `failing check (${conclusion})`,
          text: [output?.title, output?.summary].filter(Boolean).join('\n').slice(0, SUMMARY_CHARS),
          url: html_url ?? '',
          at: completed_at ?? '',
        }),
      ),
      ...red.map(
        ({ id, context, description, target_url, updated_at, state }): Remark => ({
          id: `status:${id}`,
          by: context,
          what: `failing check (${state})`,
          text: description ?? '',
          url: target_url ?? '',
          at: updated_at,
        }),
      ),
    ],
  };
}

type Said = z.infer<typeof shapes.comments>[number];

/** A person's, who has a say; ours are marked, since people often lend us their account. */
const counts = ({ user, author_association, body }: Omit<Said, 'created_at'>): boolean =>
  user?.type === 'User' && HAS_A_SAY.includes(author_association) && !body?.includes(OUR_MARK);

const whoOf = ({ user }: Pick<Said, 'user'>): string => user?.login ?? 'ghost';

const commented = (said: Said): Remark => ({
  id: `comment:${said.id}`,
  by: whoOf(said),
  what: 'comment',
  text: said.body ?? '',
  url: said.html_url,
  at: said.created_at,
});

const remarked = (said: z.infer<typeof shapes.reviewComments>[number]): Remark => ({
  id: `remark:${said.id}`,
  by: whoOf(said),
  what: `comment on ${said.path}${said.line ? `:${said.line}` : ''}`,
  text: [said.body ?? '', said.diff_hunk ? `\n${said.diff_hunk}` : ''].join('\n').trimEnd(),
  url: said.html_url,
  at: said.created_at,
});

/** An approval asks for nothing; what was dismissed or is not submitted does not count. */
function reviewed(said: z.infer<typeof shapes.reviews>[number]): Remark[] {
  const isAsking = said.state === 'CHANGES_REQUESTED';
  if (!isAsking && (said.state !== 'COMMENTED' || !said.body?.trim())) return [];
  return [
    {
      id: `review:${said.id}`,
      by: whoOf(said),
      what: isAsking ? 'changes requested' : 'review',
      text: said.body ?? '',
      url: said.html_url,
      at: said.submitted_at ?? '',
    },
  ];
}
