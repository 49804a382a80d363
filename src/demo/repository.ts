import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** What a command said and how it ended. */
export interface Checked {
  readonly passed: boolean;
  readonly output: string;
}

const FILES = {
  'package.json': `${JSON.stringify(
    { name: 'tiny-search', version: '0.1.0', type: 'module', scripts: { test: 'node --test' } },
    null,
    2,
  )}\n`,
  'search.js': `/** The items whose name holds the query. */
export function search(items, query) {
  return items.filter(({ name }) => name.includes(query));
}
`,
  'search.test.js': `import assert from 'node:assert/strict';
import test from 'node:test';
import { search } from './search.js';

const items = ['apple', 'apricot', 'banana', 'grape'].map((name) => ({ name }));

test('finds by name', () => {
  assert.equal(search(items, 'ap').length, 3);
});

test('shows a page at a time', () => {
  const page = search(items, 'ap', { page: 2, size: 2 });
  assert.deepEqual(page, [{ name: 'grape' }]);
});
`,
} as const;

/** A small real repository: a library with a test that fails, since pagination is missing. */
export async function makeRepository(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(FILES)) await writeFile(join(folder, path), text);
  const git = gitIn(folder);
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'A tiny search library; pagination is missing');
}

/** Runs the repository's own tests on what is checked out in the person's folder. */
export async function runTests(folder: string): Promise<Checked> {
  const { exitCode, all } = await execa('node', ['--test', '--test-reporter=tap'], {
    cwd: folder,
    reject: false,
    all: true,
    // A runner inside a test runner would report to it instead of to us.
    env: { NODE_TEST_CONTEXT: undefined },
  });
  return { passed: exitCode === 0, output: all };
}

/** git in the person's repository, as the person would call it. */
export const gitIn =
  (folder: string) =>
  async (...args: string[]): Promise<string> => {
    const who = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.invalid'];
    const { stdout } = await execa('git', [...who, ...args], { cwd: folder });
    return stdout;
  };
