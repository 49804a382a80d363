import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { SANDBOX_LEVELS, type SandboxLevel } from './domain/sandbox.js';

/** A setting that cannot be used; the message names variable, value and what is allowed. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** A Temporal server that is named by TEMPORAL_* variables or by a profile in a file. */
export interface NamedServer {
  address: string;
  /** For `Connection.connect` and `NativeConnection.connect`: address, TLS, API key, metadata. */
  connectionOptions: ClientConnectConfig['connectionOptions'];
}

/** All that the environment says. Read once, at the start of a process. */
export interface Config {
  /** MISSION_HOME, absolute; null: `findHome` decides. */
  home: string | null;
  /** DATABASE_URL; null: embedded Postgres. */
  databaseUrl: string | null;
  /** null: the embedded dev server. */
  temporal: NamedServer | null;
  /** TEMPORAL_NAMESPACE or the profile's. */
  namespace: string;
  /** MISSION_TASK_QUEUE: where workflows and activities are polled for. */
  taskQueue: string;
  /** MISSION_SCENARIOS: a folder of scenario files for rehearsals. */
  scenarios: string | null;
  /** MISSION_SANDBOX: what programs of agents are run in; `bubblewrap` unless a person says so. */
  sandbox: SandboxLevel;
  /** MISSION_EFFECTS_LOG: where each performed turn of a rehearsal is noted, for kill tests. */
  effectsLog: string | null;
  /** MISSION_METRICS_ADDRESS: where a worker answers `/metrics`; a port alone is on 127.0.0.1. */
  metricsAddress: string | null;
  /** MISSION_REGISTRIES, and where the person's package managers are sent by variables. */
  registries: Record<'named' | 'npm' | 'pip' | 'pipExtra' | 'go', string | null>;
  /** MISSION_CHECKS_AT_ONCE: how many results a worker checks at once; half of the cores. */
  checksAtOnce: number;
  /** MISSION_CHECK_MINUTES: how long one check of a repository may take. */
  checkMinutes: number;
  /** GITHUB_TOKEN or GH_TOKEN: by which pull requests are opened. */
  githubToken: string | null;
  /** MISSION_GITHUB_API: another server that speaks as GitHub does. */
  githubApi: string;
  /** MC_TEMPORAL_CLI: the program to run the dev server with. */
  temporalCli: string | null;
  /** MISSION_CACHE, else `mission-control` in the user's cache: downloaded programs. */
  cacheDir: string;
  /** PATH */
  searchPath: string;
  /** Who types the commands: the name in `person:<user>`. */
  user: string;
  /** Colour wanted (FORCE_COLOR), unwanted (NO_COLOR), or as the terminal is: null. */
  color: boolean | null;
  /** PAGER: what a long text is shown in on a terminal; null: in nothing, as for `cat`. */
  pager: string | null;
  /** Nobody is there to answer a prompt. */
  ci: boolean;
}

const folder = z.string().refine(isAbsolute, 'it must be an absolute path, such as /srv/mission');
const postgresUrl = z
  .string()
  .refine(isPostgresUrl, 'it must be postgres://user@host:port/database');
const name = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'it may hold only letters, digits, `.`, `_` and `-`, at most 100');

const socket = z
  .string()
  .regex(/^((\d{1,3}\.){3}\d{1,3}:|\[[\da-f:]+\]:)?\d{1,5}$/i, 'it must be a port, or IP:port')
  .transform((text) => (text.includes(':') ? text : `127.0.0.1:${text}`));

const registries = z
  .string()
  .refine(
    (text) =>
      text.split(/[\s,]+/).every((one) => /^(https?:\/\/)?[\w.-]+(:\d+)?(\/.*)?$/.test(one)),
    'it must be hosts or addresses, such as npm.example.com or https://npm.example.com:8443',
  );
const apiUrl = z
  .string()
  .refine(isApiUrl, 'it must be a URL such as https://git.acme.example/api/v3')
  .transform((text) => text.replace(/\/+$/, ''));

const positive = z.coerce
  .number('it must be a whole number from 1 up')
  .int('it must be a whole number from 1 up')
  .min(1, 'it must be a whole number from 1 up');

const readable = z.string().refine(existsSync, 'there is no such file');

/** An empty variable is one that is not set. Those of Temporal are read by its own library. */
const schema = z.object({
  MISSION_HOME: folder.optional(),
  MISSION_CACHE: folder.optional(),
  XDG_CACHE_HOME: z.string().optional(),
  HOME: z.string().optional(),
  DATABASE_URL: postgresUrl.optional(),
  // Its library would pass over a missing file in silence.
  TEMPORAL_CONFIG_FILE: readable.optional(),
  MISSION_TASK_QUEUE: name.default('mission-control'),
  MISSION_SCENARIOS: folder.optional(),
  MISSION_SANDBOX: z.enum(SANDBOX_LEVELS).default('bubblewrap'),
  MISSION_EFFECTS_LOG: folder.optional(),
  MISSION_METRICS_ADDRESS: socket.optional(),
  MISSION_REGISTRIES: registries.optional(),
  npm_config_registry: z.string().optional(),
  PIP_INDEX_URL: z.string().optional(),
  PIP_EXTRA_INDEX_URL: z.string().optional(),
  GOPROXY: z.string().optional(),
  MISSION_CHECKS_AT_ONCE: positive.optional(),
  MISSION_CHECK_MINUTES: positive.default(15),
  GITHUB_TOKEN: z.string().optional(),
  GH_TOKEN: z.string().optional(),
  MISSION_GITHUB_API: apiUrl.default('https://api.github.com'),
  MC_TEMPORAL_CLI: folder.optional(),
  PATH: z.string().default(''),
  USER: z.string().optional(),
  PAGER: z.string().optional(),
  NO_COLOR: z.string().optional(),
  FORCE_COLOR: z.string().optional(),
  CI: z.string().optional(),
});

/** Values that must never be printed, not even in an error about them. */
const SECRET = new Set(['DATABASE_URL']);
/** What lands work is no agent's, whatever a person allows its program to find. */
const OWN = new Set(['GITHUB_TOKEN', 'GH_TOKEN']);

/**
 * Reads the configuration out of an environment.
 * @throws ConfigError naming every variable that cannot be used
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const set = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => describe(issue, set)).join('\n'));
  }
  const { data } = parsed;
  const { server, namespace } = readTemporal(set);
  const cache = data.XDG_CACHE_HOME ?? join(data.HOME ?? homedir(), '.cache');
  const config: Config = {
    home: data.MISSION_HOME ?? null,
    databaseUrl: data.DATABASE_URL ?? null,
    temporal: server,
    namespace,
    taskQueue: data.MISSION_TASK_QUEUE,
    scenarios: data.MISSION_SCENARIOS ?? null,
    sandbox: data.MISSION_SANDBOX,
    effectsLog: data.MISSION_EFFECTS_LOG ?? null,
    metricsAddress: data.MISSION_METRICS_ADDRESS ?? null,
    registries: {
      named: data.MISSION_REGISTRIES ?? null,
      npm: data.npm_config_registry ?? null,
      pip: data.PIP_INDEX_URL ?? null,
      pipExtra: data.PIP_EXTRA_INDEX_URL ?? null,
      go: data.GOPROXY ?? null,
    },
    checksAtOnce: data.MISSION_CHECKS_AT_ONCE ?? Math.max(1, availableParallelism() >> 1),
    checkMinutes: data.MISSION_CHECK_MINUTES,
    githubToken: data.GITHUB_TOKEN ?? data.GH_TOKEN ?? null,
    githubApi: data.MISSION_GITHUB_API,
    temporalCli: data.MC_TEMPORAL_CLI ?? null,
    cacheDir: data.MISSION_CACHE ?? join(cache, 'mission-control'),
    searchPath: data.PATH,
    user: userName(data.USER),
    pager: data.PAGER === undefined || data.PAGER.trim() === 'cat' ? null : data.PAGER,
    color: data.NO_COLOR ? false : wantsColor(data.FORCE_COLOR),
    ci: data.CI !== undefined && data.CI !== 'false' && data.CI !== '0',
  };
  return config;
}

/**
 * What a person allows an agent's program to find, one by one; empty is not set. A login that was
 * kept by `mission agent connect` counts where the environment has none.
 */
export const variablesOf =
  (home: string) =>
  (name: string): string | null =>
    OWN.has(name) ? null : process.env[name] || keptLogin(home, name);

/** Where a login is kept that only this user may read. */
export const loginFile = (home: string, name: string): string => join(home, 'logins', name);

function keptLogin(home: string, name: string): string | null {
  if (!/^\w+$/.test(name)) return null;
  try {
    const file = loginFile(home, name);
    // What others may read is no secret any more.
    return (statSync(file).mode & 0o077) === 0 ? readFileSync(file, 'utf8').trim() || null : null;
  } catch {
    return null;
  }
}

/** The account's name; a user id without one (in a container) has only what USER says. */
function userName(fromEnvironment: string | undefined): string {
  try {
    return userInfo().username;
  } catch {
    return fromEnvironment ?? 'unknown';
  }
}

function wantsColor(force: string | undefined): boolean | null {
  return force === undefined ? null : force !== '0' && force !== 'false';
}

function describe(issue: z.core.$ZodIssue, env: Record<string, string>): string {
  const variable = String(issue.path[0]);
  const value = SECRET.has(variable) ? hidePassword(env[variable]) : env[variable];
  return `${variable} is ${JSON.stringify(value)}, but ${issue.message}.`;
}

function hidePassword(url = ''): string {
  return url.replace(/(\/\/[^:@/]*):[^@]*@/, '$1:***@');
}

function isPostgresUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1;
}

/** Without encryption only on this machine: a token goes there. */
function isApiUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isHere));
}

/** TEMPORAL_ADDRESS, or a profile with an address, names a server; other variables alone do not. */
function readTemporal(env: Record<string, string>): {
  server: NamedServer | null;
  namespace: string;
} {
  let found: ClientConnectConfig;
  try {
    found = loadClientConnectConfig({ overrideEnvVars: env });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const set = Object.keys(env).filter((key) => key.startsWith('TEMPORAL_'));
    throw new ConfigError(
      `The settings for Temporal (${set.join(', ') || 'its configuration file'}) cannot be used: ` +
        `${reason}. Known are TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, ` +
        'TEMPORAL_TLS*, TEMPORAL_PROFILE and TEMPORAL_CONFIG_FILE.',
    );
  }
  const { address, apiKey, tls } = found.connectionOptions;
  const namespace = found.namespace ?? 'default';
  if (address)
    return { server: { address, connectionOptions: found.connectionOptions }, namespace };
  if (apiKey || tls) {
    throw new ConfigError(
      `A key or TLS for Temporal is set, but no server: set TEMPORAL_ADDRESS to host:port.`,
    );
  }
  return { server: null, namespace };
}
