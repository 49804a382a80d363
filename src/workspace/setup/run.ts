import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { FailedSetup, Recipe } from '../../domain/repository.js';
import type { Copy } from '../marker.js';
import type { Workshop } from '../mirror.js';
import { createLines } from '../output.js';
import type { CommandResult } from '../process.js';
import type { Sandbox } from '../sandbox/index.js';
import {
  allowedHosts,
  findRegistries,
  type Registries,
  type RegistryVariables,
} from './registries.js';

/** What preparing needs. */
export interface Yard extends Workshop {
  sandbox: Sandbox;
  registries: RegistryVariables | null;
  searchPath: string;
}

export const SETUP_TIMEOUT_MS = 20 * 60_000;
const OUTPUT_BYTES_MAX = 128 * 1024;
/** What the system trusts, which a house with a certificate of its own has added to. */
const TRUSTED = '/etc/ssl/certs/ca-certificates.crt';

/** Runs a line of shell in a folder of the tree. */
const IN_FOLDER = 'cd -- "$1" && eval "$2"';

/** The arguments of `sh` for a command that a person wrote for a folder. */
export function commandIn(folder: string, command: string): string[] {
  return ['-c', IN_FOLDER, 'sh', folder === '' ? '.' : `./${folder}`, command];
}

/** Runs a setup in its checkout; null when it is done, else why not. */
export async function runSetup(
  yard: Pick<Yard, 'sandbox' | 'registries' | 'searchPath'>,
  aside: Copy,
  request: {
    recipe: Recipe;
    /** Whether nobody but the person's branches is behind the tree. */
    isPersons: boolean;
    registries?: Registries;
    signal?: AbortSignal | undefined;
    onLine?: ((line: string) => void) | undefined;
  },
): Promise<FailedSetup | null> {
  const { sandbox, searchPath } = yard;
  const { recipe, isPersons, registries: more, signal, onLine } = request;
  const { setup, folder } = recipe;
  if (setup === null) return null;
  const registries = await findRegistries(yard.registries, homedir());
  const lines = createLines((line) => onLine?.(line));
  const result = await sandbox.run({
    copy: aside,
    searchPath,
    file: 'sh',
    args: commandIn(folder, setup),
    environment: {
      ...(await environmentOf(recipe, isPersons)),
      ...registries.environment,
      ...more?.environment,
    },
    hosts: allowedHosts([...registries.hosts, ...(more?.hosts ?? [])]),
    timeoutMs: SETUP_TIMEOUT_MS,
    outputBytesMax: OUTPUT_BYTES_MAX,
    onOutput: (text) => lines.add(Buffer.from(text)),
    signal,
  });
  lines.end();
  signal?.throwIfAborted();
  return complaintOf(setup, result, isPersons ? '' : heldBack(recipe));
}

/** What a setup of an agent's tree had to do without. */
function heldBack({ copies, installScripts }: Recipe): string {
  const files =
    copies.length === 0
      ? ''
      : `\n[${copies.join(', ')} was not there: a setup of an agent's tree gets no copied files]`;
  const builds = installScripts
    ? ''
    : "\n[in an agent's tree nothing is built from source; --allow-install-scripts allows it]";
  return files + builds;
}

/** What package managers say where nobody answered, and the sandbox where it refused. */
const OUT_OF_REACH = [
  /\[sandbox: the network was refused/,
  /\b(?:EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b/,
  /\bE50[0234]\b|\b50[0234] (?:Internal Server|Bad Gateway|Service Unavailable|Gateway Time)/i,
  /Tunnel connection failed|tunneling socket could not|CONNECT tunnel failed/i,
  /Connection refused|Could not resolve host|Temporary failure in name resolution/i,
];

function complaintOf(setup: string, result: CommandResult, lacked: string): FailedSetup | null {
  const { ending, output } = result;
  if (ending.kind === 'exited' && ending.exitCode === 0) return null;
  const hint = output.includes('[sandbox: the network was refused')
    ? '\n[a setup reaches package registries only; MISSION_REGISTRIES names further ones]'
    : '';
  return {
    output: `${setup}: ${howEnded(ending)}\n${output.trimEnd()}${hint}${lacked}`,
    exitCode: ending.kind === 'exited' ? ending.exitCode : null,
    isOurs: ending.kind === 'not-started' || OUT_OF_REACH.some((one) => one.test(output)),
  };
}

function howEnded(ending: CommandResult['ending']): string {
  switch (ending.kind) {
    case 'exited':
      return `ended with code ${ending.exitCode}`;
    case 'killed':
      return `was ended by ${ending.signal}`;
    case 'timed-out':
      return `was stopped after ${Math.round(ending.timeoutMs / 1000)} s`;
    case 'cancelled':
      return 'was stopped';
    case 'not-started':
      return `could not be started: ${ending.reason}`;
    default:
      return ending satisfies never;
  }
}

/** Nobody answers a question, and nothing that is installed runs a script unless it may. */
async function environmentOf(
  { installScripts }: Recipe,
  isPersons: boolean,
): Promise<Record<string, string>> {
  const isTrusted = await access(TRUSTED).then(
    () => true,
    () => false,
  );
  return {
    CI: 'true',
    ...{ npm_config_audit: 'false', npm_config_fund: 'false' },
    ...{ npm_config_update_notifier: 'false', COREPACK_ENABLE_DOWNLOAD_PROMPT: '0' },
    ...{ PIP_NO_INPUT: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    // Within the tree: what stands in a home folder is not where the next copy looks.
    ...{ YARN_ENABLE_GLOBAL_CACHE: 'false', YARN_ENABLE_TELEMETRY: '0' },
    ...(installScripts ? {} : NO_SCRIPTS),
    ...(installScripts || isPersons ? {} : NO_CODE),
    ...(isTrusted
      ? { NODE_EXTRA_CA_CERTS: TRUSTED, PIP_CERT: TRUSTED, SSL_CERT_FILE: TRUSTED }
      : {}),
  };
}

/** npm and pnpm, Yarn 1, Yarn from 2 on. */
const NO_SCRIPTS = {
  npm_config_ignore_scripts: 'true',
  pnpm_config_ignore_scripts: 'true',
  YARN_IGNORE_SCRIPTS: 'true',
  YARN_ENABLE_SCRIPTS: 'false',
};

/**
 * Other ways in which a tree has code run by a package manager: its git, its hooks, its own Yarn,
 * and builds of Python packages. A person's own tree may need them.
 */
const NO_CODE = {
  npm_config_git: 'git',
  npm_config_ignore_pnpmfile: 'true',
  pnpm_config_ignore_pnpmfile: 'true',
  YARN_IGNORE_PATH: '1',
  PIP_ONLY_BINARY: ':all:',
  UV_NO_BUILD: '1',
  POETRY_INSTALLER_ONLY_BINARY: ':all:',
};
