import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { build } from '../support/build.js';
import { PROGRAM, run } from '../support/mission.js';

interface Up {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

let folder: string;
let home: string;
const started: Up[] = [];
const env = () => ({
  MISSION_HOME: home,
  MISSION_CACHE: loadConfig().cacheDir,
  PATH: process.env.PATH ?? '',
  HOME: folder,
});

beforeEach(async () => {
  build();
  folder = await mkdtemp(join(tmpdir(), 'mission-twice-'));
  await chmod(folder, 0o711); // as root, Postgres runs as `nobody` and must get through
  home = join(folder, 'home');
});
afterEach(async () => {
  await run(['down'], { env: env() });
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function up(): Up {
  const child = spawn(process.execPath, [PROGRAM, 'up'], { env: env(), stdio: 'pipe' });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  const one = { child, said: () => text, ended: once(child, 'exit').then(([code]) => code) };
  started.push(one);
  return one;
}

const PATIENCE = { timeout: 90_000, interval: 50 };
const HOLDS = /^Ctrl-C/m;
const JOINED = 'Mission Control runs already.';

const expectWorking = async () =>
  expect(await run(['task', 'create', 'Say hello', '--wait'], { env: env() })).toMatchObject({
    code: 0,
  });

test('two `mission up` at the same moment: one holds the house, the other joins it', async () => {
  const both = [up(), up()];
  await vi.waitFor(() => {
    const said = both.map((one) => one.said());
    expect(said.filter((text) => HOLDS.test(text))).toHaveLength(1);
    expect(said.filter((text) => text.includes(JOINED))).toHaveLength(1);
  }, PATIENCE);
  const joined = both.find((one) => one.said().includes(JOINED));
  expect(await joined?.ended).toBe(0);
  await expectWorking();
}, 180_000);

test('the first is killed while it starts: the second, which waited, does it', async () => {
  const first = up();
  await vi.waitFor(() => expect(existsSync(join(home, 'lock.1'))).toBe(true), PATIENCE);
  const second = up();
  await vi.waitFor(() => expect(existsSync(join(home, 'postgres'))).toBe(true), PATIENCE);
  first.child.kill('SIGKILL');
  await vi.waitFor(() => expect(second.said()).toMatch(HOLDS), PATIENCE);
  await expectWorking();
}, 180_000);
