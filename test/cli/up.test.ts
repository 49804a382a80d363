import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { build } from '../support/build.js';
import { documentOf, PROGRAM, type Ran, run, scenario } from '../support/mission.js';

let folder: string;
let home: string;
let first: ChildProcess;
const lines: string[] = [];

const env = () => ({ MISSION_HOME: home, MISSION_CACHE: loadConfig().cacheDir });
const mission = (...args: string[]): Promise<Ran> => run(args, { env: env() });

beforeAll(async () => {
  build();
  folder = await mkdtemp(join(tmpdir(), 'mission-up-'));
  await chmod(folder, 0o711); // as root, Postgres runs as `nobody` and must get through
  home = join(folder, 'home');
  first = spawn(process.execPath, [PROGRAM, 'up'], {
    env: { ...env(), PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (!first.stdout || !first.stderr) throw new Error('no output');
  createInterface({ input: first.stderr }).on('line', (line) => lines.push(line));
  await new Promise<void>((resolve, reject) => {
    first.once('exit', (code) => reject(new Error(`up ended with ${code}: ${lines.join('\n')}`)));
    createInterface({ input: first.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      lines.push(line);
      if (line.startsWith('Ctrl-C')) resolve();
    });
  });
}, 120_000);

afterAll(async () => {
  if (first.exitCode === null) {
    first.kill('SIGTERM');
    await once(first, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
});

test('says where everything is and what to type next; it is healthy and works', async () => {
  const said = lines.join('\n');
  expect(said).toMatch(/Web UI +http:\/\/127\.0\.0\.1:\d+/);
  expect(said).toContain('Seed: policies auto-approve: inserted');
  expect(said).toContain(`ln -sf ${PROGRAM} ~/.local/bin/mission`);
  const status = await mission('status');
  expect(status).toMatchObject({ code: 0 });
  expect(status.stdout).toMatch(
    /^Healthy: 1 worker, 0 open tasks, rehearsing, Temporal \S+ at 127/,
  );
  expect((await mission('task', 'create', 'Say hello', '--wait')).code).toBe(0);
});

test('a second one adopts what runs', async () => {
  const second = await mission('up');
  expect(second.code).toBe(0);
  expect(second.stdout).toContain('Mission Control runs already.');
  expect(second.stdout).toMatch(/Agents +rehearse, and nothing is paid for/);
});

test('linked into a folder of PATH it is `mission`, in any folder', async () => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await symlink(PROGRAM, join(bin, 'mission'));
  const command = 'mission task create "Say more" --json && mission inbox --mine';
  const path = `${bin}:${process.env.PATH}`;
  const said = execFileSync('sh', ['-c', `${command} 2>&1`], {
    cwd: folder,
    env: { ...env(), PATH: path, HOME: process.env.HOME },
    encoding: 'utf8',
  });
  expect(said).toContain('"task": "T-2"');
  const ran = await run(['why', 'T-99'], { env: { ...env(), PATH: path }, cwd: folder });
  expect(ran.code).toBe(3);
  const lost = await run(['tsk'], { env: { ...env(), PATH: path }, cwd: folder });
  expect(lost.stderr).toContain(`did you mean: MISSION_HOME=${home} mission task`);
});

test('`down` stops it, which ends it with 0; then nothing runs here', async () => {
  const exit = once(first, 'exit');
  const hangs = { executions: [{ report: 'late', turns: [{}], faults: { hangAtTurn: 1 } }] };
  const filed = await mission('task', 'create', 'Hangs', '-d', scenario(hangs), '--json');
  const { task } = documentOf<{ task: string }>(filed);
  await vi.waitFor(
    async () => expect((await mission('task', 'show', task)).stdout).toContain('IN_PROGRESS'),
    { timeout: 20_000 },
  );
  expect((await mission('down', '--timeout', '2')).code).toBe(2);
  const down = await mission('down', '--drain', '--timeout', '2');
  expect(down).toMatchObject({ code: 0, stdout: 'stopped\n' });
  expect(down.stderr).toContain(`Waiting for Execution 1 of ${task} (implementer, for `);
  const left = `Resumes from its last checkpoint after the next start: Execution 1 of ${task}`;
  expect(down.stderr).toContain(left);
  expect(lines).toContain(left);
  expect((await exit)[0]).toBe(0);
  expect((await mission('status')).code).toBe(7);
  expect(await mission('down')).toMatchObject({ code: 0, stdout: 'nothing runs here\n' });
});

test('a terminal that is closed ends it as a kill does: all stops, nothing is left', async () => {
  const held = spawn(process.execPath, [PROGRAM, 'up'], {
    env: { ...env(), PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(held, 'exit');
  const said: string[] = [];
  await new Promise<void>((resolve) => {
    createInterface({ input: held.stderr }).on('line', (line) => said.push(line));
    createInterface({ input: held.stdout }).on('line', (line) => {
      if (line.startsWith('Ctrl-C')) resolve();
    });
  });
  expect(said[0]).toBe('Starting Postgres and Temporal …');
  held.stdout.destroy(); // nobody reads what it says from here on
  held.stderr.destroy();
  held.kill('SIGHUP');
  expect((await exit)[0]).toBe(0);
  expect(await mission('down')).toMatchObject({ stdout: 'nothing runs here\n' });
}, 60_000);

test('a data folder that was removed is not started again by what is advised', async () => {
  const gone = await run(['status'], { env: { ...env(), MISSION_HOME: join(folder, 'gone') } });
  expect(gone.code).toBe(7);
  expect(gone.stderr).toContain('there is no data folder');
  expect(gone.stderr).not.toContain('mission up');
});
