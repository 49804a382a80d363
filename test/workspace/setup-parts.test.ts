import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NO_RECIPE, type Recipe } from '../../src/domain/repository.js';
import { openProxy } from '../../src/workspace/sandbox/proxy.js';
import { filesOfSetup, setupDigest } from '../../src/workspace/setup/digest.js';
import { allowedHosts, findRegistries } from '../../src/workspace/setup/registries.js';
import { temporaryFolder, write } from './support.js';

const named = (...paths: string[]) => paths.map((path) => ({ path, id: `id of ${path}` }));
const pathsOf = (paths: string[], folder = '') =>
  filesOfSetup(named(...paths), folder).map(({ path }) => path);

test.each([
  [
    'a lock file, and no manifest beside or below it',
    ['package.json', 'yarn.lock', 'a/package.json'],
    ['yarn.lock'],
  ],
  [
    'manifests where there is no lock file',
    ['package.json', 'a/package.json', 'go.mod'],
    ['a/package.json', 'go.mod', 'package.json'],
  ],
  [
    'of several kinds',
    ['Cargo.lock', 'Cargo.toml', 'pyproject.toml', 'requirements-dev.txt'],
    ['Cargo.lock', 'pyproject.toml', 'requirements-dev.txt'],
  ],
  [
    'settings and patches of packages',
    ['.npmrc', 'bun.lockb', 'patches/a.patch', 'a.patch'],
    ['.npmrc', 'bun.lockb', 'patches/a.patch'],
  ],
  ['nothing that is installed', ['node_modules/a/package.json', 'src/index.js'], []],
])('the dependencies hang on: %s', (_, paths, expected) => {
  expect(pathsOf(paths)).toEqual(expected);
});

test('in a folder: its own files and those above it, not its neighbours’', () => {
  const paths = ['yarn.lock', 'apps/.npmrc', 'apps/web/Gemfile.lock', 'apps/api/go.sum'];
  expect(pathsOf(paths, 'apps/web')).toEqual(['apps/.npmrc', 'apps/web/Gemfile.lock', 'yarn.lock']);
});

test('the digest changes with each part of it, and with nothing else', () => {
  const recipe: Recipe = { ...NO_RECIPE, setup: 'npm ci' };
  const files = named('package-lock.json', 'src/a.js');
  const digest = setupDigest(recipe, files);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(setupDigest({ ...recipe, checks: ['npm test'] }, named('package-lock.json'))).toBe(digest);
  const others = [
    setupDigest({ ...recipe, setup: 'npm i' }, files),
    setupDigest({ ...recipe, installScripts: true }, files),
    setupDigest({ ...recipe, folder: 'src' }, files),
    setupDigest(recipe, [{ path: 'package-lock.json', id: 'other' }]),
  ];
  expect(new Set([digest, ...others]).size).toBe(5);
  expect(setupDigest(NO_RECIPE, files)).toBe('none');
});

const NOBODY = { named: null, npm: null, pip: null, pipExtra: null, go: null };

test('registries: public, named, and where the person’s own tools are sent', async () => {
  const home = temporaryFolder();
  expect(await findRegistries(NOBODY, home)).toMatchObject({ hosts: [], environment: {} });
  write(home, {
    '.npmrc':
      '//npm.house.example/:_authToken=secret\nregistry=https://ann:pw@npm.house.example/r/\n',
    '.config/pip/pip.conf': '[global]\nindex-url = http://pip.house.example:8081/simple\n',
  });
  const variables = {
    ...NOBODY,
    named: 'a.example, https://b.example:8443/x',
    go: 'https://go.example|direct',
  };
  expect(await findRegistries(variables, home)).toEqual({
    hosts: [
      ...['a.example:443', 'b.example:8443', 'npm.house.example:443'],
      ...['pip.house.example:8081', 'go.example:443'],
    ],
    environment: {
      npm_config_registry: 'https://npm.house.example/r/',
      PIP_INDEX_URL: 'http://pip.house.example:8081/simple',
      GOPROXY: 'https://go.example/',
    },
  });
  expect(allowedHosts(['a.example'])).toEqual(
    expect.arrayContaining(['pypi.org:443', 'a.example:443']),
  );
});

test('a mirror without TLS is asked through the proxy, when it is listed', async () => {
  const server = createServer((asked, answer) => {
    asked.on('data', (chunk) => answer.write(chunk));
    answer.writeHead(201, { 'x-asked': `${asked.method} ${asked.url} ${asked.headers.host}` });
    asked.on('end', () => answer.end('.'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await openProxy([host]);
  const socketPath = join(proxy.folder, proxy.socket);
  const ask = async (path: string) => {
    const asking = request({ socketPath, path, method: 'POST', headers: { host: 'other' } });
    asking.end('body');
    const [answer] = await once(asking, 'response');
    let text = '';
    for await (const chunk of answer) text += chunk;
    return { status: answer.statusCode, asked: answer.headers['x-asked'], text };
  };
  expect(await ask(`http://${host}/tiny?a=b`)).toEqual({
    ...{ status: 201, asked: `POST /tiny?a=b ${host}`, text: 'body.' },
  });
  for (const other of ['http://example.com/', `https://${host}/`, `http://u@${host}/`, '/']) {
    expect(await ask(other)).toMatchObject({ status: 403 });
  }
  expect(proxy.complaints()).toHaveLength(4);
  await proxy.close();
  server.close();
});
