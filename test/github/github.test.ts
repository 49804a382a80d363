import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createGitHub, Refusal, Trouble } from '../../src/github/index.js';
import { type FakeGitHub, openGitHub, person } from '../support/github.js';

const home = mkdtempSync(join(tmpdir(), 'mission-github-'));
const file = join(home, 'github-token');
const shop = { owner: 'acme', name: 'shop' };
let server: FakeGitHub;
beforeAll(async () => {
  server = await openGitHub(home);
  server.add('shop');
});
afterAll(() => server.close());
afterEach(() => server.outage(null));

const github = (environment: string | null = server.token) =>
  createGitHub({ apiUrl: server.apiUrl, file, environment });
const origin = () => `${server.url}/acme/shop.git`;

test('pull requests can be opened where the origin is there and the token may push', async () => {
  expect(await github().whyNot(origin())).toBeNull();
  expect(await github().whyNot(null)).toContain('its origin is not on 127.0.0.1');
  expect(await github().whyNot('https://gitlab.com/acme/shop.git')).toContain('is not on');
  expect(await github().whyNot(`${server.url}/acme/gone.git`)).toContain('does not see acme/gone');
  expect(await github('wrong').whyNot(origin())).toContain('refuses the token: Bad credentials');
  expect(await github(null).whyNot(origin())).toContain(`put one into ${file}`);
});

test('a file in the data folder comes first, and only where nobody else may read it', async () => {
  writeFileSync(file, `${server.token}\n`, { mode: 0o600 });
  expect(await github('wrong').whyNot(origin())).toBeNull();
  chmodSync(file, 0o644);
  expect(await github().whyNot(origin())).toBe(`${file} may be read by others: chmod 600 ${file}`);
  chmodSync(file, 0o600);
  writeFileSync(file, '');
});

const look = () =>
  github().look({ slug: shop, number: 1, commit: 'c', since: '2026-01-01', seen: {} });
const answers = (status: number, message: string, headers = {}) =>
  server.outage({ status, body: { message }, headers });

test.each([
  ['401', () => answers(401, 'Bad credentials'), 'refused', null],
  ['403', () => answers(403, 'Resource not accessible'), 'refused', null],
  ['429', () => answers(429, 'slow down', { 'retry-after': '7' }), 'limited', 7_000],
  ['a second limit', () => answers(403, 'secondary rate limit'), 'limited', 60_000],
  ['502', () => answers(502, ''), 'away', null],
  ['another page', () => server.outage({ status: 200, body: '<html>' }), 'away', null],
  ['a cut line', () => server.outage('cut'), 'away', null],
])('%s is a trouble', async (_, plant, kind, retryAfterMs) => {
  plant();
  const error = await look().catch((thrown) => thrown);
  expect(error).toBeInstanceOf(Trouble);
  expect(error).toMatchObject({ kind, retryAfterMs });
  expect(error.message).not.toContain(server.token);
});

test('what is refused for good is no trouble', async () => {
  const asked = { branch: 'none', target: 'main', title: 'x', body: '' };
  await expect(github().open(shop, asked)).rejects.toBeInstanceOf(Refusal);
});

test('unchanged answers are asked for with their tag, and keep what was read', async () => {
  server.pulls('shop').push({
    ...{ number: 1, title: 'T', body: '', branch: 'b', target: 'main', state: 'open' },
    ...{ merged: false, by: null, mergeCommit: null, mergeable: true, head: 'h' },
  });
  server.comment('shop', 1, person('ann'), 'Say more.\u0000');
  const first = await look();
  const before = server.unchanged();
  const asked = { slug: shop, number: 1, commit: 'c', since: '2026-01-01', seen: first.seen };
  const second = await github().look(JSON.parse(JSON.stringify(asked)));
  expect(server.unchanged() - before).toBe(6);
  expect(second.changed).toBe(false);
  expect(second.pullRequest).toEqual({ ...first.pullRequest, now: second.pullRequest.now });
  expect(second.pullRequest.remarks).toMatchObject([{ by: 'ann', text: 'Say more.\uFFFD' }]);
});

test('what stands on later pages is read: reviews, comments, checks', async () => {
  server.add('long');
  server.pulls('long').push({
    ...{ number: 1, title: 'T', body: '', branch: 'b', target: 'main', state: 'open' },
    ...{ merged: false, by: null, mergeCommit: null, mergeable: true, head: 'h' },
  });
  const slug = { owner: 'acme', name: 'long' };
  const ann = person('ann');
  const lookAt = (seen: Awaited<ReturnType<typeof look>>['seen']) =>
    github().look({ slug, number: 1, commit: 'many', since: '2026-01-01', seen });
  for (let n = 1; n <= 100; n++) {
    server.review('long', 1, ann, 'APPROVED', '');
    server.comment('long', 1, ann, `c${n}`);
    server.check('many', { name: `k${n}`, conclusion: 'success', summary: '' });
  }
  const full = await lookAt({});
  server.review('long', 1, ann, 'CHANGES_REQUESTED', 'the last review');
  server.comment('long', 1, ann, 'the last comment');
  server.check('many', { name: 'last', conclusion: 'failure', summary: '' });
  const first = await lookAt(full.seen); // the pages before are as they were, and say no more
  expect(first.changed).toBe(true);
  const told = first.pullRequest.remarks.map(({ text }) => text);
  expect(told).toHaveLength(102);
  expect(told).toEqual(expect.arrayContaining(['the last review', 'the last comment']));
  expect(first.pullRequest.failing).toMatchObject([{ by: 'last' }]);
  const again = await lookAt(first.seen);
  expect(again.changed).toBe(false);
  expect(again.pullRequest.remarks).toEqual(first.pullRequest.remarks);
  for (let n = 0; n < 1000; n++) server.comment('long', 1, ann, 'more');
  const before = server.asked.length;
  await lookAt({});
  expect(server.asked.slice(before).filter((one) => one.includes('issues'))).toHaveLength(10);
});
