import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type {
  CommandInCopy,
  Copy,
  SandboxState,
  WorkspaceSettings,
} from '../../src/workspace/index.js';
import type { CommandResult } from '../../src/workspace/process.js';
import type { ProgramRequest, ProgramResult } from '../../src/workspace/sandbox/program.js';
import { needs } from '../support/needs.js';
import { AGENT, giveAway, NOBODY, SEARCH_PATH, temporaryFolder, write } from './support.js';

/** As whom the worker runs that starts the sandbox. */
export type Who = 'root' | 'root without control groups' | 'an ordinary user';

export const USERS: readonly Who[] =
  process.getuid?.() === 0
    ? ['root', ...(mayMount() ? ['root without control groups' as const] : []), 'an ordinary user']
    : ['an ordinary user'];

/** Root of a container often may not; but then it can make no groups either. */
function mayMount(): boolean {
  return spawnSync('unshare', ['--mount', 'true'], { stdio: 'ignore' }).status === 0;
}

export const needOf = (who: Who) =>
  who === 'an ordinary user' ? needs.bubblewrapOfOthers : needs.bubblewrap;

type Program = Omit<ProgramRequest, 'signal' | 'hasFinished' | 'onLine'>;

export type ChildRequest =
  | { id: number; verb: 'state' }
  | { id: number; verb: 'snapshot'; copy: Copy }
  | { id: number; verb: 'run'; command: CommandInCopy }
  | { id: number; verb: 'start'; program: Program; finishedBy?: string | undefined }
  | { id: number; verb: 'abort' };

/** Never to be seen by a program: in the worker's environment, and in files around the copy. */
export const SECRET = `canary-${randomUUID()}`;

/** Small, so that whoever breaks them does so soon. */
const CAPS = {
  memoryBytes: 512 * 2 ** 20,
  processes: 96,
  fileBytes: 8 * 2 ** 20,
  tmpBytes: 16 * 2 ** 20,
  diskBytes: 64 * 2 ** 20,
};

export interface Started {
  result: Promise<ProgramResult>;
  /** Resolves with the first line that a program tells. */
  firstLine: Promise<string>;
  abort(): void;
}

/** A worker of its own process with one working copy, beside a person's files. */
export interface SandboxRig {
  home: string;
  copy: Copy;
  /** A person's folder; everybody may read it and write into it. */
  persons: string;
  /** What the worker takes for the system's temporary folder. */
  tmp: string;
  state(): Promise<SandboxState>;
  start(file: string, args: readonly string[], more?: Partial<Program>, by?: string): Started;
  /** A shell script as a program, to its end. */
  sh(script: string, more?: Partial<Program>): Promise<ProgramResult>;
  /** A script for Node as a program, to its end. */
  node(script: string, more?: Partial<Program>): Promise<ProgramResult>;
  run(command: string): Promise<CommandResult>;
  snapshot(): Promise<unknown>;
  /** As a machine's own end: nothing is tidied. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** The kernel's folders are covered, so that no group can be made. */
const WITHOUT_GROUPS = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
  'sh',
];
/** One of two descriptors by which the worker has inherited a file of the person. */
export const LEAKED = 40;
const CHILD = new URL('sandbox-child.ts', import.meta.url).pathname;

export async function openSandboxRig(
  who: Who,
  more: Partial<WorkspaceSettings> = {},
  prepared?: { home: string; copy: Copy },
): Promise<SandboxRig> {
  const home = prepared?.home ?? join(temporaryFolder(), 'home');
  const copy = prepared?.copy ?? plainCopy(home);
  const persons = temporaryFolder();
  const tmp = temporaryFolder();
  write(persons, { canary: SECRET, 'home/.ssh/id': SECRET });
  const becomes = process.getuid?.() === 0 && who === 'an ordinary user';
  if (becomes) for (const folder of [home, persons, tmp]) giveAway(folder);
  const settings = { home, searchPath: SEARCH_PATH, caps: CAPS, ...more };
  const child = new Child(
    [
      ...(who === 'root without control groups' ? WITHOUT_GROUPS : []),
      ...[process.execPath, '--import', 'tsx', CHILD],
      JSON.stringify(settings),
      ...(becomes ? [String(NOBODY)] : []),
    ],
    { PATH: SEARCH_PATH, HOME: persons, TMPDIR: tmp, DATABASE_URL: SECRET },
  );
  const start: SandboxRig['start'] = (file, args, options, finishedBy) =>
    child.start({ copy, file, args, ...PROGRAM, ...options }, finishedBy);
  return {
    home,
    copy,
    persons,
    tmp,
    start,
    state: () => child.ask<SandboxState>({ verb: 'state' }).value,
    sh: (script, options) => start('sh', ['-c', script], options).result,
    node: (script, options) => start('node', ['-e', script], options).result,
    run: (command) =>
      child.ask<CommandResult>({
        verb: 'run',
        command: { copy, file: 'sh', args: ['-c', command], timeoutMs: 30_000 },
      }).value,
    snapshot: () => child.ask({ verb: 'snapshot', copy }).value,
    kill: () => child.end('SIGKILL'),
    async close() {
      await child.end('SIGTERM');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const PROGRAM = {
  input: '',
  environment: {},
  readOnly: false,
  hosts: [],
  timeoutMs: 30_000,
  outputBytesMax: 2 ** 20,
  answers: true,
};

/** A copy as far as programs need it, without git. */
export function plainCopy(home: string): Copy {
  const path = join(home, 'copies', 'tree');
  mkdirSync(join(`${path}.home`, 'tmp'), { recursive: true });
  mkdirSync(path);
  return {
    name: 'tree',
    path,
    home: `${path}.home`,
    ...{ user: join(`${path}.home`, 'user'), host: 'here' },
    // Of a repository without a mirror: no git is made for it.
    source: { kind: 'repository', repositoryId: randomUUID() },
    taskId: randomUUID(),
    taskNumber: 1,
    runId: randomUUID(),
    attempt: 1,
    branch: 'mission/T-1-task',
    from: '0'.repeat(40),
    merging: null,
    identity: AGENT,
    openedAt: '2026-01-01T00:00:00.000Z',
  };
}

type Asked = ChildRequest extends infer One
  ? One extends unknown
    ? Omit<One, 'id'>
    : never
  : never;

class Child {
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private count = 0;

  constructor([file = '', ...args]: string[], env: Record<string, string>) {
    // As a supervisor does that forgets to close what it has open.
    const leaked = openSync(join(env.HOME ?? '', 'canary'), 'r');
    const between = Array.from({ length: LEAKED - 3 }, () => 'ignore' as const);
    this.process = spawn(file, args, {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['pipe', 'pipe', 'inherit', ...between, leaked, 'ignore', leaked],
      env,
    });
    closeSync(leaked);
    if (this.process.stdout === null) throw new Error('the child has no output');
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      this.waiting.get(message.id)?.(message);
    });
  }

  ask<T>(asked: Asked, onLine?: (line: string) => void): { id: number; value: Promise<T> } {
    this.count += 1;
    const id = this.count;
    const value = new Promise<T>((resolve, reject) => {
      this.waiting.set(id, (message) => {
        if ('line' in message) onLine?.(message.line);
        else if ('error' in message) reject(new Error(message.error));
        else resolve(message.value as T);
      });
    });
    this.process.stdin?.write(`${JSON.stringify({ ...asked, id })}\n`);
    return { id, value };
  }

  start(program: Program, finishedBy: string | undefined): Started {
    let hear: (line: string) => void = () => undefined;
    const firstLine = new Promise<string>((resolve) => {
      hear = resolve;
    });
    const { id, value } = this.ask<ProgramResult>({ verb: 'start', program, finishedBy }, hear);
    const result = value.then((end) => {
      expect(JSON.stringify(end)).not.toContain(SECRET);
      return end;
    });
    return { result, firstLine, abort: () => this.abort(id) };
  }

  private abort(id: number): void {
    this.process.stdin?.write(`${JSON.stringify({ verb: 'abort', id })}\n`);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    await ended;
  }
}

type Message = { id: number } & (
  | { line: string; stream: string }
  | { error: string }
  | { value: unknown }
);

/** Living processes on this machine whose command line holds a text. */
export function processesWith(text: string): number[] {
  if (!existsSync('/proc/self/stat')) return processesByPs(text);
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const state = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.[0];
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return state !== 'Z' && line.includes(text) ? [Number(name)] : [];
    } catch {
      return []; // ended while we looked
    }
  });
}

function processesByPs(text: string): number[] {
  const listed = execFileSync('/bin/ps', ['-axww', '-o', 'pid=,stat=,command='], {
    encoding: 'utf8',
  });
  const lines = listed.split('\n').filter((line) => line.includes(text) && !/^\s*\d+ Z/.test(line));
  return lines.map((line) => Number.parseInt(line, 10));
}

/** Waits for something that is sure to come; the test's own time limit tells when it does not. */
export async function until(check: () => unknown): Promise<void> {
  while (!(await check())) await sleep(10);
}

/** A server of this machine that notes who comes. */
export async function listening(
  where: string | { port: number; host: string },
  heard: string[],
): Promise<Server> {
  const server = createServer(() => heard.push(JSON.stringify(where)));
  await new Promise<void>((resolve) => server.listen(where, resolve));
  return server;
}
