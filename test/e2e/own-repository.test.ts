/** What a person does on the first day, by the command line alone: from repo add to landed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { missionOn } from '../support/mission.js';
import { openRegistry, type Registry } from '../support/registry.js';

const AGENT = fileURLToPath(new URL('../support/agents/mending.mjs', import.meta.url));

let house: House;
let registry: Registry;
let path: string;
beforeAll(async () => {
  registry = await openRegistry();
  house = await openHouse();
  path = realpathSync(mkdtempSync(join(tmpdir(), 'shop-')));
});
afterAll(async () => {
  await house.close();
  await registry.close();
  rmSync(path, { recursive: true, force: true });
});

const ANN = ['-c', 'user.name=Ann', '-c', 'user.email=ann@people.invalid'];
const git = (...args: string[]) =>
  execFileSync('git', [...ANN, ...args], { cwd: path, encoding: 'utf8', stdio: 'pipe' }).trim();
const write = (name: string, text: string) => writeFileSync(join(path, name), text);

/** A project with a dependency, and a test that is red because of one line. */
function makeShop(): void {
  for (const [name, text] of Object.entries(registry.files())) write(name, text);
  const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  const scripts = { test: 'node test.cjs' };
  write('package.json', `${JSON.stringify({ ...manifest, scripts }, null, 2)}\n`);
  write('sum.js', 'module.exports = (one, other) => one - other;\n');
  write(
    'test.cjs',
    "console.log(require('tiny'));\nrequire('assert').equal(require('./sum.js')(2, 1), 3);\n",
  );
  write('notes.md', 'Mine.\n');
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Begin');
}

test('a repository is added, its red test mended, and the work landed in both ways', async () => {
  makeShop();
  const mission = missionOn(house, { env: { npm_config_registry: registry.url } });
  const done = async (...args: string[]) => {
    const ran = await mission(...args);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    return ran;
  };
  const added = await done('repo', 'add', path, '--name', 'shop');
  expect(added.stderr).toMatch(/ready +npm ci --ignore-scripts[\s\S]*BASELINE_RED +npm test/);
  await done('agent', 'connect', '--program', AGENT);

  const task = ['task', 'create', 'Mend the sum', '--repo', 'shop', '--wait'];
  const first = await done(...task);
  expect(first.stdout).toContain('npm test ended with 1 before and with 0 after');
  const isMended = 'APPROVED: red on the base and green now: npm test';
  expect(first.stdout).toContain(`Review 1 [checks] SUCCEEDED — Verdict: ${isMended}`);
  const branch = git('for-each-ref', '--format=%(refname)', 'refs/heads/mission/');
  expect(git('show', `${branch}:sum.js`)).toContain('one + other');
  expect(git('diff', '--name-only', 'main', branch)).toBe('sum.js');
  expect(git('show', 'main:sum.js')).toContain('one - other');

  await done('repo', 'set', 'shop', '--land', 'merge', '--reason', 'it works');
  write('notes.md', 'Mine, and not committed.\n');
  const second = await mission(...task);
  expect(second).toMatchObject({ code: 5 });
  expect(second.stdout).toMatch(/landing-failed[\s\S]*notes\.md/);
  expect(git('show', 'main:sum.js')).toContain('one - other');
  git('commit', '--quiet', '--all', '--message', 'Notes');
  await done('task', 'retry', 'T-2');
  await done('task', 'watch', 'T-2');
  expect(readFileSync(join(path, 'sum.js'), 'utf8')).toContain('one + other');
  expect(git('status', '--porcelain')).toBe('');
}, 180_000);
