import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outermost, sandboxArguments, type View } from '../../src/workspace/sandbox/arguments.js';
import { bridgeTo } from '../../src/workspace/sandbox/bridge.js';
import { cagePlaces } from '../../src/workspace/sandbox/cage.js';
import { defaultCaps, diskAllowance, isNearlyFull } from '../../src/workspace/sandbox/caps.js';
import { diagnose } from '../../src/workspace/sandbox/diagnosis.js';
import { endingInside } from '../../src/workspace/sandbox/ending.js';
import {
  allowedTarget,
  hostWithPort,
  openProxy,
  sweepProxies,
} from '../../src/workspace/sandbox/proxy.js';
import { seccompFilter } from '../../src/workspace/sandbox/syscalls.js';
import {
  belongingTo,
  findToolchain,
  isTooWide,
  packagesOf,
} from '../../src/workspace/sandbox/toolchain.js';
import { temporaryFolder, write } from './support.js';

const VIEW: View = {
  system: { folders: ['/usr'], links: [{ path: '/bin', target: 'usr/bin' }], etc: [], hidden: [] },
  toolchain: ['/opt/node', '/opt/node/bin'],
  folder: '/house/copies/1',
  place: null,
  readOnly: false,
  home: '/house/copies/1.home/user',
  borrowed: '/house/mirrors/a.git/objects',
  house: '/house',
  exchange: '/house/copies/1.home/out',
  network: null,
  environment: { KEY: 'secret value' },
  tmpBytes: 1024,
  filter: null,
  asRoot: true,
  uid: 0,
};

/** The options as one text, of which each test looks at its own. */
function optionsOf(view: Partial<View>): string {
  const { args, data } = sandboxArguments({ ...VIEW, ...view });
  expect(args).toEqual(['--args', '3', '--']);
  return ` ${String(data[0]).replaceAll('\0', ' ')}`;
}

describe('the command line of bubblewrap', () => {
  test('root becomes an ordinary user without rights; others stay who they are', () => {
    expect(optionsOf({})).toContain(' --uid 1000 --gid 1000 ');
    expect(optionsOf({ asRoot: false, uid: 7 })).not.toContain('--uid');
    expect(sandboxArguments({ ...VIEW, asRoot: false, uid: 7 }).data[1]).toMatch(/^agent:x:7:7:/);
    for (const each of ['--unshare-all', '--disable-userns', '--die-with-parent']) {
      expect(optionsOf({})).toContain(` ${each} `);
    }
    expect(optionsOf({})).toContain(' --cap-drop ALL ');
  });

  test('what can be written: the copy, its home, the result; a review none of the copy', () => {
    const written = (view: Partial<View>) =>
      [...optionsOf(view).matchAll(/ --bind (\S+) \S+/g)].map(([, path]) => path);
    const [copy, home, out] = [VIEW.folder, VIEW.home, VIEW.exchange];
    expect(written({})).toEqual([copy, home, out]);
    expect(written({ readOnly: true, exchange: null })).toEqual([home]);
    expect(optionsOf({ readOnly: true })).toContain(` --ro-bind ${copy} ${copy} `);
  });

  test('what shows the house is hidden again, before its parts are shown', () => {
    expect(optionsOf({})).not.toContain('--tmpfs /house');
    const shown = optionsOf({ toolchain: ['/'] });
    expect(shown.indexOf('--tmpfs /house')).toBeGreaterThan(0);
    expect(shown.indexOf('--tmpfs /house')).toBeLessThan(shown.indexOf(`--bind ${VIEW.folder}`));
  });

  test('of folders within one another the outer one is enough', () => {
    expect(outermost(['/a/b', '/a', '/a.b', '/c/d/', '/c/d'])).toEqual(['/a', '/a.b', '/c/d']);
  });
});

test('the filter of calls: 8 bytes an instruction, none where the numbers are not known', () => {
  const filter = Buffer.from(seccompFilter('x64') ?? []);
  expect(filter.length).toBe(8 * (4 + 10 + 2));
  // the first test leaves out all others and the permission
  expect([...filter.subarray(32, 40)]).toEqual([0x35, 0, 10, 0, 0, 0, 0, 0x40]);
  expect(seccompFilter('arm64')).toHaveLength(8 * (4 + 9 + 2));
  expect(seccompFilter('mips')).toBe(null);
});

describe('the programs of the search path', () => {
  test.each([
    ['/home/ann/.nvm/versions/node/v20.1.0/bin', ['/home/ann/.nvm/versions/node/v20.1.0'], {}],
    ['/h/.pyenv/shims', ['/h/.pyenv'], { PYENV_ROOT: '/h/.pyenv' }],
    ['/h/.cargo/bin', ['/h/.cargo/bin', '/h/.rustup'], { RUSTUP_HOME: '/h/.rustup' }],
    ['/opt/tool/bin', ['/opt/tool'], {}],
    ['/home/ann/.local/bin', ['/home/ann/.local/bin'], {}],
  ])('%s shows %j', (folder, readable, environment) => {
    expect(belongingTo(folder)).toEqual({ readable, environment });
  });

  test('a folder of more than programs is never shown', () => {
    const wide = ['/', '/home', '/home/ann', '/root', '/tmp', '/etc/x', '/proc/1/cwd', '/h'];
    for (const folder of [...wide, homedir()]) expect(isTooWide(folder, '/h/ann')).toBe(true);
    for (const folder of ['/home/ann/bin', '/opt/x']) expect(isTooWide(folder, '/h')).toBe(false);
    expect(packagesOf('/x/lib/node_modules/@a/b/cli.js')).toBe('/x/lib/node_modules');
    expect(packagesOf('/x/cli.js')).toBe(null);
  });

  test('links lead to programs and their packages, never to folders or other files', async () => {
    const root = temporaryFolder();
    write(root, {
      'lib/node_modules/tool/cli.js': '',
      'venvs/py/pyvenv.cfg': '',
      'venvs/py/bin/py': '',
      'alone/program': '',
      'project/.env': 'SECRET=1',
      'bin/own': '',
      'house/bin/theirs': '',
    });
    const links = {
      tool: 'lib/node_modules/tool/cli.js',
      py: 'venvs/py/bin/py',
      alone: 'alone/program',
      project: 'project',
      env: 'project/.env',
      gone: 'nowhere',
    };
    for (const [name, target] of Object.entries(links)) {
      symlinkSync(join(root, target), join(root, 'bin', name));
      if (!['project', 'env', 'gone'].includes(name)) chmodSync(join(root, target), 0o755);
    }
    mkdirSync(join(root, 'named'));
    symlinkSync(join(root, 'bin'), join(root, 'named', 'bin'));
    const paths = ['named/bin', 'bin', 'house/bin', 'missing'].map((path) => join(root, path));
    const found = await findToolchain({
      searchPath: [...paths, 'relative', '', '/usr/bin'].join(delimiter),
      programs: [],
      house: join(root, 'house'),
      seen: ['/usr'],
    });
    expect(found.searchPath).toBe([join(root, 'bin'), '/usr/bin'].join(delimiter));
    const shown = ['bin', 'lib/node_modules', 'venvs/py', 'alone/program'];
    expect(found.readable.sort()).toEqual(shown.map((path) => join(root, path)).sort());
  });
});

describe('limits', () => {
  test('a control group lies in our own of each tree, or beside us', () => {
    const mounts = [
      '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '39 31 0:36 /jail /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
    ];
    const two = '40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw';
    expect(cagePlaces('4:memory:/a/b\n8:pids:/jail/c\n0::/', mounts.join('\n'))).toEqual([
      { version: 1, folders: ['/sys/fs/cgroup/memory/a/b', '/sys/fs/cgroup/pids/c'] },
    ]);
    expect(cagePlaces('0::/user.slice/app.slice/us.service\n', two)).toEqual([
      { version: 2, folders: ['/sys/fs/cgroup/user.slice/app.slice'] },
      { version: 2, folders: ['/sys/fs/cgroup'] },
    ]);
    expect(cagePlaces('0::/', '')).toEqual([]);
  });

  test('on a full disk a command may add less', () => {
    const gib = 2 ** 30;
    const caps = defaultCaps(4 * gib);
    expect(caps).toMatchObject({ memoryBytes: 2 * gib, tmpBytes: gib / 2 });
    expect(diskAllowance(100 * gib, caps)).toBe(20 * gib);
    expect(diskAllowance(5 * gib, caps)).toBe(3 * gib);
    expect(diskAllowance(gib, caps)).toBe(64 * 2 ** 20);
    expect(isNearlyFull(0.5 * gib, 5 * gib)).toBe(true);
    expect(isNearlyFull(0.5 * gib, 0.5 * gib)).toBe(false);
  });

  test('an exit code that tells of a signal is told as one', () => {
    const of = (exitCode: number, said = '') =>
      endingInside({ kind: 'exited', exitCode }, said, false);
    expect(of(137)).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    expect(of(130)).toEqual({ kind: 'exited', exitCode: 130 });
    expect(of(1, "bwrap: Can't mount proc")).toMatchObject({ kind: 'not-started' });
    expect(endingInside({ kind: 'cancelled' }, '', true)).toMatchObject({ kind: 'killed' });
  });
});

test('a host is one by its whole name and port, and nothing else passes for it', () => {
  expect(hostWithPort('API.example.com')).toBe('api.example.com:443');
  for (const bad of ['*.example.com', 'a b', 'a:0', 'a:65536', 'http://a', 'a/b', '', 'u@a']) {
    expect(() => hostWithPort(bad)).toThrow('is no host');
  }
  const hosts = new Set([hostWithPort('api.example.com'), hostWithPort('[::1]:80')]);
  expect(allowedTarget('API.example.com:443', hosts)).toEqual({
    host: 'api.example.com',
    port: 443,
  });
  expect(allowedTarget('[::1]:80', hosts)).toEqual({ host: '::1', port: 80 });
  for (const asked of ['example.com:443', 'api.example.com:80', 'api.example.com', 'x:1\0api']) {
    expect(allowedTarget(asked, hosts)).toBe(null);
  }
  const { environment } = bridgeTo(['127.0.0.1:3128'], 'node', '/socket');
  expect(environment.HTTPS_PROXY).toBe('http://127.0.0.1:3129');
});

test('what a killed worker’s proxy left is removed, and only that', async () => {
  const folder = temporaryFolder();
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const proxy = await openProxy([]);
    const dead = join(folder, 'mission-net-dead');
    mkdirSync(dead);
    const path = JSON.stringify(join(dead, 'proxy.sock'));
    const die = '() => process.kill(process.pid, 9)';
    const dying = `require('net').createServer().listen(${path}, ${die})`;
    spawnSync(process.execPath, ['-e', dying]);
    expect(readdirSync(dead)).toEqual(['proxy.sock']);
    await sweepProxies();
    expect(readdirSync(folder)).toEqual([basename(proxy.folder)]);
    await proxy.close();
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

describe('why there is no sandbox', () => {
  const here = {
    platform: 'linux',
    bubblewrap: '/usr/bin/bwrap',
    said: 'bwrap: setting up uid map: Permission denied',
    isRoot: false,
    inContainer: false,
    apparmorRestricts: null,
    usersMayUnshare: null,
    namespacesMax: '15000',
  };
  test.each([
    [{ platform: 'darwin' }, 'this is darwin', 'on Linux or in a container'],
    [{ bubblewrap: null }, 'not installed', 'apt-get install bubblewrap'],
    [{ said: 'bwrap: Unknown option --disable-userns' }, 'too old', '0.8 or newer'],
    [{ apparmorRestricts: '1' }, 'Permission denied', 'profile bwrap'],
    [{ inContainer: true }, 'may not make a sandbox', 'security_opt'],
    [{ usersMayUnshare: '0' }, 'may not', 'sysctl kernel.unprivileged_userns_clone=1'],
    [{ namespacesMax: '0' }, 'may not', 'sysctl user.max_user_namespaces'],
    [{ said: 'bwrap: execvp prlimit: No such file' }, 'prlimit', 'install util-linux'],
    [{ said: '' }, 'it said nothing', 'allow user namespaces'],
  ])('%j', (more, why, fix) => {
    const diagnosis = diagnose({ ...here, ...more });
    expect(diagnosis.why).toContain(why);
    expect(diagnosis.fix).toContain(fix);
  });
});
