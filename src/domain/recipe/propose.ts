import { folderOf, type Part, type TreeFiles } from './files.js';
import { javascript } from './javascript.js';
import { go, make, python, rust, workflowHints } from './languages.js';

/** What the files of a repository say about how it is prepared and checked. */
export interface Proposal {
  readonly setup: string | null;
  readonly checks: readonly string[];
  readonly folder: string;
  /** The files that it was read from, from the root. */
  readonly from: readonly string[];
  /** Other folders that are projects of their own. */
  readonly others: readonly string[];
  /** What the project's CI runs, where nothing else says what its checks are. */
  readonly hints: readonly string[];
}

/** A folder with one of these is a project. */
const MANIFESTS = new Set([
  ...['package.json', 'go.mod', 'Cargo.toml', 'pyproject.toml', 'requirements.txt'],
  ...['uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile.lock', 'requirements-dev.txt'],
]);
const LOCKS = new Set([
  ...['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'],
  ...['bun.lockb', 'go.sum', 'Cargo.lock', 'uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile.lock'],
  'requirements.txt',
]);
const READ = new Set([
  ...['package.json', 'go.mod', 'pyproject.toml', 'requirements.txt', 'requirements-dev.txt'],
  ...['dev-requirements.txt', 'Makefile', 'makefile', 'GNUmakefile'],
]);
const WORKFLOW = /^\.github\/workflows\/[^/]+\.ya?ml$/;
/** Code of others, and samples: not what the repository is about. */
const ASIDE =
  /(^|\/)(node_modules|vendor|third_party|\.[^/]+|(__)?fixtures(__)?|testdata|examples?|tests?)\//;

/** The files whose text a proposal reads. */
export function filesToRead(paths: readonly string[], folder: string | null): string[] {
  const at = folder === null ? subprojects(paths).slice(0, 1) : [folder];
  const folders = ['', ...at.flatMap((one) => [one, ...aboveOf(one)])];
  const wanted = new Set(folders.flatMap((at) => [...READ].map((name) => below(at) + name)));
  return paths.filter((path) => wanted.has(path) || WORKFLOW.test(path));
}

/**
 * Proposes how a repository is prepared and checked, from its own files.
 * @param options.folder null: the root, or the topmost project where the root is none
 */
export function proposeRecipe(
  files: TreeFiles,
  options: { readonly folder: string | null; readonly installScripts: boolean },
): Proposal {
  const [first, ...rest] = subprojects(files.paths);
  const atRoot = partsOf(files, '', options.installScripts);
  const isProject = atRoot.some(({ setup, checks }) => setup !== null || checks.length > 0);
  const found = isProject || first === undefined ? '' : first;
  const folder = options.folder ?? found;
  const parts = withMake(files, folder, options.installScripts);
  const setups = parts.flatMap(({ setup }) => setup ?? []);
  const checks = parts.flatMap((part) => part.checks);
  return {
    setup: setups.length === 0 ? null : setups.join(' && '),
    checks,
    folder,
    from: parts.flatMap(({ from }) => from.map((name) => below(folder) + name)),
    others: options.folder === null && folder !== '' ? rest : [],
    hints: checks.length > 0 ? [] : hintsOf(files),
  };
}

const below = (folder: string): string => (folder === '' ? '' : `${folder}/`);

/** The folders that one lies in, nearest first, down to the root. */
const aboveOf = (folder: string): string[] =>
  folder === ''
    ? []
    : folder
        .split('/')
        .map((_, index, parts) => parts.slice(0, index).join('/'))
        .reverse();

function partsOf(files: TreeFiles, at: string, installScripts: boolean): Part[] {
  const folder = folderOf(files, at);
  const above = aboveOf(at).map((one) => folderOf(files, one));
  return [
    javascript(folder, above, installScripts),
    python(folder, installScripts),
    go(folder),
    rust(folder),
  ].filter((part) => part !== null);
}

/** The targets of a Makefile mostly repeat what the tools of the language say. */
function withMake(files: TreeFiles, at: string, installScripts: boolean): Part[] {
  const parts = partsOf(files, at, installScripts);
  const isChecked = parts.some(({ checks }) => checks.length > 0);
  const made = isChecked ? null : make(folderOf(files, at));
  return made === null ? parts : [...parts, made];
}

function hintsOf({ paths, texts }: TreeFiles): string[] {
  const found = paths.filter((path) => WORKFLOW.test(path));
  return [...new Set(found.flatMap((path) => workflowHints(texts[path] ?? '')))].slice(
    0,
    HINTS_MAX,
  );
}

const HINTS_MAX = 5;

/** The folders that are projects, topmost first: those with a lock file, where there are some. */
function subprojects(paths: readonly string[]): string[] {
  const own = paths.filter((path) => path.includes('/') && !ASIDE.test(path));
  const holding = (names: ReadonlySet<string>) =>
    own.flatMap((path) => {
      const at = path.lastIndexOf('/');
      return names.has(path.slice(at + 1)) ? [path.slice(0, at)] : [];
    });
  const locked = holding(LOCKS);
  const found = locked.length > 0 ? locked : holding(MANIFESTS);
  const depth = (folder: string) => folder.split('/').length;
  return [...new Set(found)].sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
}
