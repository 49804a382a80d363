import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A package registry on the loopback with one package, as npm asks it. */
export interface Registry {
  readonly host: string;
  readonly url: string;
  /** What was asked for, in order. */
  readonly asked: string[];
  /** A `package.json` and a `package-lock.json` that need the package. */
  files(): Record<string, string>;
  close(): Promise<void>;
}

/** The package tells its version; its install script, where it runs, leaves a file. */
export async function openRegistry(): Promise<Registry> {
  const tarball = pack();
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/tiny/-/tiny-1.0.0.tgz') return void response.end(tarball);
    response.writeHead(404).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resolved = 'https://registry.npmjs.org/tiny/-/tiny-1.0.0.tgz';
  const tiny = { version: '1.0.0', resolved, integrity, hasInstallScript: true };
  const own = { name: 'app', version: '1.0.0' };
  const dependencies = { tiny: '1.0.0' };
  const packages = { '': { ...own, dependencies }, 'node_modules/tiny': tiny };
  const text = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    host,
    url: `http://${host}/`,
    asked,
    files: () => ({
      'package.json': text({ ...own, private: true, dependencies }),
      'package-lock.json': text({ ...own, lockfileVersion: 3, requires: true, packages }),
    }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pack(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'registry-'));
  try {
    mkdirSync(join(folder, 'package'));
    const scripts = { install: 'echo ran > ran' };
    const about = { name: 'tiny', version: '1.0.0', main: 'index.js', scripts };
    writeFileSync(join(folder, 'package', 'package.json'), JSON.stringify(about));
    writeFileSync(join(folder, 'package', 'index.js'), "module.exports = 'tiny 1.0.0';\n");
    execFileSync('tar', ['-czf', 'tiny.tgz', 'package'], { cwd: folder });
    return readFileSync(join(folder, 'tiny.tgz'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
