import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { removeTree } from '../cleanup.js';
import { withLock } from '../lock.js';
import { checkedId } from '../names.js';

/** What a setup made, kept for further copies. */
export interface SetupEntry {
  /** Holds `tree`, `home` and what follows here. */
  folder: string;
  /** Paths in the working copy, none inside another one. */
  made: readonly string[];
  /** Where it was made: `work` and `home` lie in it. */
  madeIn: string;
  /** Files and links that name the place where they were made, as paths in the entry. */
  naming: readonly string[];
  bytes: number;
}

/** For whom a setup is kept: everybody, or the task whose work it belongs to. */
export type Keeping = { home: string; digest: string; taskId: string | null };

/** How much is kept, and for how long. */
export interface CacheLimits {
  bytes: number;
  unusedMs: number;
}

const DAY_MS = 24 * 3_600_000;
const LIMITS: CacheLimits = { bytes: 20 * 2 ** 30, unusedMs: 14 * DAY_MS };
/** One that was used just now may be in the middle of being copied. */
const IN_USE_MS = 3_600_000;
/** Longer than a setup may take. */
const DRAFT_AGE_MS = 6 * 3_600_000;
const RECORD = 'setup.json';
const OF_TASKS = 'tasks';
const DRAFT = 'new-';
const DOOMED = 'doomed-';

/** The folder of all setups. */
const setupsPath = (home: string): string => join(home, 'setups');

const tasksPath = (home: string): string => join(setupsPath(home), OF_TASKS);

function entryPath({ home, digest, taskId }: Keeping): string {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new TypeError(`${digest} is no digest of a setup`);
  const folder =
    taskId === null ? setupsPath(home) : join(tasksPath(home), checkedId('task id', taskId));
  return join(folder, digest);
}

/** One setup of a digest at a time, whoever it is kept for. */
export const setupLock = (home: string, digest: string): string =>
  join(home, 'locks', `setup-${digest}.lock`);

/** The first that is kept, as for everybody before for one task; null where it has to be made. */
export async function findSetup(...places: readonly Keeping[]): Promise<SetupEntry | null> {
  for (const place of places) {
    const folder = entryPath(place);
    const record = await readFile(join(folder, RECORD), 'utf8').catch(() => null);
    if (record === null) continue;
    const now = new Date();
    await utimes(join(folder, RECORD), now, now).catch(() => undefined);
    return { ...(JSON.parse(record) as Omit<SetupEntry, 'folder'>), folder };
  }
  return null;
}

/** An empty folder for a setup that is about to run. */
export async function draftSetup(home: string, name: string): Promise<string> {
  const draft = join(setupsPath(home), `${DRAFT}${name}`);
  await mkdir(setupsPath(home), { recursive: true, mode: 0o700 });
  await mkdir(draft, { mode: 0o700 });
  return draft;
}

/**
 * Keeps what a setup made in the folder `work` of its draft: moved, not copied, and seen by
 * nobody before it is whole.
 */
export async function keepSetup(
  draft: string,
  made: readonly string[],
  keeping: Keeping,
): Promise<SetupEntry> {
  const tree = join(draft, 'tree');
  await mkdir(tree);
  for (const path of made) {
    await mkdir(join(tree, path, '..'), { recursive: true });
    await rename(join(draft, 'work', path), join(tree, path));
  }
  await removeTree(join(draft, 'work'));
  for (const path of DOWNLOADS) await removeTree(join(draft, 'home', path));
  const naming = await findNaming(draft);
  const record = { made, madeIn: draft, naming, bytes: await bytesOf(draft) };
  await writeFile(join(draft, RECORD), JSON.stringify(record));
  const folder = entryPath(keeping);
  await mkdir(join(folder, '..'), { recursive: true, mode: 0o700 });
  await removeTree(folder);
  await rename(draft, folder);
  return { ...record, folder };
}

/** What package managers keep of what they have unpacked already. */
const DOWNLOADS = ['', 'user'].flatMap((user) =>
  ['tmp', '.npm', '.cache/pip', '.cache/uv', '.cache/yarn', '.local/share/pnpm/store'].map((path) =>
    join(user, path),
  ),
);

/** Programs of an environment name the folder they lie in; a copy lies in another one. */
async function findNaming(draft: string): Promise<string[]> {
  const options = ['--recursive', '--files-with-matches', '--binary-files=without-match'];
  const search = ['--fixed-strings', '--devices=skip', '--null', '--regexp', draft];
  const listed = async (file: string, args: string[]) => {
    const { stdout } = await execa(file, args, {
      cwd: draft,
      reject: false,
      env: { LC_ALL: 'C' },
      maxBuffer: 64 * 2 ** 20,
    });
    return stdout.split('\0').filter((path) => path !== '');
  };
  const files = await listed('grep', [...options, ...search, '--', 'tree', 'home']);
  const links = ['-type', 'l', '-lname', `${draft}/*`, '-print0'];
  return [...files, ...(await listed('find', ['tree', 'home', ...links]))];
}

async function bytesOf(folder: string): Promise<number> {
  const { stdout } = await execa('du', ['-sk', '--', folder], { reject: false });
  return Number.parseInt(stdout, 10) * 1024 || 0;
}

/** What was kept for a task alone goes when it ends: its next setup is everybody's. */
export async function dropSetupsOf(home: string, taskId: string): Promise<void> {
  await doom(home, join(tasksPath(home), checkedId('task id', taskId)));
}

/**
 * Removes what nobody has used for long, then the longest unused until the rest is small enough;
 * and what a crash has left. What was used within the hour stays.
 */
export async function tidySetups(home: string, limits: CacheLimits = LIMITS): Promise<number> {
  await dropLeftovers(home);
  const entries = await listEntries(home);
  let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  let removed = 0;
  for (const entry of entries.sort((one, other) => one.usedAt - other.usedAt)) {
    const age = Date.now() - entry.usedAt;
    if (age < IN_USE_MS || (age < limits.unusedMs && bytes <= limits.bytes)) continue;
    await withLock(setupLock(home, entry.digest), {}, () => doom(home, entry.folder));
    bytes -= entry.bytes;
    removed += 1;
  }
  return removed;
}

async function listEntries(home: string) {
  const tasks = await namesIn(tasksPath(home));
  const holders = [setupsPath(home), ...tasks.map((task) => join(tasksPath(home), task))];
  const found = await Promise.all(
    holders.map(async (holder) =>
      Promise.all(
        (await namesIn(holder)).map(async (digest) => {
          const folder = join(holder, digest);
          const at = await lstat(join(folder, RECORD)).catch(() => null);
          if (at === null || !/^[0-9a-f]{64}$/.test(digest)) return [];
          const record = await readFile(join(folder, RECORD), 'utf8').catch(() => '{}');
          const { bytes = 0 } = JSON.parse(record) as Partial<SetupEntry>;
          return [{ folder, digest, bytes, usedAt: at.mtimeMs }];
        }),
      ),
    ),
  );
  return found.flat(2);
}

async function dropLeftovers(home: string): Promise<void> {
  for (const name of await namesIn(setupsPath(home))) {
    const path = join(setupsPath(home), name);
    const isDoomed = name.startsWith(DOOMED);
    if (!isDoomed && !name.startsWith(DRAFT)) continue;
    const at = await lstat(path).catch(() => null);
    if (at !== null && (isDoomed || Date.now() - at.mtimeMs > DRAFT_AGE_MS)) await removeTree(path);
  }
}

/** Renamed first: half a setup must not be taken for a whole one. */
async function doom(home: string, folder: string): Promise<void> {
  const doomed = join(setupsPath(home), `${DOOMED}${randomUUID()}`);
  const gone = () => undefined; // there is none, or another one was first
  await rename(folder, doomed).catch(gone);
  await removeTree(doomed);
}

const namesIn = async (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
