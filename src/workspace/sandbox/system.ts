import { lstat, readlink, stat } from 'node:fs/promises';
import type { SystemView } from './arguments.js';

/** On most systems these are links into `/usr`; where they are folders they are shown as such. */
const ROOTS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/**
 * The parts of `/etc` that programs need and that hold no secret. Never all of `/etc/ssl` or
 * `/etc/pki`: private keys lie in them, and root's sandbox may read what root owns.
 */
const ETC = [
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/alternatives',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/ca-certificates',
  '/etc/ca-certificates.conf',
  '/etc/pki/tls/certs',
  '/etc/pki/tls/cert.pem',
  '/etc/pki/ca-trust/extracted',
  '/etc/crypto-policies',
  '/etc/localtime',
  '/etc/mime.types',
];

/** Where images put applications, this one perhaps, with their settings. */
const HIDDEN = ['/usr/src', '/usr/local/src'];

/** Looks which system folders this machine has. */
export async function lookAtSystem(): Promise<SystemView> {
  const folders = ['/usr'];
  const links: { path: string; target: string }[] = [];
  for (const path of ROOTS) {
    const found = await lstat(path).catch(() => null);
    if (found?.isSymbolicLink()) links.push({ path, target: await readlink(path) });
    else if (found?.isDirectory()) folders.push(path);
  }
  return { folders, links, etc: await existing(ETC), hidden: await existing(HIDDEN) };
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map(async (path) => ((await stat(path).catch(() => null)) === null ? [] : [path])),
  );
  return found.flat();
}
