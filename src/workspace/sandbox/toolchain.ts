import { readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { isInside } from './arguments.js';

/** What of the search path can be seen in the sandbox, and how programs there are told of it. */
export interface Toolchain {
  /** Folders and files to show read-only. */
  readable: string[];
  searchPath: string;
  environment: Record<string, string>;
}

/** A folder of the search path belongs to a larger whole that its programs need. */
interface Manager {
  pattern: RegExp;
  folders(root: string): string[];
  /** The variable by which its programs find it, since the home folder is another one inside. */
  variable?: string;
}

const MANAGERS: readonly Manager[] = [
  { pattern: /^(.*\/\.nvm\/versions\/node\/[^/]+)\/bin$/, folders: (root) => [root] },
  { pattern: /^(.*\/node-versions\/[^/]+\/installation)\/bin$/, folders: (root) => [root] },
  { pattern: /^(.*\/\.pyenv)\//, folders: (root) => [root], variable: 'PYENV_ROOT' },
  { pattern: /^(.*\/\.rbenv)\//, folders: (root) => [root], variable: 'RBENV_ROOT' },
  { pattern: /^(.*\/\.volta)\/bin$/, folders: (root) => [root], variable: 'VOLTA_HOME' },
  { pattern: /^(.*\/\.asdf)\//, folders: (root) => [root], variable: 'ASDF_DATA_DIR' },
  { pattern: /^(.*\/share\/mise)\//, folders: (root) => [root], variable: 'MISE_DATA_DIR' },
  { pattern: /^(.*\/\.sdkman\/candidates)\//, folders: (root) => [root] },
  // Its registry token lies beside `bin`, so nothing else of the folder is shown.
  { pattern: /^(.*\/\.rustup)$/, folders: (root) => [root], variable: 'RUSTUP_HOME' },
  { pattern: /^(\/home\/linuxbrew\/\.linuxbrew)\//, folders: (root) => [root] },
  { pattern: /^(\/nix\/store)\//, folders: (root) => [root] },
  { pattern: /^(\/opt\/[^/]+)\//, folders: (root) => [root] },
];

/**
 * What has to be shown for the programs of one folder of the search path: the installation it is a
 * part of, where that is known to hold no secrets, else the folder alone.
 */
export function belongingTo(folder: string): Omit<Toolchain, 'searchPath'> {
  for (const { pattern, folders, variable } of MANAGERS) {
    const root = pattern.exec(folder)?.[1];
    if (root === undefined) continue;
    return { readable: folders(root), environment: variable ? { [variable]: root } : {} };
  }
  const rustup = /^(.*)\/\.cargo\/bin$/.exec(folder)?.[1];
  if (rustup === undefined) return { readable: [folder], environment: {} };
  const { readable, environment } = belongingTo(join(rustup, '.rustup'));
  return { readable: [folder, ...readable], environment };
}

/** Filled by the system's packages, whose links stay among them; they have thousands. */
const PACKAGED = ['/usr/bin', '/usr/sbin', '/usr/games'];

/** The folder of packages that a program lies in, so that it finds what it imports. */
export function packagesOf(file: string): string | null {
  return /^(.*?\/node_modules)\//.exec(file)?.[1] ?? null;
}

/** Folders that hold more than programs; a search path that names one does not show it. */
export function isTooWide(folder: string, personsHome: string): boolean {
  const isHome = /^\/(?:home|Users)\/[^/]+$/.test(folder);
  const isSystem = /^\/(?:etc|var|proc|sys|dev|run|boot)(?:\/|$)/.test(folder);
  const isTop = folder.split('/').filter((part) => part !== '').length < 2;
  return isTop || isHome || isSystem || isInside(personsHome, folder);
}

/**
 * Looks at every folder of the search path, and at one program that may lie elsewhere.
 * @param house the house's own folder, of which nothing is shown
 * @param seen system folders, which are shown already
 */
export async function findToolchain(options: {
  searchPath: string;
  programs: readonly string[];
  house: string;
  seen: readonly string[];
}): Promise<Toolchain> {
  const { house, seen } = options;
  const found: Toolchain = { readable: [], searchPath: '', environment: {} };
  const folders: string[] = [];
  const add = async (path: string) => {
    const covered = [...seen, ...found.readable].some((folder) => isInside(path, folder));
    if (covered || isTooWide(path, homedir()) || isInside(path, house)) return;
    if (!isInside(house, path) && (await stat(path).catch(() => null))) found.readable.push(path);
  };
  for (const named of options.searchPath.split(delimiter)) {
    // As it really is: a link to it would lead nowhere, and what is relative means the copy.
    const folder = isAbsolute(named) ? await realpath(named).catch(() => null) : null;
    if (folder === null || folders.includes(folder)) continue;
    const names = await readdir(folder, { withFileTypes: true }).catch(() => null);
    if (names === null) continue;
    const { readable, environment } = belongingTo(folder);
    for (const path of readable) await add(path);
    const isSeen = [...seen, ...found.readable].some((one) => isInside(folder, one));
    if (!isSeen) continue;
    folders.push(folder);
    Object.assign(found.environment, environment);
    if (PACKAGED.includes(folder)) continue;
    const links = names.filter((entry) => entry.isSymbolicLink());
    for (const { name } of links) await addTarget(join(folder, name), add);
  }
  for (const program of options.programs) await addTarget(program, add, true);
  return { ...found, searchPath: folders.join(delimiter) };
}

/** A program often is a link to a file of a package, or of an environment of its own. */
async function addTarget(
  path: string,
  add: (path: string) => Promise<void>,
  isNamed = false,
): Promise<void> {
  const target = await realpath(path).catch(() => null);
  const found = target === null ? null : await stat(target).catch(() => null);
  // A link to a person's folder, or to what is no program, shows nothing.
  if (target === null || !found?.isFile() || (found.mode & 0o111) === 0) return;
  const packages = packagesOf(target);
  const environment = dirname(dirname(target));
  if (packages !== null) await add(packages);
  else if ((await stat(join(environment, 'pyvenv.cfg')).catch(() => null)) !== null) {
    await add(environment);
    const python = await realpath(join(environment, 'bin', 'python')).catch(() => null);
    if (python !== null) await add(dirname(dirname(python)));
  } else await add(target);
  if (isNamed) await add(path);
}
