import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { build, ROOT } from '../support/build.js';
import { quantile } from './speed.js';

/** How long a person waits: for the command line in milliseconds, for the banner in seconds. */
export interface Starts {
  readonly bareNode: number;
  readonly help: number;
  readonly taskList: number | null;
  readonly upOnFreshHome: number | null;
  readonly upOnWarmHome: number | null;
}

const CLI = join(ROOT, 'dist/src/main/cli.js');
const PATIENCE_MS = 120_000;

/** The command line by itself, and `npm start` on a new data folder and on one that was used. */
export async function starts(times: number): Promise<Starts> {
  build();
  const bareNode: number[] = [];
  const help: number[] = [];
  for (let round = 0; round < times; round++) {
    bareNode.push(timeOf(['-e', '0'], {}));
    help.push(timeOf([CLI, '--help'], {}));
  }
  const lines = { bareNode: quantile(bareNode, 0.5), help: quantile(help, 0.5) };
  const none = { taskList: null, upOnFreshHome: null, upOnWarmHome: null };
  return times === 1 ? { ...lines, ...none } : { ...lines, ...(await ups(times)) };
}

async function ups(times: number) {
  const home = await mkdtemp(join(tmpdir(), 'mission-start-'));
  await chmod(home, 0o711); // Postgres runs as another account when we are root
  const env = { MISSION_HOME: home };
  try {
    const upOnFreshHome = await up(env);
    const lists = Array.from({ length: times }, () => timeOf([CLI, 'task', 'list'], env));
    await down(env);
    const upOnWarmHome = await up(env);
    return { taskList: quantile(lists, 0.5), upOnFreshHome, upOnWarmHome };
  } finally {
    await down(env);
    await rm(home, { recursive: true, force: true });
  }
}

type Env = Readonly<Record<string, string>>;

/** Through the system's own environment, as a person's terminal has it. */
function timeOf(args: readonly string[], env: Env): number {
  const since = performance.now();
  execFileSync(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
  return performance.now() - since;
}

async function up(env: Env): Promise<number> {
  const since = performance.now();
  const child = spawn('npm', ['start', '--silent'], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const limit = setTimeout(() => child.kill(), PATIENCE_MS);
  const banner = (async () => {
    let told = '';
    for await (const part of child.stdout) {
      told += part;
      if (told.includes(' is up.')) return;
    }
    throw new Error(`npm start ended without a banner: ${told}`);
  })();
  await Promise.race([banner, once(child, 'error')]);
  clearTimeout(limit);
  child.stdout.resume();
  return (performance.now() - since) / 1000;
}

async function down(env: Env): Promise<void> {
  const child = spawn(process.execPath, [CLI, 'down'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  await once(child, 'exit');
}
