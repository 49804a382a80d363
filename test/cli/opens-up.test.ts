/** What hangs or is killed under `mission up`: the printed command brings it back. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { build, ROOT } from '../support/build.js';
import { documentOf, PROGRAM, run } from '../support/mission.js';
import { eventually } from '../support/tasks.js';

let folder: string;
/** Who holds the stack now: the first, then what was pasted last. */
let holder: ChildProcess;

const env = () => ({
  MISSION_HOME: join(folder, 'home'),
  MISSION_CACHE: loadConfig().cacheDir,
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
});

/** A command line that stays in the foreground, once it is up. */
async function up(command: string): Promise<void> {
  const child = spawn('sh', ['-c', command], {
    env: env(),
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  holder = child;
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said.join('\n')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line);
      if (line.startsWith('Ctrl-C')) resolve();
    });
  });
}

interface State {
  readonly holder: { readonly pid: number };
  readonly postgres: { readonly process: { readonly pid: number } };
  readonly temporal: { readonly process: { readonly pid: number } };
  readonly workers: readonly { readonly process: { readonly pid: number } }[];
}
const state = async (): Promise<State> =>
  JSON.parse(await readFile(join(folder, 'home', 'state.json'), 'utf8'));

interface Door {
  readonly door: string;
  readonly command: string | null;
  readonly opens: boolean;
}
const diagnose = async () =>
  documentOf<{ first: Door | null; healthy: boolean }>(
    await run(['doctor', '--json'], { env: env() }),
  );

beforeAll(async () => {
  build();
  folder = await mkdtemp(join(tmpdir(), 'mission-opens-'));
  await chmod(folder, 0o711); // as root, Postgres runs as `nobody` and must get through
  await up(`exec ${process.execPath} ${PROGRAM} up`);
}, 180_000);

afterAll(async () => {
  const exit = holder.exitCode === null ? once(holder, 'exit') : null;
  execFileSync(process.execPath, [PROGRAM, 'down'], { env: env() });
  await exit;
  await rm(folder, { recursive: true, force: true });
}, 180_000);

/** Which processes stop, and how; which door that is, and what opens it. */
const FAULTS: readonly [string, (found: State) => number, NodeJS.Signals, string, RegExp][] = [
  [
    'a worker hangs',
    ({ workers }) => workers[0]?.process.pid ?? 0,
    'SIGSTOP',
    'no-poller',
    / down && .* up$/,
  ],
  ['Temporal hangs', (at) => at.temporal.process.pid, 'SIGSTOP', 'temporal-away', / && .* up$/],
  ['Postgres hangs', (at) => at.postgres.process.pid, 'SIGSTOP', 'database-away', / && .* up$/],
  ['`mission up` is killed', (at) => at.holder.pid, 'SIGKILL', 'not-watched', /mission up$/],
];

/** What hangs takes most of a minute: in the long form all of them. */
const LONG = process.env.MC_LONG === '1';
const TRIED = LONG ? FAULTS : FAULTS.filter(([name]) => /Temporal|killed/.test(name));

test.each(TRIED)(
  '%s',
  async (_name, who, signal, door, command) => {
    const pid = who(await state());
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, signal);
    const found = await eventually(async () => {
      const { first } = await diagnose();
      expect(first).toMatchObject({ door, opens: true });
      return first;
    }, 120_000);
    expect(found?.command).toMatch(command);
    await up(found?.command ?? 'false');
    await eventually(async () => expect((await diagnose()).healthy).toBe(true), 60_000);
  },
  420_000,
);

test('nothing runs: the command that starts it', async () => {
  expect((await run(['down'], { env: env() })).code).toBe(0);
  const { first } = await diagnose();
  expect(first).toMatchObject({ door: 'database-away', opens: true });
  await up(first?.command ?? 'false');
  expect((await diagnose()).healthy).toBe(true);
}, 180_000);
