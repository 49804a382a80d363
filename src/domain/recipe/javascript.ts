import type { Folder, Part } from './files.js';

type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const LOCKS: readonly (readonly [file: string, manager: Manager])[] = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
];

/** Names of scripts that are checks, quick ones first: what fails soonest is known soonest. */
const SCRIPTS = ['typecheck', 'type-check', 'lint', 'check', 'test'];

interface Manifest {
  readonly manager: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: number;
  readonly isWorkspace: boolean;
}

/**
 * What `package.json` and its lock file ask for; null where there is none.
 * @param above the folders that it lies in, nearest first: one may be the workspace that it is of
 */
export function javascript(
  folder: Folder,
  above: readonly Folder[],
  installScripts: boolean,
): Part | null {
  if (!folder.has('package.json')) return null;
  const manifest = manifestOf(folder.text('package.json'));
  const own = lockOf(folder, manifest);
  const workspace = own === null ? above.find(isWorkspace) : undefined;
  const lock = workspace === undefined ? own : lockOf(workspace, manifestIn(workspace));
  const manager = lock?.[1] ?? 'npm';
  const home = workspace ?? folder;
  const setup =
    lock === null
      ? withoutLock(manifest, installScripts)
      : install(manager, home, manifestIn(home), installScripts);
  const checks = scriptsOf(manifest).map((name) => runOf(manager, name));
  const from = [
    ...(own === null ? [] : [own[0]]),
    ...(checks.length > 0 || setup !== null ? ['package.json'] : []),
  ];
  return { setup, checks, from };
}

/** Two lock files are one too many; the manifest says whose is meant, where it says so. */
function lockOf(folder: Folder, { manager }: Manifest): (typeof LOCKS)[number] | null {
  const found = LOCKS.filter(([file]) => folder.has(file));
  return found.find(([, name]) => manager.startsWith(name)) ?? found[0] ?? null;
}

const isWorkspace = (folder: Folder): boolean =>
  folder.has('pnpm-workspace.yaml') || manifestIn(folder).isWorkspace;

const manifestIn = (folder: Folder): Manifest => manifestOf(folder.text('package.json'));

function install(manager: Manager, folder: Folder, manifest: Manifest, scripts: boolean): string {
  const ignored = scripts ? '' : ' --ignore-scripts';
  switch (manager) {
    case 'npm':
      return `npm ci${ignored}`;
    case 'pnpm':
    case 'bun':
      return `${manager} install --frozen-lockfile${ignored}`;
    case 'yarn': {
      const isModern = folder.has('.yarnrc.yml') || /^yarn@([2-9]|\d\d)/.test(manifest.manager);
      if (!isModern) return `yarn install --frozen-lockfile${ignored}`;
      return `yarn install --immutable${scripts ? '' : ' --mode=skip-build'}`;
    }
    default:
      return manager satisfies never;
  }
}

/** A lock file of ours would look like work of the agent. */
const withoutLock = ({ dependencies }: Manifest, scripts: boolean): string | null =>
  dependencies === 0 ? null : `npm install --no-package-lock${scripts ? '' : ' --ignore-scripts'}`;

/** `test` is a verb of its own everywhere but in bun, whose own test runner it would start. */
const runOf = (manager: Manager, script: string): string =>
  script === 'test' && manager !== 'bun' ? `${manager} test` : `${manager} run ${script}`;

function scriptsOf({ scripts }: Manifest): string[] {
  const names = SCRIPTS.filter((name) => isCheck(scripts[name]));
  return names.filter((name) => !isSumOf(scripts[name] ?? '', names));
}

/** Not the one that `npm init` writes, and none that never ends. */
function isCheck(script: string | undefined): boolean {
  if (script === undefined || script.trim() === '') return false;
  return !/no test specified/.test(script) && !/--watch\b(?!=false)/.test(script);
}

/** Whether a script only calls others that are checks themselves: each is looked at once. */
function isSumOf(script: string, names: readonly string[]): boolean {
  const steps = script.split(/&&|;/).map((step) => step.trim());
  const called = steps.map(
    (step) => /^(?:npm|pnpm|yarn|bun)(?: run)? ([\w:-]+)$/.exec(step)?.[1] ?? '',
  );
  return called.every((name) => names.includes(name));
}

function manifestOf(text: string): Manifest {
  const parsed = objectOf(parse(text));
  const texts = Object.entries(objectOf(parsed.scripts)).flatMap(([name, script]) =>
    typeof script === 'string' ? [[name, script] as const] : [],
  );
  const dependencies = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.keys(objectOf(parsed[kind])),
  ).length;
  const manager = typeof parsed.packageManager === 'string' ? parsed.packageManager : '';
  const isWorkspace = parsed.workspaces !== undefined;
  return { manager, scripts: Object.fromEntries(texts), dependencies, isWorkspace };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return null; // what cannot be read proposes nothing
  }
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
