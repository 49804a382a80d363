import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The account that Postgres runs as. Without uid and gid: the account we run as ourselves. */
export interface Account {
  name: string;
  uid?: number;
  gid?: number;
}

/**
 * Postgres refuses to run as root, so there it runs as `nobody`; no account is ever created.
 * Throws when the account has no name, which Postgres cannot bear, or when `nobody` is missing.
 */
export async function postgresAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return { name: ownName() };
  const ids = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'nobody']))).catch(
    () => {
      throw new Error(
        'Postgres cannot run as root, and this machine has no account `nobody` to run it as. ' +
          'Run as an ordinary user, or set DATABASE_URL to a Postgres of your own.',
      );
    },
  );
  const [uid, gid] = ids.map((result) => Number(result.stdout));
  if (uid === undefined || gid === undefined) throw new Error('`id nobody` printed no number.');
  return { name: 'nobody', uid, gid };
}

/**
 * The first folder on the way to `path` that the account may not pass through, or `path` itself
 * when it is a file that it may not read, with the mode in octal; null when the way is free.
 * What does not exist yet is left out: it will be made by us.
 */
export async function blockedAt(
  path: string,
  account: Account,
): Promise<{ folder: string; mode: string } | null> {
  const { uid, gid } = account;
  if (uid === undefined) return null; // our own account made it, or node would not be here
  const real = await realpath(path).catch(() => null);
  const parent = dirname(path);
  if (real === null) return parent === path ? null : blockedAt(parent, account);
  for (const folder of waysTo(real)) {
    const info = await stat(folder);
    const right = info.isDirectory() ? 0o1 : 0o4; // pass through, or read
    const bit = info.uid === uid ? right << 6 : info.gid === gid ? right << 3 : right;
    if (!(info.mode & bit)) return { folder, mode: (info.mode & 0o777).toString(8) };
  }
  return null;
}

/** `/a/b` gives `/`, `/a`, `/a/b`. */
function waysTo(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...waysTo(parent), path];
}

function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new Error(
      `The user id ${process.getuid?.()} has no name on this machine, and Postgres refuses to ` +
        'run without one. Add it to /etc/passwd, or set DATABASE_URL to a Postgres of your own.',
    );
  }
}
