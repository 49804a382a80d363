import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build, ROOT } from './build.js';
import type { House } from './house.js';
import { temporal } from './services.js';

/** What is installed: the build, half a second faster a start than the sources. */
export const PROGRAM = join(ROOT, 'dist/src/main/cli.js');

/** What a command came to. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Only what a command needs: nothing of the machine that the tests run on decides. */
const bare = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
});

/** Starts the real command line as a process. */
export function start(args: readonly string[], options: RunOptions = {}): ChildProcess {
  build();
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...bare(), ...options.env },
    stdio: 'pipe',
  });
  child.stdin?.end(options.input ?? '');
  return child;
}

/** Runs it to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return ended(start(args, options));
}

export async function ended(child: ChildProcess): Promise<Ran> {
  if (!child.stdout || !child.stderr) throw new Error('the command has no output to read');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** The environment by which the command line works on a house. */
export function envOf(house: House): Record<string, string> {
  const { address, namespace } = temporal();
  return {
    DATABASE_URL: house.databaseUrl,
    MISSION_HOME: house.home,
    MISSION_TASK_QUEUE: house.taskQueue,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  };
}

/** The command line on a house: `await mission('task', 'list')`. */
export const missionOn =
  (house: House, options: RunOptions = {}) =>
  (...args: readonly string[]): Promise<Ran> =>
    run(args, { ...options, env: { ...envOf(house), ...options.env } });

/** The one JSON document of an answer. */
export function documentOf<T = Record<string, unknown>>({ code, stdout, stderr }: Ran): T {
  if (stdout === '') throw new Error(`ended with ${code} and no answer: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A description by which a scripted agent plays what a test needs. */
export const scenario = (body: object): string =>
  `Do it.\n\n\`\`\`scenario\n${JSON.stringify(body)}\n\`\`\`\n`;
