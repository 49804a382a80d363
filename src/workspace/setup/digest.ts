import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Recipe } from '../../domain/repository.js';

/** A file of a tree as git names it: its content is its id. */
export interface TrackedFile {
  path: string;
  id: string;
}

/** The digest where nothing is set up: all such copies have the same dependencies, none. */
export const NO_SETUP = 'none';

/** Files that name exact versions, and what stands for them where there are none. */
const FAMILIES: readonly { locks: RegExp; manifests: RegExp }[] = [
  {
    locks: /^(?:(?:package-lock|npm-shrinkwrap)\.json|pnpm-lock\.yaml|(?:yarn|deno|bun)\.lockb?)$/,
    manifests: /^(?:package|deno)\.json$/,
  },
  {
    locks: /^(?:uv|poetry|pdm|Pipfile)\.lock$/,
    manifests: /^(?:pyproject\.toml|setup\.(?:py|cfg)|Pipfile|environment\.ya?ml)$/,
  },
  { locks: /^go\.sum$/, manifests: /^go\.mod$/ },
  { locks: /^Cargo\.lock$/, manifests: /^Cargo\.toml$/ },
  { locks: /^(?:Gemfile|gems)\.(?:lock|locked)$/, manifests: /^(?:Gemfile|gems\.rb|.*\.gemspec)$/ },
  { locks: /^composer\.lock$/, manifests: /^composer\.json$/ },
  { locks: /^mix\.lock$/, manifests: /^mix\.exs$/ },
  { locks: /^pubspec\.lock$/, manifests: /^pubspec\.yaml$/ },
  { locks: /^packages\.lock\.json$/, manifests: /\.(?:cs|fs|vb)proj$/ },
  { locks: /^gradle\.lockfile$/, manifests: /^(?:pom\.xml|build\.gradle(?:\.kts)?)$/ },
];

/** These decide what is installed wherever they lie, beside a lock file or not. */
const ALWAYS = [
  /^(?:\.npmrc|\.yarnrc(?:\.yml)?|\.pnpmfile\.c?js|pnpm-workspace\.yaml|go\.work(?:\.sum)?)$/,
  /^(?:dev-)?(?:requirements|constraints)[\w.-]*\.(?:txt|in)$/,
];

/** Changes to packages, and lists that a folder collects. */
const GATHERED = /(?:^|\/)(?:patches\/.*\.patch|\.yarn\/patches\/.*|requirements\/[^/]+\.txt)$/;

/** The files of a tree on which the dependencies of a folder hang: its own, and those above it. */
export function filesOfSetup(files: readonly TrackedFile[], folder: string): TrackedFile[] {
  const near = files.filter(
    ({ path }) => isNear(path, folder) && !/(?:^|\/)node_modules\//.test(path),
  );
  const kept = near.filter(({ path }) => {
    const name = posix.basename(path);
    return (
      ALWAYS.some((one) => one.test(name)) ||
      GATHERED.test(path) ||
      FAMILIES.some(({ locks }) => locks.test(name))
    );
  });
  for (const { locks, manifests } of FAMILIES) {
    const locked = kept.filter(({ path }) => locks.test(posix.basename(path)));
    const folders = new Set(locked.map(({ path }) => posix.dirname(path)));
    const loose = near.filter(
      ({ path }) =>
        manifests.test(posix.basename(path)) && !aboveOf(path).some((one) => folders.has(one)),
    );
    kept.push(...loose);
  }
  return kept.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/**
 * What the dependencies of a tree hang on, as one word: the same word, the same dependencies.
 * @param files of the whole tree
 */
export function setupDigest(
  { setup, installScripts, folder }: Recipe,
  files: readonly TrackedFile[],
): string {
  if (setup === null) return NO_SETUP;
  const locks = filesOfSetup(files, folder).map(({ path, id }) => [path, id]);
  const all = JSON.stringify(['setup/1', setup, installScripts, folder, locks]);
  return createHash('sha256').update(all).digest('hex');
}

function isNear(path: string, folder: string): boolean {
  if (folder === '' || path.startsWith(`${folder}/`)) return true;
  const holder = posix.dirname(path);
  return holder === '.' || folder === holder || folder.startsWith(`${holder}/`);
}

/** The folders that a file lies in, from its own up to the root. */
function aboveOf(path: string): string[] {
  const folders: string[] = [];
  for (let at = posix.dirname(path); ; at = posix.dirname(at)) {
    folders.push(at);
    if (at === '.') return folders;
  }
}
