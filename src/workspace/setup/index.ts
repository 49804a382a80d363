import { createHash, randomBytes } from 'node:crypto';
import { copyFile, lstat, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FailedSetup, Prepared, Recipe } from '../../domain/repository.js';
import { removeTree } from '../cleanup.js';
import { copyGitDir, makeTree, mergeIn } from '../copy.js';
import { withLock } from '../lock.js';
import type { Copy } from '../marker.js';
import type { Workshop } from '../mirror.js';
import { mirrorPath } from '../names.js';
import {
  draftSetup,
  findSetup,
  type Keeping,
  keepSetup,
  type SetupEntry,
  setupLock,
} from './cache.js';
import { blobId, dropCarried, NotCarried, putCarried, readCarried } from './carried.js';
import { filesOfSetup, NO_SETUP, setupDigest, type TrackedFile } from './digest.js';
import { fill } from './fill.js';
import { keepOut } from './kept-out.js';
import { standingAt } from './place.js';
import type { Registries } from './registries.js';
import { runSetup, SETUP_TIMEOUT_MS, type Yard } from './run.js';

/** A fresh copy that is to be prepared. */
export interface PrepareRequest {
  copy: Copy;
  recipe: Recipe;
  repositoryId: string;
  taskId: string;
  /** The person's repository: where the files to copy are. */
  location: string;
  /** Beside those of the installation. */
  registries?: Registries;
  /** true: what is not cached is not made. */
  offline?: boolean;
  signal?: AbortSignal | undefined;
  /** Hears the setup, when it runs. */
  onLine?: ((line: string) => void) | undefined;
}

/** The state of the files that the setup works on. */
interface Basis {
  digest: string;
  files: readonly TrackedFile[];
  /** As of the copy; null where its merge left the lock files in conflict. */
  merging: string | null;
}

type Carried = Awaited<ReturnType<typeof readCarried>>;

/**
 * Gives a fresh copy what git does not hold: the dependencies, by running the setup once for the
 * lock files that it has, and the person's files. Nothing of it can come into the work. A setup
 * that fails leaves the copy as it was.
 */
export async function prepareCopy(yard: Yard, request: PrepareRequest): Promise<Prepared> {
  const { copy, recipe, location, signal } = request;
  const isNothing = recipe.setup === null && recipe.copies.length === 0;
  if (isNothing || copy.source.kind === 'task') {
    return { kind: 'ready', setupDigest: NO_SETUP, cached: true };
  }
  const basis = await basisOf(yard, request);
  const { digest } = basis;
  try {
    const carried = await readCarried(location, recipe.copies);
    const setup = digest === NO_SETUP ? null : await obtain(yard, request, basis, carried);
    if (setup !== null && 'failed' in setup) {
      return { kind: 'failed', setupDigest: digest, ...setup.failed };
    }
    const entry = setup?.entry ?? null;
    const made = entry === null ? [] : await fill(entry, copy, signal);
    const put = await putCarried(copy.path, carried, formatOf(copy));
    await keepOut(copy, { made, carried: put });
    return { kind: 'ready', setupDigest: digest, cached: setup?.cached ?? true };
  } catch (error) {
    if (!(error instanceof NotCarried)) throw error;
    const failed = { output: error.message, exitCode: null, isOurs: true };
    return { kind: 'failed', setupDigest: digest, ...failed };
  }
}

async function basisOf({ home, git }: Workshop, request: PrepareRequest): Promise<Basis> {
  const { copy, recipe } = request;
  if (recipe.setup === null) return { digest: NO_SETUP, files: [], merging: null };
  const mirror = mirrorPath(home, copy.source);
  const list = async (merging: string | null): Promise<Basis> => {
    const { stdout } =
      merging === null
        ? await git.run({
            args: ['ls-tree', '-r', '-z', '--full-tree', copy.from],
            ...{ cwd: mirror, gitDir: mirror },
          })
        : await git.run({
            args: ['ls-files', '--stage', '-z'],
            ...{ cwd: copy.path, gitDir: copyGitDir(copy), workTree: copy.path },
          });
    const all = filesOf(stdout);
    const files = filesOfSetup(all, recipe.folder);
    return { digest: setupDigest(recipe, files), files, merging };
  };
  const merged = await list(copy.merging);
  // A path that git lists more than once is in conflict: no setup could read it.
  const isTorn = new Set(merged.files.map(({ path }) => path)).size < merged.files.length;
  return isTorn ? await list(null) : merged;
}

function filesOf(listed: string): TrackedFile[] {
  return listed.split('\0').flatMap((line) => {
    const [, id, path] = /^\d+ (?:blob )?([0-9a-f]+)(?: \d)?\t([\s\S]+)$/.exec(line) ?? [];
    return id === undefined || path === undefined ? [] : [{ path, id }];
  });
}

type Obtained = { entry: SetupEntry | null; cached: boolean } | { failed: FailedSetup };

async function obtain(
  yard: Yard,
  request: PrepareRequest,
  basis: Basis,
  carried: Carried,
): Promise<Obtained> {
  const { home } = yard;
  const { taskId, signal, offline = false } = request;
  const { digest } = basis;
  const own = { home, taskId, digest: await ownDigest(yard, request.copy, basis) };
  const find = () => findSetup({ home, digest, taskId: null }, own);
  const found = await find();
  if (found !== null) return { entry: found, cached: true };
  if (offline) return { entry: null, cached: false };
  const patience = { signal, timeoutMs: 2 * SETUP_TIMEOUT_MS };
  return await withLock(setupLock(home, digest), patience, async () => {
    const meanwhile = await find();
    if (meanwhile !== null) return { entry: meanwhile, cached: true };
    return await make(yard, request, basis, { carried, own });
  });
}

/**
 * By which the setup of a tree of an agent's is kept: with all that the tree holds, since a script
 * in it decides what a setup makes.
 */
async function ownDigest({ home, git }: Workshop, copy: Copy, basis: Basis): Promise<string> {
  const mirror = mirrorPath(home, copy.source);
  const args = ['rev-parse', '--verify', `${copy.from}^{tree}`];
  const { stdout } = await git.run({ args, cwd: mirror, gitDir: mirror });
  const told = [basis.digest, stdout.trim(), basis.merging ?? ''];
  return createHash('sha256').update(told.join('\0')).digest('hex');
}

/** Runs the setup aside, in a checkout of its own, and keeps what it has made there. */
async function make(
  yard: Yard,
  request: PrepareRequest,
  { digest, files, merging }: Basis,
  { carried: all, own }: { carried: Carried; own: Keeping },
): Promise<Obtained> {
  const { home } = yard;
  const { copy, signal, onLine } = request;
  const draft = await draftSetup(home, randomBytes(4).toString('hex'));
  const [path, private_] = [join(draft, 'work'), join(draft, 'home')];
  const aside = { ...copy, path, home: private_, user: join(private_, 'user'), merging };
  try {
    const isPersons = await isBase(yard, aside);
    // The setup has a network: what an agent wrote for it gets nothing to send away.
    const carried = isPersons ? all : [];
    await mkdir(join(aside.home, 'tmp'), { recursive: true, mode: 0o700 });
    await makeTree(yard, aside, signal);
    await mergeIn(yard, aside, signal);
    const index = join(draft, 'index');
    await copyFile(join(copyGitDir(aside), 'index'), index);
    await putCarried(aside.path, carried, formatOf(copy));
    const failed = await runSetup(yard, aside, { ...request, isPersons });
    if (failed !== null) return { failed };
    await dropCarried(aside.path, carried);
    for (const path of await changedFiles(yard, aside, files)) {
      onLine?.(`[the setup changed ${path}, which git holds: that change is not kept]`);
    }
    const made = await listMade(yard, aside, index);
    const keeping = isPersons ? { home, digest, taskId: null } : own;
    return { entry: await keepSetup(draft, made, keeping), cached: false };
  } finally {
    await removeTree(draft);
  }
}

/**
 * What is in the tree and not in the commit, whole folders as one. Asked with an index from before
 * the setup and the mirror's git folder: what a script did to those of the copy is not read.
 */
async function listMade({ home, git }: Workshop, aside: Copy, index: string): Promise<string[]> {
  const { stdout } = await git.run({
    args: ['ls-files', '--others', '--directory', '--no-empty-directory', '-z'],
    cwd: aside.path,
    gitDir: mirrorPath(home, aside.source),
    workTree: aside.path,
    environment: { GIT_INDEX_FILE: index },
  });
  return stdout.split('\0').flatMap((path) => (path === '' ? [] : [path.replace(/\/$/, '')]));
}

/** Whether nobody but the person's branches is behind the tree: what it made may serve all. */
async function isBase({ home, git }: Workshop, aside: Copy): Promise<boolean> {
  if (aside.merging !== null) return false;
  const mirror = mirrorPath(home, aside.source);
  const args = ['for-each-ref', '--count=1', `--contains=${aside.from}`, 'refs/heads/'];
  return (await git.run({ args, cwd: mirror, gitDir: mirror })).stdout !== '';
}

/** Their sizes first: what a setup has written may be larger than what can be read. */
async function changedFiles(
  { home, git }: Workshop,
  aside: Copy,
  files: readonly TrackedFile[],
): Promise<string[]> {
  const mirror = mirrorPath(home, aside.source);
  const isChanged = async ({ path, id }: TrackedFile): Promise<boolean> => {
    const { size } = await lstat(join(aside.path, path));
    if (size > SMALL_BYTES) {
      const held = await git.run({ args: ['cat-file', '-s', id], cwd: mirror, gitDir: mirror });
      if (Number(held.stdout) !== size) return true;
      if (size > READ_BYTES_MAX) return false; // nobody is told, and nothing of it is kept
    }
    return blobId(await readFile(join(aside.path, path)), formatOf(aside)) !== id;
  };
  const changed: string[] = [];
  for (const file of files) {
    if ((await standingAt(aside.path, file.path)) !== 'file') continue;
    if (await isChanged(file)) changed.push(file.path);
  }
  return changed;
}

const SMALL_BYTES = 2 ** 20;
const READ_BYTES_MAX = 64 * 2 ** 20;

const formatOf = ({ from }: Copy) => (from.length === 64 ? 'sha256' : 'sha1');
