import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ago, clip, columnsOf, folded, table, wrapped } from '../../src/cli/table.js';
import { installLine, type Place, waysOf } from '../../src/cli/ways.js';
import { loadConfig } from '../../src/config.js';
import { banner } from '../../src/main/banner.js';

describe('tables', () => {
  const columns = [
    { title: 'TASK', of: (row: readonly string[]) => row[0] ?? '' },
    { title: 'TITLE', of: (row: readonly string[]) => row[1] ?? '', least: 8 },
    { title: 'AGE', of: () => '3m', optional: true as const },
    { title: 'WAITS', of: (row: readonly string[]) => row[2] ?? '' },
  ];
  const rows = [
    ['T-1', 'A long title that does not fit', 'slot'],
    ['T-12', '日本語の題', ''],
  ];
  const plain = (text: string) => text;

  test('are aligned by what a terminal shows, wide letters included', () => {
    expect(table(rows, columns, Number.POSITIVE_INFINITY, plain)).toEqual([
      'TASK  TITLE                           AGE  WAITS',
      'T-1   A long title that does not fit  3m   slot',
      'T-12  日本語の題                      3m',
    ]);
  });

  test('fit: what may be cut is cut, then what may be left out is left out', () => {
    for (const width of [44, 30, 24]) {
      const lines = table(rows, columns, width, plain);
      expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(width);
    }
    expect(table(rows, columns, 24, plain)[0]).not.toContain('AGE');
    expect(table(rows, columns, 30, plain)[1]).toBe('T-1   A long titl…  3m   slot');
  });

  test('cutting and wrapping count columns', () => {
    expect(clip('日本語', 5)).toBe('日本…');
    expect(wrapped('one two three', 5, '  ').every((line) => line.startsWith('  '))).toBe(true);
    expect(wrapped('a b', 80, '')).toEqual(['a b']);
  });

  test('a line that is too long goes on below its own text', () => {
    expect(folded('   ├─ one two three four five', 24).split('\n')).toEqual([
      '   ├─ one two three four',
      '   │  five',
    ]);
    expect(folded('   ✓ short', 24)).toBe('   ✓ short');
  });

  test.each([
    [5, '5s'],
    [61, '1m'],
    [3_700, '1h'],
    [200_000, '2d'],
  ])('%d seconds ago is %s', (seconds, text) => {
    expect(ago(new Date(0).toISOString(), seconds * 1000)).toBe(text);
  });
});

describe('commands run where they are printed', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'mission-ways-')));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const bin = join(root, 'bin');
  const npmBin = join(root, 'node_modules', '.bin');
  const other = join(root, 'other');
  for (const folder of [bin, npmBin, other]) mkdirSync(folder, { recursive: true });
  const program = join(root, 'cli.js');
  writeFileSync(program, '');
  writeFileSync(join(other, 'mission'), '');
  symlinkSync(program, join(bin, 'mission'));
  symlinkSync(program, join(npmBin, 'mission'));
  const place: Place = {
    program,
    root: join(root, 'clone'),
    cwd: '/',
    searchPath: '',
    home: '/h',
    usualHome: '/h',
  };

  test.each([
    ['on PATH', { searchPath: bin }, 'mission status'],
    ['on PATH only for npm', { searchPath: npmBin }, `node ${program} status`],
    ["another's on PATH first", { searchPath: `${other}:${bin}` }, `node ${program} status`],
    ['nowhere', {}, `node ${program} status`],
    ['inside the clone', { root, cwd: bin }, 'npx mission status'],
    ['beside the clone', { root, cwd: `${root}2` }, `node ${program} status`],
    ['another home', { searchPath: bin, home: '/x y' }, "MISSION_HOME='/x y' mission status"],
  ])('%s', (_name, differences, command) => {
    expect(waysOf({ ...place, ...differences }).command('status')).toBe(command);
  });

  test('inside sentences, and only where a command is meant', () => {
    const { inText } = waysOf({ ...place, root, cwd: root });
    expect(inText('add one: mission repo add PATH')).toBe('add one: npx mission repo add PATH');
    expect(inText('our mission upholds this; mission: no')).toBe(
      'our mission upholds this; mission: no',
    );
  });

  test('the line that installs it runs as it is pasted, also twice, also in new shells', () => {
    const line = installLine('/a b/cli.js', 'linux');
    expect(line).not.toContain('\n');
    const home = join(root, 'somebody');
    mkdirSync(home);
    const env = { HOME: home, PATH: '/usr/bin:/bin', SHELL: '/bin/bash' };
    for (const _again of [1, 2]) execFileSync('sh', ['-c', `set -e; ${line}; ${line}`], { env });
    expect(readlinkSync(join(home, '.local', 'bin', 'mission'))).toBe('/a b/cli.js');
    const profile = readFileSync(join(home, '.bashrc'), 'utf8');
    expect(profile).toBe('export PATH="$HOME/.local/bin:$PATH"\n');
    execFileSync('sh', ['-c', line], { env: { ...env, SHELL: '/bin/zsh' } });
    expect(readFileSync(join(home, '.zshrc'), 'utf8')).toBe(profile);
  });
});

describe('the banner of `mission up`', () => {
  const place = { root: '/clone', program: '/clone/cli.js', cwd: '/', searchPath: '' };
  const homes = { home: '/clone/.mission', usualHome: '/clone/.mission' };
  const shown = (temporalAddress: string, searchPath = '') => {
    const around = {
      config: loadConfig({ HOME: '/' }),
      place: { ...place, ...homes, searchPath },
      homeNotice: null,
      version: '1.2.3',
    };
    const addresses = {
      databaseUrl: 'postgres://u:secret@127.0.0.1:5/mission',
      temporalAddress,
      namespace: 'default',
      uiUrl: 'http://127.0.0.1:8233',
    };
    const stack = {
      addresses,
      adopted: false,
      ended: Promise.resolve(null),
      stop: () => Promise.resolve(),
    };
    return banner(around, stack, 'Ctrl-C stops it.');
  };

  test('at another port it says so and prints what programs need; at the usual one nothing', () => {
    const moved = shown('127.0.0.1:33219');
    expect(moved).toContain('The usual port 7233 was taken.');
    expect(moved).toContain('\n  export TEMPORAL_ADDRESS=127.0.0.1:33219\n');
    expect(shown('127.0.0.1:7233')).not.toContain('export TEMPORAL_ADDRESS');
  });

  test('what to type next runs in a terminal that opens anywhere; no secret is printed', () => {
    const said = shown('127.0.0.1:7233');
    expect(said).toContain('  cd /clone\n  npx mission task create');
    expect(said).toContain('.local/bin/mission');
    expect(said).not.toContain('secret');
  });

  test('where `mission` is on PATH nobody is told to install it', () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'mission-banner-')));
    writeFileSync(join(root, 'mission'), '');
    const ways = waysOf({
      ...place,
      home: '/x',
      usualHome: '/y',
      program: join(root, 'mission'),
      searchPath: root,
    });
    expect(ways.isOnPath).toBe(true);
    expect(ways.command('status')).toBe('MISSION_HOME=/x mission status');
    rmSync(root, { recursive: true });
  });
});
