import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Account, blockedAt, postgresAccount } from './reach.js';

/** Where this installation keeps its data, and why it is not the usual place, when it is not. */
export interface Home {
  path: string;
  /** One sentence for people, or null at the usual place or the one that was named. */
  notice: string | null;
}

/** The folder of this package: of the clone, whether we run from source or from `dist`. */
export function packageRoot(from: string = fileURLToPath(import.meta.url)): string {
  const folder = dirname(from);
  if (folder === from) throw new Error('No package.json of mission-control above this program.');
  const file = join(folder, 'package.json');
  if (existsSync(file) && /"name":\s*"mission-control"/.test(readFileSync(file, 'utf8'))) {
    return folder;
  }
  return packageRoot(folder);
}

/**
 * Where the data folder is: `named` (MISSION_HOME), else `.mission` in the package's folder, else,
 * as root below a folder that Postgres may not enter, `/var/lib/mission-control/<hash>`.
 * Makes nothing.
 */
export async function findHome(
  named: string | null,
  root: string = packageRoot(),
  postgres: () => Promise<Account> = postgresAccount,
): Promise<Home> {
  if (named !== null) return { path: resolve(named), notice: null };
  const usual = join(root, '.mission');
  const account = await postgres().catch(() => null); // only embedded Postgres needs it
  const blocked = account && (await blockedAt(root, account));
  if (!blocked) return { path: usual, notice: null };
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 12);
  const path = join('/var/lib/mission-control', hash);
  return {
    path,
    notice:
      `Data is kept in ${path}, because Postgres runs as ${account.name} here and may not enter ` +
      `${blocked.folder} (mode ${blocked.mode}).`,
  };
}

/**
 * Makes the data folder. As root others may pass through it (0711), since Postgres does not run
 * as root; all that is private inside has modes of its own.
 */
export async function makeHome(home: string): Promise<void> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    await mkdir(home, { recursive: true });
    await chmod(home, mode);
  } catch (error) {
    throw new Error(
      `The data folder ${home} cannot be made or is not yours: ${reason(error)}. ` +
        'Set MISSION_HOME to a folder that you may write to.',
    );
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
