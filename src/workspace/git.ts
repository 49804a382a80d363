import { pipeline } from 'node:stream/promises';
import { execa, type Options } from 'execa';
import { GitError, GitTooOld } from './errors.js';
import type { Identity } from './names.js';

/** How git is found, and what else of the environment it may see (proxies, CA files). */
export interface GitSettings {
  searchPath: string;
  gitEnvironment?: Readonly<Record<string, string>>;
}

/** The user a git process runs as, where root works in another user's repository. */
export interface Owner {
  uid: number;
  gid: number;
}

/** One call of git. `args` begin with the subcommand; operands follow `--` or are checked ids. */
export interface GitCall {
  args: readonly string[];
  cwd: string;
  gitDir?: string;
  workTree?: string;
  input?: string | Uint8Array;
  identity?: Identity;
  config?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** Exit codes that are answers; 0 always is. */
  okExits?: readonly number[];
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  owner?: Owner | undefined;
}

export interface GitAnswer {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The one way git is run. */
export interface Git {
  run(call: GitCall): Promise<GitAnswer>;
  /** As `run`, for output that is no text. */
  bytes(call: GitCall): Promise<Buffer>;
  /** Feeds the output of one call to another, without holding it in memory. */
  pipe(from: GitCall, to: GitCall): Promise<void>;
}

/** Time for local work; fetch and push over the network, and whole trees, ask for more. */
const TIMEOUT_MS = 120_000;
export const NETWORK_TIMEOUT_MS = 600_000;
/** For what is as large as a repository: it is slow once, and only when it is really large. */
export const WHOLE_TIMEOUT_MS = 3_600_000;
const OUTPUT_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Configuration that no repository can override: `-c` wins over its files. `safe.directory=*`
 * because every call names the repository it means, and a person's repository may belong to another
 * user.
 */
const PINNED = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.quotePath=false',
  'core.pager=cat',
  'core.askPass=',
  'credential.helper=',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgSign=false',
  'push.gpgSign=false',
  'merge.verifySignatures=false',
  'log.showSignature=false',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'push.recurseSubmodules=no',
  'init.defaultBranch=main',
  'advice.addEmbeddedRepo=false',
  'safe.directory=*',
];

/**
 * Local transports start a second git that does not inherit `-c`: it is pinned by its command line.
 * On one disk it would take longer to look for similar objects than to write them as they are; what
 * is packed already is passed on as it is packed.
 */
export const UPLOAD_PACK =
  '--upload-pack=git -c "safe.directory=*" -c core.hooksPath=/dev/null ' +
  '-c pack.window=0 -c pack.compression=1 upload-pack';
export const RECEIVE_PACK =
  '--receive-pack=git -c "safe.directory=*" -c core.hooksPath=/dev/null -c gc.auto=0 receive-pack';

/** Makes the git that all of the workspace uses. */
export function createGit(settings: GitSettings): Git {
  const start = (call: GitCall) =>
    execa('git', commandLine(call), { ...options(settings, call), input: call.input ?? '' });
  return {
    async run(call) {
      const answer = checked(call, await start(call));
      return { ...answer, stdout: answer.stdout.toString('utf8') };
    },
    async bytes(call) {
      return checked(call, await start(call)).stdout;
    },
    async pipe(from, to) {
      const source = execa('git', commandLine(from), {
        ...options(settings, from),
        input: from.input ?? '',
        buffer: { stdout: false },
      });
      const target = execa('git', commandLine(to), {
        ...options(settings, to),
        stdin: 'pipe',
      });
      // when one end fails, its own exit tells why; the broken pipe would only say that it broke
      pipeline(source.stdout, target.stdin).catch(() => undefined);
      const [produced, consumed] = await Promise.all([source, target]);
      const cutOff = produced.exitCode === undefined; // by a pipe that the reader closed
      if (!cutOff) checked(from, produced);
      checked(to, consumed);
      checked(from, produced);
    },
  };
}

function commandLine(call: GitCall): string[] {
  const line = [...PINNED, ...(call.config ?? [])].flatMap((setting) => ['-c', setting]);
  if (call.gitDir !== undefined) line.push(`--git-dir=${call.gitDir}`);
  if (call.workTree !== undefined) line.push(`--work-tree=${call.workTree}`);
  return [...line, ...call.args];
}

function options(settings: GitSettings, call: GitCall) {
  return {
    cwd: call.cwd,
    env: environment(settings, call),
    extendEnv: false,
    encoding: 'buffer',
    reject: false,
    stripFinalNewline: false,
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: call.timeoutMs ?? TIMEOUT_MS,
    ...(call.signal === undefined ? {} : { cancelSignal: call.signal }),
    ...(call.owner === undefined ? {} : { uid: call.owner.uid, gid: call.owner.gid }),
  } as const satisfies Options;
}

/** Nothing is inherited: what git may know is listed here. */
function environment(settings: GitSettings, call: GitCall): Record<string, string> {
  const { name, email } = call.identity ?? { name: 'mission', email: 'mission@localhost' };
  return {
    ...settings.gitEnvironment,
    PATH: settings.searchPath,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: 'file:https',
    GIT_EDITOR: ':',
    GIT_MERGE_AUTOEDIT: 'no',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    ...call.environment,
  };
}

interface Ended {
  exitCode?: number | undefined;
  stdout?: unknown;
  stderr?: unknown;
  isCanceled: boolean;
  timedOut: boolean;
  isMaxBuffer: boolean;
  signal?: string | undefined;
}

function checked(call: GitCall, ended: Ended) {
  if (ended.isCanceled && call.signal?.aborted) throw call.signal.reason;
  const stderr = asBuffer(ended.stderr).toString('utf8');
  const exitCode = ended.exitCode ?? null;
  const ok = exitCode === 0 || (exitCode !== null && (call.okExits ?? []).includes(exitCode));
  if (ok && !ended.timedOut && !ended.isMaxBuffer) {
    return { exitCode, stdout: asBuffer(ended.stdout), stderr };
  }
  const command = ['git', ...call.args].join(' ');
  throw new GitError({ command, exitCode, stderr, ...whyEnded(call, ended) });
}

function whyEnded(call: GitCall, ended: Ended): { why?: string } {
  if (ended.timedOut) return { why: `took more than ${(call.timeoutMs ?? TIMEOUT_MS) / 1000} s` };
  if (ended.isMaxBuffer) return { why: `printed more than ${OUTPUT_BYTES_MAX} bytes` };
  if (ended.exitCode !== undefined) return {};
  if (ended.signal !== undefined) return { why: `was ended by ${ended.signal}` };
  return {
    why: `could not be started in ${call.cwd}: is git installed, and is that folder there?`,
  };
}

function asBuffer(output: unknown): Buffer {
  return output instanceof Uint8Array ? Buffer.from(output) : Buffer.alloc(0);
}

/** The installed version. @throws GitTooOld below 2.38, GitError when git is missing */
export async function checkGit(git: Git): Promise<string> {
  const { stdout } = await git.run({ args: ['version'], cwd: '/' });
  const [version = 'unknown', major = '0', minor = '0'] = /(\d+)\.(\d+)[\w.]*/.exec(stdout) ?? [];
  if (Number(major) * 1000 + Number(minor) < 2038) throw new GitTooOld(version);
  return version;
}
