import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { CheckResult } from '../../src/domain/repository.js';
import { runChecks } from '../../src/workspace/checks.js';
import type { Copy } from '../../src/workspace/index.js';
import { createSandbox } from '../../src/workspace/sandbox/index.js';
import { describeNeeding, needs } from '../support/needs.js';
import { processesWith } from './sandbox-rig.js';
import { git, read, SEARCH_PATH, temporaryFolder, write } from './support.js';
import { kept, openYard, RECIPE } from './yard.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeNeeding(needs.bubblewrap, 'files of the person', () => {
  test('each copy gets them, and no commit ever holds them', async () => {
    const house = await openYard({ 'package-lock.json': '{}' });
    write(house.location, { '.env.test': 'TOKEN=0123456789abcdef\n', 'conf/dev.json': '{}' });
    chmodSync(join(house.location, '.env.test'), 0o644);
    const copies = ['.env.test', 'conf/dev.json'];
    const copy = await house.open();
    const recipe = { setup: 'grep -q TOKEN .env.test && mkdir m && echo > m/m', copies };
    expect(await house.prepare(copy, recipe)).toMatchObject({ kind: 'ready' });
    expect(read(copy.path, '.env.test')).toContain('TOKEN');
    expect(statSync(join(copy.path, '.env.test')).mode & 0o777).toBe(0o600);
    expect(git(copy.path, 'status', '--porcelain')).toBe('');
    for (const folder of house.keptSetups()) {
      expect(readdirSync(join(house.home, 'setups', folder, 'tree'))).toEqual(['m']);
    }
    git(copy.path, 'add', '--force', '.env.test');
    git(copy.path, 'commit', '--quiet', '--message', 'Secret');
    git(copy.path, 'rm', '--quiet', '--cached', '.env.test');
    write(copy.path, { 'a.txt': 'a\n' });
    git(copy.path, 'add', 'a.txt');
    git(copy.path, 'commit', '--quiet', '--message', 'Gone again');
    const { commit, mirror, names } = await kept(house, copy);
    expect(names).toBe('a.txt');
    expect(git(mirror, 'log', '--all', '--format=%s')).not.toContain('Secret');
    expect(git(mirror, 'rev-list', '--objects', commit)).not.toContain('.env.test');
    writeFileSync(join(copy.path, 'other-name'), 'TOKEN=0123456789abcdef\n');
    await expect(house.workspaces.snapshot(copy, 'Work\n')).rejects.toMatchObject({
      ...{ reason: 'kept-out', path: 'other-name' },
    });
  });

  test('what is missing, a link, tracked or out of reach is refused in a sentence', async () => {
    const house = await openYard({ 'package-lock.json': '{}' });
    write(house.location, { 'src/search.js': 'one\n' });
    symlinkSync('/etc/passwd', join(house.location, 'link'));
    mkdirSync(join(temporaryFolder(), 'x'));
    symlinkSync(temporaryFolder(), join(house.location, 'folder'));
    const said = async (file: string, more = {}) => {
      const recipe = { setup: null, copies: [file] };
      const end = await house.prepare(await house.open(), recipe, more);
      return end.kind === 'failed' ? end.output : 'ready';
    };
    expect(await said('.env')).toBe(
      `.env is not in ${house.location}; make it there, or copy it no more`,
    );
    expect(await said('link')).toContain('is no plain file, or lies behind a link');
    expect(await said('folder/x')).toContain('is no plain file, or lies behind a link');
    expect(await said('../x')).toContain('is no path within the repository');
    expect(await said('.git/config')).toContain('is no path within the repository');
    expect(await said('README.md')).toContain('is held by git already');
    expect(await said('x', { location: 'https://example.com/x.git' })).toContain('is a URL');
  });
});

describeNeeding(needs.bubblewrap, 'checks', () => {
  test('all run, in their folder, without network and without what the host knows', async () => {
    const house = await openYard({ 'app/one': '1', 'package-lock.json': '{}' });
    const copy = await house.open();
    const setup =
      'mkdir tools && printf "#!/bin/sh\\necho made" > tools/tool && chmod 755 tools/tool';
    const recipe = { ...RECIPE, setup, folder: 'app' };
    await house.prepare(copy, recipe);
    process.env.CANARY = 'of the host';
    const lines: string[] = [];
    const checks = [
      'ls; echo "CI=$CI" "[$CANARY]"',
      'exit 3',
      'tools/tool',
      'node -e "fetch(\'http://example.com\').catch(() => process.exit(9))"',
      'kill -TERM $$',
    ];
    const results = await house.workspaces.check({
      ...{ copy, recipe: { ...recipe, checks } },
      onLine: (line) => lines.push(line),
    });
    expect(results.map(({ command, exitCode }) => [command, exitCode])).toEqual([
      [checks[0], 0],
      [checks[1], 3],
      [checks[2], 0],
      [checks[3], 9],
      [checks[4], null],
    ]);
    expect(results[0]?.output).toBe('one\ntools\nCI=true []\n');
    expect(results[4]?.output).toBe('[ended by SIGTERM]\n');
    expect(lines).toContain('made');
    expect(results.every(({ durationMs }) => Number.isInteger(durationMs))).toBe(true);
  });

  test('one that takes too long is ended with all it started; long output is cut', async () => {
    const house = await openYard({ 'package-lock.json': '{}' });
    const copy = await house.open();
    const checks = ['echo begun; (sleep 90006 &) ; sleep 90006', 'seq 1 100000'];
    const recipe = { ...RECIPE, setup: null, checks };
    const run = (more = {}) => house.workspaces.check({ copy, recipe, timeoutMs: 2000, ...more });
    const [slow, long] = (await run()) as [CheckResult, CheckResult];
    expect(slow).toMatchObject({ exitCode: null, output: 'begun\n[stopped after 2 s]\n' });
    expect(processesWith('sleep 90006')).toEqual([]);
    expect(long.output).toMatch(/^1\n2\n[\s\S]*bytes cut here[\s\S]*\n100000\n$/);
    const abort = new AbortController();
    const running = run({ signal: abort.signal, onLine: () => abort.abort(new Error('enough')) });
    await expect(running).rejects.toThrow('enough');
    const lost = { ...recipe, folder: 'gone', checks: ['true'] };
    const [result] = await house.workspaces.check({ copy, recipe: lost });
    expect(result?.exitCode).not.toBe(0);
    expect(result?.output).toContain('gone');
  });
});

test('a check that no sandbox runs is no result', async () => {
  const searchPath = SEARCH_PATH;
  const sandbox = createSandbox({ home: temporaryFolder(), searchPath, sandbox: 'native' });
  const copy = { path: '/tmp', home: '/tmp' } as Copy;
  const running = runChecks(
    { sandbox, searchPath },
    { copy, recipe: { ...RECIPE, checks: ['x'] } },
  );
  await expect(running).rejects.toThrow(
    'x could not be started: commands of agents need bubblewrap',
  );
});
