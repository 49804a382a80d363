/**
 * `npm test`: the checks (biome, tsc, knip), the build, every test, and those that stand on the
 * database once more on the oldest Postgres; ends with a line of its own, "N passed, N failed",
 * which is the sum. Tests are counted; a check or build counts when it fails. The exit code is
 * 0 only when nothing failed and at least one test was executed.
 *
 *   node scripts/test.mjs                 everything that CI runs
 *   node scripts/test.mjs --only quick    checks, and the tests that need no services
 *   node scripts/test.mjs --only checks   biome, tsc, knip
 *
 * Other arguments go to vitest, so `npm test -- test/e2e` runs the checks and that folder, once.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oldestPostgres } from './oldest-postgres.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const say = (line) => process.stdout.write(`${line}\n`);
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

const CHECKS = [
  { name: 'biome', command: bin('biome'), args: ['check', '--error-on-warnings', '.'] },
  { name: 'tsc', command: bin('tsc'), args: ['--noEmit'] },
  { name: 'knip', command: bin('knip'), args: [] },
];

function run(command, args, { quiet, env = {} }) {
  return new Promise((resolve) => {
    const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'];
    const child = spawn(command, args, { cwd: root, stdio, env: { ...process.env, ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}\n` }));
    child.on('close', (code, signal) => {
      const death = signal === null ? '' : `${command} was ended by ${signal}\n`;
      resolve({ code: code ?? 1, output: output + death });
    });
  });
}

/** One step: a line when it ends, its output only when it fails. Returns failures: 0 or 1. */
async function step({ name, command, args }) {
  const since = Date.now();
  const { code, output } = await run(command, args, { quiet: true });
  say(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds(since)})`);
  if (code !== 0) say(output.trimEnd());
  return code === 0 ? 0 : 1;
}

async function runChecks() {
  const failures = await Promise.all(CHECKS.map(step));
  return failures.reduce((sum, failed) => sum + failed, 0);
}

const build = () =>
  step({ name: 'build', command: process.execPath, args: ['scripts/build.mjs', '--if-needed'] });

async function runTests(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mission-totals-'));
  const file = join(folder, 'totals.json');
  const reporters = ['--reporter=default', '--reporter=./scripts/totals-reporter.mjs'];
  try {
    const { code } = await run(bin('vitest'), ['run', ...reporters, ...args], {
      quiet: false,
      env: { ...env, MC_TEST_TOTALS: file },
    });
    return toTotals(code, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Believes the worse of the two, when vitest's exit code and its totals do not agree. */
function toTotals(code, totals) {
  if (totals === null) {
    say('The test runner ended without its totals.');
    return { passed: 0, failed: 1, notRun: [] };
  }
  if (totals.failed === 0 && (code !== 0 || totals.passed === 0 || totals.unexplained > 0)) {
    say(whyNotGreen(code, totals));
    return { ...totals, failed: 1 };
  }
  return totals;
}

function whyNotGreen(code, { passed, unexplained }) {
  if (passed === 0) return 'No test was executed.';
  if (unexplained > 0) return `${unexplained} tests were skipped without saying what they need.`;
  return `The test runner ended with code ${code}, though no test failed.`;
}

/** What stands on the database, and the loop on top of it; the model was compared once already. */
const ON_OLDEST = [
  ...['--project', 'services', 'test/drizzle', 'test/e2e/loop.test.ts'],
  ...['--exclude', 'test/drizzle/model.test.ts'],
];

async function runOnOldestPostgres() {
  let folder;
  try {
    folder = await oldestPostgres();
  } catch (error) {
    const note =
      `not run: the tests on Postgres 14, not to be had here (${error.message}); get it by: ` +
      'node scripts/oldest-postgres.mjs (or MC_TEST_POSTGRES_14=/folder/with/bin/and/lib)';
    return { passed: 0, failed: process.env.CI === 'true' ? 1 : 0, notRun: [note] };
  }
  say('Once more on Postgres 14, the oldest that is supported:');
  return runTests(ON_OLDEST, { MC_TEST_POSTGRES: folder });
}

/** Everything, or what the arguments name. */
async function runAll(only, rest) {
  if (only === 'quick') return runTests(['--project', 'unit', ...rest]);
  const totals = await runTests(rest);
  if (rest.length > 0 || process.env.MC_TEST_POSTGRES) return totals;
  const again = await runOnOldestPostgres();
  return {
    passed: totals.passed + again.passed,
    failed: totals.failed + again.failed,
    notRun: [...totals.notRun, ...again.notRun],
  };
}

async function main(only, rest) {
  const since = Date.now();
  const failedChecks = await runChecks();
  if (only === 'checks') return failedChecks === 0;
  const failedBuild = only === 'quick' ? 0 : await build();
  const totals = await runAll(only, rest);
  const failed = failedChecks + failedBuild + totals.failed;
  for (const note of new Set(totals.notRun)) say(note);
  say(`took ${seconds(since)}`);
  say(`${totals.passed} passed, ${failed} failed`);
  return failed === 0;
}

const [flag, value, ...others] = process.argv.slice(2);
const isOnly = flag === '--only';
const rest = isOnly ? others : process.argv.slice(2);
process.exitCode = (await main(isOnly ? value : 'all', rest)) ? 0 : 1;
