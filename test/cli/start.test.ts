import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { build, ROOT } from '../support/build.js';

build();
const CLI = join(ROOT, 'dist/src/main/cli.js');

/** Tells of each module that is loaded, on standard error: what a start costs is what it loads. */
const told = `export async function load(url, context, next) {
  process._rawDebug('LOADED ' + url);
  return next(url, context);
}`;
const hook = `data:text/javascript,${encodeURIComponent(
  `import { register } from 'node:module'; register(${JSON.stringify(
    `data:text/javascript,${encodeURIComponent(told)}`,
  )});`,
)}`;

function packagesOf(...args: readonly string[]): string[] {
  const options = { encoding: 'utf8', env: { PATH: process.env.PATH } } as const;
  const { status, stderr } = spawnSync(process.execPath, ['--import', hook, CLI, ...args], options);
  expect(status, stderr).toBe(0);
  expect(stderr).toContain('src/cli/program.js');
  const found = [...stderr.matchAll(/LOADED file:.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)];
  return [...new Set(found.map(([, name = '']) => name))].sort();
}

test.each(['--help', 'task --help', 'task create --help'])(
  'mission %s loads the parser and colours, and nothing heavy',
  (line) => {
    expect(packagesOf(...line.split(' '))).toEqual(['commander']);
  },
);
