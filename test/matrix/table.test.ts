import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { expect, test } from 'vitest';
import { pageOf, versionsHere } from './table.js';

test('the page says of which commit it is, on which machine, over which versions', () => {
  const versions = versionsHere({ temporal: '1.9.1', postgres: '18.4' });
  const page = pageOf([], versions);
  const head = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
    encoding: 'utf8',
  }).trim();
  expect(page).toMatch(new RegExp(`^- Commit: ${head}( with changes)?\\. `, 'm'));
  expect(page).toContain('there is no seed');
  expect(page).toContain(`Node ${process.versions.node}, Temporal CLI 1.9.1, Postgres 18.4, git `);
  expect(page).toContain(`${cpus().length} cores (`);
  expect(page).toMatch(/GiB of memory, \w+ \d+\.\d+, /);
  expect(page).not.toMatch(/undefined|NaN|\\$/m);
});
