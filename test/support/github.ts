/** A server on loopback that speaks as GitHub does: its API, and git over http. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { overHttp } from './github-git.js';
import type { FakeCheck, FakePull, Person, Saying } from './github-shapes.js';
import * as shapes from './github-shapes.js';

export { person } from './github-shapes.js';

/** What a route answers: a status with a body, or that a person has switched it off. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeGitHub {
  readonly apiUrl: string;
  readonly url: string;
  readonly token: string;
  /** Makes `acme/<name>` as a bare repository; answers its folder. */
  add(name: string): string;
  pulls(name: string): FakePull[];
  /** Of what was asked, in order: `POST /repos/acme/shop/pulls`. */
  readonly asked: string[];
  /** How many of the answers were `304`. */
  readonly unchanged: () => number;
  /** While set, every call of the API is answered by it; `null` cuts the line. */
  outage(answer: Answer | 'cut' | null): void;
  /** Answers each call of this kind once it is let go. */
  hold(method: string, path: RegExp): { readonly reached: Promise<void>; release(): void };
  comment(name: string, number: number, by: Person, body: string): void;
  remark(name: string, number: number, by: Person, path: string, body: string): void;
  review(name: string, number: number, by: Person, state: string, body: string): void;
  comments(name: string, number: number): readonly Saying[];
  /** All that run still succeed. */
  endChecks(commit: string): void;
  /** The answer to each such call is lost after it was done. */
  forget(method: string, path: RegExp): void;
  check(commit: string, check: Omit<FakeCheck, 'id'>): void;
  /** As a person does by the button. */
  merge(name: string, number: number, by: string, how: 'merge' | 'squash' | 'rebase'): string;
  shut(name: string, number: number, by: string): void;
  close(): Promise<void>;
}

interface Talk {
  comments: Saying[];
  remarks: Saying[];
  reviews: Saying[];
}

/** @param home a folder of its own, removed at the end */
export async function openGitHub(home: string): Promise<FakeGitHub> {
  const token = 'ghp_canary0000000000000000000000000000';
  const root = join(home, 'github');
  const pulls = new Map<string, FakePull[]>();
  const talks = new Map<string, Talk>();
  const checks = new Map<string, FakeCheck[]>();
  const asked: string[] = [];
  const holds: { method: string; path: RegExp; reach: () => void; released: Promise<void> }[] = [];
  const lost: { method: string; path: RegExp }[] = [];
  let outage: Answer | 'cut' | null = null;
  let unchanged = 0;
  let ids = 100;

  const folder = (name: string) => join(root, 'acme', `${name}.git`);
  const git = (name: string, ...args: string[]) =>
    execFileSync('git', args, { cwd: folder(name), encoding: 'utf8', env: IDENTITY }).trim();
  const tip = (name: string, branch: string) => {
    try {
      return git(name, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`);
    } catch {
      return null;
    }
  };
  const urlOf = (name: string, { number }: Pick<FakePull, 'number'>) =>
    `${self.url}/acme/${name}/pull/${number}`;
  const headOf = (name: string, pull: FakePull) =>
    pull.state === 'open' ? (tip(name, pull.branch) ?? pull.head ?? '') : (pull.head ?? '');
  const talk = (name: string, number: number): Talk => {
    const key = `${name}#${number}`;
    const found = talks.get(key) ?? { comments: [], remarks: [], reviews: [] };
    talks.set(key, found);
    return found;
  };
  const found = (name: string, number: number) => {
    const pull = pulls.get(name)?.find((each) => each.number === number);
    if (pull === undefined) throw new Error(`there is no pull request ${name}#${number}`);
    return pull;
  };
  const shown = (name: string, pull: FakePull) =>
    shapes.pullBody(pull, urlOf(name, pull), headOf(name, pull));

  function route(method: string, path: string, query: URLSearchParams, body: Body): Answer {
    const [, , , name = '', kind = '', id = '', part = ''] = path.split('/');
    const list = pulls.get(name);
    if (list === undefined) return { status: 404, body: { message: 'Not Found' } };
    if (kind === '') return ok(shapes.repositoryBody(`acme/${name}`, true));
    if (kind === 'commits') {
      const now = '2026-01-01T00:00:00Z';
      return ok(
        part === 'status'
          ? shapes.statusBody()
          : shapes.checksBody(checks.get(id) ?? [], `${self.url}/acme/${name}`, now),
      );
    }
    if (kind === 'pulls' && id === '') {
      if (method === 'GET') {
        const head = query.get('head')?.replace('acme:', '');
        const state = query.get('state') ?? 'open';
        const few = list.filter(
          (each) => each.branch === head && (state === 'all' || each.state === state),
        );
        return ok(few.map((pull) => shown(name, pull)));
      }
      return create(name, list, body);
    }
    const pull = list.find((each) => each.number === Number(id));
    if (pull === undefined) return { status: 404, body: { message: 'Not Found' } };
    const url = urlOf(name, pull);
    const said = talk(name, pull.number);
    if (kind === 'issues' && part === '') return ok(shapes.issueBody(pull));
    if (part === 'comments' && kind === 'issues') {
      if (method === 'GET') return ok(said.comments.map((each) => shapes.commentBody(each, url)));
      const by = shapes.person('ann', { association: 'OWNER' });
      said.comments.push({ id: ++ids, by, body: body.body ?? '', at: new Date().toISOString() });
      return { status: 201, body: {} };
    }
    if (part === 'comments') return ok(said.remarks.map((each) => shapes.remarkBody(each, url)));
    if (part === 'reviews') return ok(said.reviews.map((each) => shapes.reviewBody(each, url)));
    if (method === 'PATCH') return change(name, pull, body);
    return ok(shown(name, pull));
  }

  function create(name: string, list: FakePull[], body: Body): Answer {
    const { head: branch = '', base: target = '', title = '', body: said = '' } = body;
    if (list.some((each) => each.branch === branch && each.state === 'open')) {
      const message = `A pull request already exists for acme:${branch}.`;
      return { status: 422, body: { message: 'Validation Failed', errors: [{ message }] } };
    }
    if (tip(name, branch) === null) {
      return { status: 422, body: { message: 'Validation Failed: head is invalid' } };
    }
    const pull: FakePull = {
      ...{ number: list.length + 1, title, body: said, branch, target, state: 'open' },
      ...{ merged: false, by: null, mergeCommit: null, mergeable: true, head: null },
    };
    list.push(pull);
    return { status: 201, body: shown(name, pull) };
  }

  function change(name: string, pull: FakePull, body: Body): Answer {
    const { state, title, body: said } = body;
    if (state === 'closed' && pull.state === 'open') {
      Object.assign(pull, { head: headOf(name, pull), state, by: 'ann' });
    } else if (state === 'open' && !pull.merged) {
      if (tip(name, pull.branch) !== pull.head) {
        const message = 'state cannot be changed. The branch was force-pushed or recreated.';
        return { status: 422, body: { message: 'Validation Failed', errors: [{ message }] } };
      }
      pull.state = 'open';
    }
    Object.assign(
      pull,
      title === undefined ? {} : { title },
      said === undefined ? {} : { body: said },
    );
    return ok(shown(name, pull));
  }

  async function api(request: IncomingMessage, response: ServerResponse, url: URL) {
    const path = url.pathname.replace('/api/v3', '');
    const { method = 'GET' } = request;
    asked.push(`${method} ${path}`);
    const body = JSON.parse((await text(request)) || '{}') as Body;
    for (const held of holds.filter((each) => each.method === method && each.path.test(path))) {
      held.reach();
      await held.released;
    }
    if (outage === 'cut') return response.destroy();
    const isKnown = request.headers.authorization === `token ${token}`;
    const bad: Answer = { status: 401, body: { message: 'Bad credentials' } };
    const answer = outage ?? (isKnown ? route(method, path, url.searchParams, body) : bad);
    const index = lost.findIndex((each) => each.method === method && each.path.test(path));
    if (index >= 0) {
      lost.splice(index, 1);
      return response.destroy();
    }
    const page = shapes.pageOf(answer.body, url);
    const sent = JSON.stringify(page.body);
    const etag = `"${createHash('sha256').update(sent).digest('hex')}"`;
    const isSame = answer.status === 200 && request.headers['if-none-match'] === etag;
    if (isSame) unchanged++;
    const link = isSame ? {} : page.headers;
    const type = { 'content-type': 'application/json; charset=utf-8', etag };
    response.writeHead(isSame ? 304 : answer.status, { ...type, ...link, ...answer.headers });
    return response.end(isSame ? undefined : sent);
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isApi = url.pathname.startsWith('/api/v3/');
    const done = isApi
      ? api(request, response, url)
      : overHttp(root, token, request, response, url);
    done.catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const say = (list: Saying[], by: Person, body: string, more: Partial<Saying> = {}) =>
    void list.push({ id: ++ids, by, body, at: new Date().toISOString(), ...more });
  const self: FakeGitHub = {
    ...{ apiUrl: `${url}/api/v3`, url, token, asked, unchanged: () => unchanged },
    add(name) {
      mkdirSync(folder(name), { recursive: true });
      execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', folder(name)]);
      git(name, 'config', 'http.receivepack', 'true');
      pulls.set(name, []);
      return folder(name);
    },
    pulls: (name) => pulls.get(name) ?? [],
    outage(answer) {
      outage = answer;
    },
    hold(method, path) {
      const [reached, reach] = deferred();
      const [released, release] = deferred();
      holds.push({ method, path, reach, released });
      return { reached, release };
    },
    comment: (name, number, by, body) => say(talk(name, number).comments, by, body),
    remark: (name, number, by, path, body) => say(talk(name, number).remarks, by, body, { path }),
    review: (name, number, by, state, body) => say(talk(name, number).reviews, by, body, { state }),
    comments: (name, number) => talk(name, number).comments,
    endChecks(commit) {
      const ended = (checks.get(commit) ?? []).map((each) => ({
        ...each,
        conclusion: each.conclusion ?? ('success' as const),
      }));
      checks.set(commit, ended);
    },
    forget: (method, path) => void lost.push({ method, path }),
    check(commit, check) {
      checks.set(commit, [...(checks.get(commit) ?? []), { ...check, id: ++ids }]);
    },
    merge(name, number, by, how) {
      const pull = found(name, number);
      const head = headOf(name, pull);
      const base = git(name, 'rev-parse', `refs/heads/${pull.target}`);
      const tree = git(name, 'merge-tree', '--write-tree', base, head).split('\n')[0] ?? '';
      const parents = how === 'merge' ? ['-p', base, '-p', head] : ['-p', base];
      const made = git(name, 'commit-tree', tree, ...parents, '-m', pull.title);
      git(name, 'update-ref', `refs/heads/${pull.target}`, made, base);
      Object.assign(pull, { state: 'closed', merged: true, by, mergeCommit: made, head });
      return made;
    },
    shut(name, number, by) {
      const pull = found(name, number);
      Object.assign(pull, { head: headOf(name, pull), state: 'closed', by });
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(home, { recursive: true, force: true });
    },
  };
  return self;
}

type Body = Readonly<
  Partial<Record<'head' | 'base' | 'title' | 'body' | 'state', string | undefined>>
>;

const ok = (body: unknown): Answer => ({ status: 200, body });

const IDENTITY = {
  ...process.env,
  ...{ GIT_AUTHOR_NAME: 'GitHub', GIT_AUTHOR_EMAIL: 'noreply@github.invalid' },
  ...{ GIT_COMMITTER_NAME: 'GitHub', GIT_COMMITTER_EMAIL: 'noreply@github.invalid' },
};

function deferred(): [Promise<void>, () => void] {
  let settle = () => {};
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return [promise, settle];
}
