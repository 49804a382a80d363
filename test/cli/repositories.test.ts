import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult, Recipe } from '../../src/domain/repository.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, ended, envOf, missionOn, start } from '../support/mission.js';
import { openRegistry, type Registry } from '../support/registry.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
let ground: string;
let registry: Registry;
beforeAll(async () => {
  registry = await openRegistry();
  ground = realpathSync(mkdtempSync(join(tmpdir(), 'mission-repositories-')));
  house = await openHouse();
  mission = missionOn(house, { env: { npm_config_registry: registry.url } });
});
afterAll(async () => {
  await house.close();
  await registry.close();
  rmSync(ground, { recursive: true, force: true });
});

const ANN = ['-c', 'user.name=Ann', '-c', 'user.email=ann@people.invalid'];
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', [...ANN, ...args], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** A repository with one commit on `main`. */
function repository(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(ground, name);
  mkdirSync(path);
  git(path, 'init', '--quiet', '--initial-branch=main');
  write(path, files);
  return commit(path, 'Begin');
}

function commit(path: string, message: string): string {
  git(path, 'add', '--all');
  git(path, 'commit', '--quiet', '--allow-empty', '--message', message);
  return path;
}

interface Shown {
  readonly recipe: Recipe;
  readonly landing: string;
  readonly baseline: { readonly commit: string; readonly checks: CheckResult[] } | null;
}
const shown = async (name: string) =>
  documentOf<Shown>(await mission('repo', 'show', name, '--json'));
const listed = async () =>
  documentOf<{ repositories: { name: string }[] }>(await mission('repo', 'list', '--json'));

/** A project that needs the registry's package, with checks. */
function withDependency(): Record<string, string> {
  const files = registry.files();
  const scripts = { test: 'node --test', lint: 'node -p "require(\'tiny\')"' };
  const manifest = { ...JSON.parse(files['package.json'] ?? '{}'), scripts };
  return { ...files, 'package.json': JSON.stringify(manifest) };
}
const FAILS = "require('node:assert').equal(1, 2);\n";

test('setup and checks are proposed, run on the base, and kept as its baseline', async () => {
  const path = repository('web', { ...withDependency(), 'a.test.js': FAILS });
  const added = await mission('repo', 'add', path);
  expect(added).toMatchObject({ code: 0 });
  expect(added.stdout).toBe(
    `added web (${path}); results land as branches of their own, from main\n`,
  );
  expect(added.stderr).toContain('from package-lock.json, package.json:\n');
  expect(added.stderr).toContain('ready         npm ci --ignore-scripts\n');
  expect(added.stderr).toMatch(/green {9}npm run lint \(/);
  expect(added.stderr).toMatch(/BASELINE_RED {2}npm test \(exit 1, [\s\S]*AssertionError/);
  const { recipe, baseline } = await shown('web');
  const setup = 'npm ci --ignore-scripts';
  expect(recipe).toMatchObject({ setup, checks: ['npm run lint', 'npm test'] });
  expect(baseline).toMatchObject({ commit: git(path, 'rev-parse', 'main') });
  expect(baseline?.checks).toMatchObject([
    { exitCode: 0, output: expect.stringContaining('tiny 1.0.0') },
    { exitCode: 1 },
  ]);
  const text = await mission('repo', 'show', 'web');
  expect(text.stdout).toMatch(/Added {4}by person:[\s\S]*BASELINE_RED {2}npm test/);
  const twice = await mission('repo', 'add', path);
  expect(twice).toMatchObject({ code: 1, stdout: '' });
  expect(twice.stderr).toContain('there is a repository "web" already');
}, 120_000);

test('its checks are looked at again, on what its target is by then', async () => {
  const path = join(ground, 'web');
  write(path, { 'a.test.js': '' });
  commit(path, 'Mend');
  const again = await mission('repo', 'check', 'web', '--json');
  expect(again).toMatchObject({ code: 0 });
  expect(again.stderr).toContain('npm ci --ignore-scripts (from the cache)');
  const { baseline } = documentOf<Shown>(again);
  expect(baseline).toMatchObject({ commit: git(path, 'rev-parse', 'main') });
  expect(baseline?.checks).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
});

test('what is said is taken as it is said, and runs in its folder after the setup', async () => {
  const path = repository('lib', { 'a.txt': '', 'pkg/b.txt': '' });
  write(path, { '.env.test': 'KEY=1\n' });
  const check = 'cat made.txt b.txt && pwd';
  const options = ['--setup', 'echo 1 > made.txt', '--check', check, '--check', 'exit 3'];
  const more = ['--folder', './pkg/', '--copy', './.env.test', '--land', 'merge', '--name', 'l'];
  const added = await mission('repo', 'add', path, ...options, ...more, '--json');
  expect(documentOf<Shown>(added)).toMatchObject({
    recipe: {
      ...{ setup: 'echo 1 > made.txt', checks: [check, 'exit 3'], folder: 'pkg' },
      ...{ copies: ['.env.test'], installScripts: false },
    },
    ...{ name: 'l', landing: 'merge', provenance: 'person' },
    baseline: { checks: [{ exitCode: 0, output: expect.stringMatching(/^1\n.*\/pkg\n$/) }, {}] },
  });
  expect(added.stderr).toContain('BASELINE_RED  exit 3 (exit 3');
});

test('a recipe is changed in part, run again, and the change says who and why', async () => {
  const nothing = await mission('repo', 'set', 'l');
  expect(nothing).toMatchObject({ code: 2, stdout: '' });
  const why = ['--reason', 'faster', '--json'];
  const set = await mission('repo', 'set', 'l', '--check', 'true', '--no-setup', ...why);
  const recipe = { setup: null, checks: ['true'], folder: 'pkg', copies: ['.env.test'] };
  expect(documentOf<Shown>(set)).toMatchObject({
    ...{ recipe, landing: 'merge', changed: true },
    baseline: { checks: [{ command: 'true', exitCode: 0 }] },
  });
  const land = await mission('repo', 'set', 'l', '--land', 'branch');
  expect(land.stdout).toContain('as branches of their own');
  expect((await shown('l')).baseline).not.toBeNull();
  const failed = await mission('repo', 'set', 'l', '--setup', 'echo no; false');
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.stdout).toContain('nothing was changed');
  expect(await shown('l')).toMatchObject({ recipe, landing: 'branch' });
  const [row] = await house.database.sql`
    select principal, door, detail from audit
    where action = 'repository.set' and subject = 'l' order by id limit 1`;
  expect(row).toMatchObject({
    ...{ principal: expect.stringMatching(/^person:/), door: 'cli' },
    detail: { why: 'faster', before: { recipe: { checks: [{}, {}] } }, after: { recipe } },
  });
});

test('a setup that fails keeps a repository out, unless forced or left for later', async () => {
  const path = repository('broken', { 'a.txt': '' });
  const options = ['--setup', 'echo "no such package"; exit 7', '--check', 'true'];
  const refused = await mission('repo', 'add', path, ...options);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toContain('setup failed');
  expect(refused.stdout).toContain('no such package');
  expect(refused.stdout).toContain('nothing was added');
  expect((await listed()).repositories.map(({ name }) => name)).not.toContain('broken');
  expect(await house.workspaces.listMirrors()).toHaveLength((await listed()).repositories.length);
  expect((await mission('repo', 'add', path, ...options, '--force')).code).toBe(0);
  expect((await shown('broken')).baseline).toBeNull();
  const later = await mission('repo', 'add', path, ...options, '--no-run', '--name', 'later');
  expect(later).toMatchObject({ code: 0 });
  expect((await mission('repo', 'show', 'later')).stdout).toMatch(
    /Baseline none yet: .*mission repo check later/,
  );
  expect((await mission('repo', 'check', 'later')).code).toBe(1);
});

test('Ctrl-C ends what runs, and nothing is added', async () => {
  const path = repository('slow', { 'a.txt': '' });
  const check = 'echo begun; exec sleep 600';
  const child = start(['repo', 'add', path, '--no-setup', '--check', check], {
    env: envOf(house),
  });
  child.stderr?.on('data', (text) => String(text).includes('600 …') && child.kill('SIGINT'));
  expect(await ended(child)).toMatchObject({ code: 130, stdout: '' });
  expect((await listed()).repositories.map(({ name }) => name)).not.toContain('slow');
});

test('without a sandbox nothing of it is run, and what mends that is said', async () => {
  const path = repository('bare-hands', { 'a.txt': '' });
  const PATH = join(ground, 'bin');
  mkdirSync(PATH);
  symlinkSync(execFileSync('sh', ['-c', 'command -v git']).toString().trim(), join(PATH, 'git'));
  const without = missionOn(house, { env: { PATH } });
  const args = ['repo', 'add', path, '--no-setup', '--check', 'touch ran'];
  const refused = await without(...args);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/setup and checks cannot run here: .*--no-run leaves them/);
  expect((await without(...args, '--no-run')).code).toBe(0);
});

test('a URL is added as it is; it has no checkout to copy from', async () => {
  const url = `file://${join(ground, 'web')}`;
  const args = ['repo', 'add', url, '--name', 'far', '--no-run'];
  const refused = await mission(...args, '--copy', '.env');
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('there is no checkout here');
  expect(documentOf(await mission(...args, '--json'))).toMatchObject({ location: url });
});

describe('refused with a sentence', () => {
  const refusals: Readonly<Record<string, () => readonly string[]>> = {
    'has no branch release': () => [join(ground, 'web'), '--name', 'x', '--target', 'release'],
    'there is no folder "docs"': () => [join(ground, 'web'), '--name', 'x', '--folder', 'docs'],
    'the file ".env" does not exist in your checkout': () => [
      ...[join(ground, 'web'), '--name', 'x', '--copy', '.env'],
    ],
    'every working copy has it': () => [
      ...[join(ground, 'web'), '--name', 'x', '--copy', 'a.test.js'],
    ],
    'for ssh, add a clone by its path': () => ['git@example.com:ann/web.git'],
    'cannot be a name': () => [join(ground, 'web'), '--name', 'my web'],
    'an empty command does nothing': () => [join(ground, 'web'), '--name', 'x', '--check', ' '],
  };
  test.each(Object.keys(refusals))('%s', async (sentence) => {
    const refused = await mission('repo', 'add', ...(refusals[sentence]?.() ?? []));
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(sentence);
  });

  test('a name that is not known, with the one that is meant', async () => {
    for (const verb of ['show', 'check']) {
      const unknown = await mission('repo', verb, 'wep');
      expect(unknown).toMatchObject({ code: 3, stdout: '' });
      expect(unknown.stderr).toContain('there is no repository "wep"; did you mean web?');
    }
  });
});

test('nothing is left but the mirrors of what was added', async () => {
  const { repositories } = await listed();
  expect(repositories.map(({ name }) => name)).toEqual([
    ...['bare-hands', 'broken', 'far', 'l', 'later', 'web'],
  ]);
  expect(await house.workspaces.listMirrors()).toHaveLength(6);
  expect(await house.workspaces.listCopies()).toEqual([]);
  expect((await mission('repo', 'list')).stdout).toMatch(/NAME +TARGET +LANDS +CHECKS/);
});
