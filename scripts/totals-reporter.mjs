/**
 * Vitest's reporter for scripts/test.mjs: writes the totals to the file named by MC_TEST_TOTALS.
 * What never ran as a test counts as well: a file that could not be loaded, a failed hook or global
 * set-up, an error outside every test. Otherwise "0 failed" could stand above a red run.
 */
import { writeFileSync } from 'node:fs';

export default class TotalsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const totals = { passed: 0, failed: unhandledErrors.length, notRun: [], unexplained: 0 };
    for (const module of modules) {
      totals.failed += module.errors().length;
      for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
      for (const test of module.children.allTests()) count(test.result(), totals);
    }
    writeFileSync(process.env.MC_TEST_TOTALS, JSON.stringify(totals));
  }
}

function count(result, totals) {
  if (result.state === 'passed') totals.passed += 1;
  else if (result.state === 'failed') totals.failed += 1;
  else if (result.note !== undefined) totals.notRun.push(result.note);
  // Skipped because a hook of its suite failed, which is counted there; or by a `.skip`.
  else totals.unexplained += 1;
}
