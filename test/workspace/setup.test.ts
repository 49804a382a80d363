import { existsSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeNeeding, needs } from '../support/needs.js';
import { openRegistry, type Registry } from '../support/registry.js';
import { commitAll, git, read, temporaryFolder, write } from './support.js';
import { kept, openYard } from './yard.js';

// Real package managers start slowly, and other tests saturate the cores.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let registry: Registry;
beforeAll(async () => {
  registry = await openRegistry();
});
afterAll(() => registry.close());

describeNeeding(needs.bubblewrap, 'the setup of a repository', () => {
  test('npm fetches from the registry once; other copies get what it made', async () => {
    const house = await openYard(registry.files(), registry);
    const [first, second] = [await house.open(), await house.open()];
    const made = await house.prepare(first);
    expect(made).toEqual({ kind: 'ready', setupDigest: expect.any(String), cached: false });
    const asked = registry.asked.length;
    expect(asked).toBeGreaterThan(0);
    expect(await house.prepare(second)).toEqual({ ...made, cached: true });
    expect(registry.asked).toHaveLength(asked);
    for (const copy of [first, second]) {
      expect(await house.inside(copy, 'node -p "require(\'tiny\')"')).toBe('tiny 1.0.0\n');
      expect(existsSync(join(copy.path, 'node_modules/tiny/ran'))).toBe(false);
    }
    // A link would carry what an agent writes into everybody's.
    write(first.path, { 'node_modules/tiny/index.js': 'evil' });
    const third = await house.open();
    await house.prepare(third);
    expect(await house.inside(third, 'node -p "require(\'tiny\')"')).toBe('tiny 1.0.0\n');
    // No .gitignore names it, and still it is no work.
    write(first.path, { 'src/new.js': 'new\n' });
    expect((await kept(house, first)).names).toBe('src/new.js');
  });

  test('scripts of packages run only where a person allows them', async () => {
    const house = await openYard(registry.files(), registry);
    const copy = await house.open();
    expect(await house.prepare(copy, { installScripts: true })).toMatchObject({ kind: 'ready' });
    expect(read(copy.path, 'node_modules/tiny/ran')).toBe('ran\n');
  });

  test('another lock file is set up anew, for the task alone when it is the agent’s', async () => {
    const house = await openYard(registry.files(), registry);
    const base = await house.open();
    const { setupDigest } = await house.prepare(base);
    write(base.path, { 'package-lock.json': `${read(base.path, 'package-lock.json')}\n` });
    const { commit } = await house.workspaces.snapshot(base, 'Lock\n');
    const [own, others] = [
      await house.open({ taskId: base.taskId, from: commit }),
      await house.open({ from: commit }),
    ];
    const again = await house.prepare(own);
    expect(again).toMatchObject({ kind: 'ready', cached: false });
    expect(again.setupDigest).not.toBe(setupDigest);
    expect(house.keptSetups()).toEqual([setupDigest]);
    const more = await house.open({ taskId: base.taskId, from: commit });
    expect(await house.prepare(more, {}, { offline: true })).toMatchObject({ cached: true });
    expect(await house.prepare(others)).toMatchObject({ cached: false });
    await house.workspaces.dropSetups(base.taskId);
    expect(readdirSync(join(house.home, 'setups/tasks'))).toEqual([others.taskId]);
  });

  test('two at once run it once', async () => {
    const house = await openYard({ 'package-lock.json': '{}' });
    const copies = await Promise.all([house.open(), house.open(), house.open()]);
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    const setup = 'echo running && mkdir made && date +%N > made/at';
    const prepared = await Promise.all(
      copies.map((copy) => house.prepare(copy, { setup }, { onLine })),
    );
    expect(prepared.filter((one) => one.kind === 'ready' && !one.cached)).toHaveLength(1);
    expect(lines).toEqual(['running']);
    expect(new Set(copies.map(({ path }) => read(path, 'made/at'))).size).toBe(1);
  });

  test('one that fails leaves nothing, says what it said, and is run again', async () => {
    const house = await openYard(registry.files(), registry);
    const copy = await house.open();
    const setup = 'echo half > half; echo "no such package" >&2; exit 3';
    const failed = await house.prepare(copy, { setup });
    expect(failed).toMatchObject({ kind: 'failed' });
    expect(failed.kind === 'failed' && failed.output).toBe(
      `${setup}: ended with code 3\nno such package`,
    );
    expect(existsSync(join(copy.path, 'half'))).toBe(false);
    expect(house.keptSetups()).toEqual([]);
    expect(await house.prepare(copy, { setup: 'test ! -e half' })).toMatchObject({ kind: 'ready' });
  });

  test('other hosts are refused, and the refusal names them', async () => {
    const house = await openYard(registry.files(), registry);
    const reach = async (host: string) => {
      const setup = `export URL=${host}; ${CONNECT}; exit 1`;
      const end = await house.prepare(await house.open(), { setup });
      return end.kind === 'failed' ? end.output : 'ready';
    };
    const refused = await reach('example.com:443');
    expect(refused).toContain('HTTP/1.1 403 Forbidden');
    expect(refused).toContain('[sandbox: the network was refused to example.com:443]');
    expect(refused).toContain('MISSION_REGISTRIES names further ones');
    expect(await reach(registry.host)).toContain('HTTP/1.1 200 Connection Established');
    const endOf = async (setup: string) => house.prepare(await house.open(), { setup });
    expect(await endOf('echo npm error code EAI_AGAIN; exit 7')).toMatchObject({
      ...{ exitCode: 7, isOurs: true },
    });
    expect(await endOf('echo no such lock; exit 7')).toMatchObject({ exitCode: 7, isOurs: false });
  });

  test('what names its own place names the copy’s; links as well', async () => {
    const house = await openYard(registry.files(), registry);
    const setup =
      'mkdir -p env/bin ~/tools && printf "#!%s/env/bin/run\\n" "$PWD" > env/bin/tool &&' +
      ' chmod 755 env/bin/tool && ln -s "$PWD/env/bin/tool" env/link && echo "$HOME" > ~/tools/at';
    const [first, second] = [await house.open(), await house.open()];
    await house.prepare(first, { setup });
    await house.prepare(second, { setup });
    for (const copy of [first, second]) {
      expect(read(copy.path, 'env/bin/tool')).toBe(`#!${copy.path}/env/bin/run\n`);
      expect(read(copy.path, 'env/link')).toBe(`#!${copy.path}/env/bin/run\n`);
      expect(statSync(join(copy.path, 'env/bin/tool')).mode & 0o777).toBe(0o755);
      expect(await house.inside(copy, 'cat ~/tools/at')).toBe(`${copy.home}/user\n`);
    }
  });

  test('what it changed in files that git holds is undone, and said', async () => {
    const house = await openYard(registry.files(), registry);
    const copy = await house.open();
    const lines: string[] = [];
    const setup = 'echo >> package-lock.json; echo x >> README.md; rm src/search.js; mkdir m; >m/m';
    await house.prepare(copy, { setup }, { onLine: (line: string) => lines.push(line) });
    expect(lines).toEqual([
      '[the setup changed package-lock.json, which git holds: that change is not kept]',
    ]);
    expect(git(copy.path, 'status', '--porcelain')).toBe('');
    expect(existsSync(join(copy.path, 'm/m'))).toBe(true);
    // More than can be read at once.
    const huge = 'truncate -s 3G package-lock.json';
    await house.prepare(await house.open(), { setup: huge }, { onLine: lines.push.bind(lines) });
    expect(lines).toEqual([lines[0], lines[0]]);
  });

  test('an agent cannot bring it into the work, by .gitignore or by force', async () => {
    const house = await openYard(registry.files(), registry);
    const setup = 'mkdir -p node_modules/a && echo a > node_modules/a/a';
    const copy = await house.open();
    await house.prepare(copy, { setup });
    write(copy.path, { '.gitignore': '!node_modules\n', 'src/new.js': 'new\n' });
    rmSync(join(copy.path, '.git/info/exclude'));
    expect((await kept(house, copy)).names).toBe('.gitignore\nsrc/new.js');
    write(copy.path, { 'src/newer.js': 'newer\n' });
    git(copy.path, 'add', '--force', '--all');
    git(copy.path, 'commit', '--quiet', '--message', 'All of it');
    const { names, mirror, commit } = await kept(house, copy);
    expect(names).toBe('.gitignore\nsrc/new.js\nsrc/newer.js');
    expect(git(mirror, 'rev-list', '--objects', commit)).not.toContain('node_modules');
  });

  test('a merge that leaves the lock file in conflict is set up as before it', async () => {
    const house = await openYard(registry.files(), registry);
    const setup = 'cp package-lock.json copied';
    const base = await house.open();
    const { setupDigest } = await house.prepare(base, { setup });
    write(base.path, { 'package-lock.json': 'theirs\n' });
    const { commit } = await house.workspaces.snapshot(base, 'Lock\n');
    write(house.location, { 'package-lock.json': 'ours\n', 'new.txt': 'new\n' });
    commitAll(house.location, 'Lock');
    const merging = await house.workspaces.refresh(house.repository, 'main');
    const torn = await house.open({ taskId: base.taskId, from: commit, merging });
    expect((await house.prepare(torn, { setup })).setupDigest).not.toBe(setupDigest);
    expect(read(torn.path, 'copied')).toBe('theirs\n');
    expect(read(torn.path, 'package-lock.json')).toContain('<<<<<<<');
    // Without a conflict, what came with the target counts as well.
    const even = await house.open({ from: base.from, merging });
    await house.prepare(even, { setup });
    expect(read(even.path, 'copied')).toBe('ours\n');
    expect(house.keptSetups()).toEqual([setupDigest]);
  });

  test('a link in the commit leads nothing out of the copy', async () => {
    const house = await openYard(registry.files(), registry);
    const setup = 'mkdir -p sub/made && echo made > sub/made/it';
    write(house.location, { 'sub/kept': 'kept\n' });
    commitAll(house.location, 'Sub');
    const copy = await house.open();
    await house.prepare(copy, { setup });
    expect(read(copy.path, 'sub/made/it')).toBe('made\n');
    const outside = temporaryFolder();
    rmSync(join(house.location, 'sub'), { recursive: true });
    symlinkSync(outside, join(house.location, 'sub'));
    commitAll(house.location, 'Link');
    expect(await house.prepare(await house.open(), { setup })).toMatchObject({ cached: true });
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a recipe without a setup costs nothing; what is cut off is told', async () => {
    const house = await openYard(registry.files(), registry);
    const copy = await house.open();
    const none = { setup: null };
    expect(await house.prepare(copy, none)).toEqual({
      ...{ kind: 'ready', setupDigest: 'none', cached: true },
    });
    expect(house.keptSetups()).toEqual([]);
    const abort = new AbortController();
    const onLine = () => abort.abort(new Error('enough'));
    const { signal } = abort;
    const running = house.prepare(copy, { setup: 'echo; sleep 90005' }, { signal, onLine });
    await expect(running).rejects.toThrow('enough');
    expect(house.keptSetups()).toEqual([]);
  });
});

/** Asks the proxy for a tunnel, by hand: what it answers is what a package manager meets. */
const CONNECT = `node -e "
const { port } = new (require('node:url').URL)(process.env.HTTPS_PROXY);
const socket = require('node:net').connect(port, '127.0.0.1');
socket.write('CONNECT ' + process.env.URL + ' HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');
socket.once('data', (data) => { console.log(String(data)); socket.destroy(); });"`;
