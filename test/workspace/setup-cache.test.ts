import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  draftSetup,
  dropSetupsOf,
  findSetup,
  keepSetup,
  tidySetups,
} from '../../src/workspace/setup/cache.js';
import { asOrdinaryUser, temporaryFolder, write } from './support.js';

const HOUR_MS = 3_600_000;
const digestOf = (letter: string) => letter.repeat(64);

async function keep(home: string, digest: string, taskId: string | null, kilobytes = 1) {
  const draft = await draftSetup(home, `${digest.slice(0, 8)}${taskId ?? ''}`);
  write(draft, { 'work/made/it': 'x'.repeat(kilobytes * 1024), 'home/user/.npm/tarball': 'x' });
  return await keepSetup(draft, ['made'], { home, digest, taskId });
}

const find = (home: string, digest: string, taskId: string) =>
  findSetup({ home, digest, taskId: null }, { home, digest, taskId });

/** As if it had not been used for so long. */
function age(folder: string, ms: number): void {
  const at = new Date(Date.now() - ms);
  utimesSync(join(folder, 'setup.json'), at, at);
}

test('kept whole, without downloads; found by everybody, or by its task alone', async () => {
  const home = temporaryFolder();
  const [one, other] = [randomUUID(), randomUUID()];
  const entry = await keep(home, digestOf('a'), null);
  expect(entry).toMatchObject({ made: ['made'], naming: [] });
  expect(readdirSync(join(home, 'setups'))).toEqual([digestOf('a')]);
  expect(existsSync(join(entry.folder, 'tree/made/it'))).toBe(true);
  expect(existsSync(join(entry.folder, 'home/user/.npm'))).toBe(false);
  await keep(home, digestOf('b'), one);
  expect((await find(home, digestOf('a'), one))?.folder).toBe(entry.folder);
  expect(await find(home, digestOf('b'), one)).toMatchObject({ made: ['made'] });
  expect(await find(home, digestOf('b'), other)).toBeNull();
  await dropSetupsOf(home, one);
  await dropSetupsOf(home, other);
  expect(await find(home, digestOf('b'), one)).toBeNull();
  await expect(find(home, '../x', one)).rejects.toThrow('no digest of a setup');
});

test('what is old goes, then the longest unused until it is small enough', async () => {
  const home = temporaryFolder();
  const taskId = randomUUID();
  const hours: Record<string, number> = { a: 20 * 24, b: 30, c: 20, d: 10, e: 0 };
  for (const [letter, count] of Object.entries(hours)) {
    const { folder } = await keep(home, digestOf(letter), letter === 'b' ? taskId : null, 1024);
    age(folder, count * HOUR_MS);
  }
  const left = async () => {
    const found = await Promise.all(
      Object.keys(hours).map(async (letter) =>
        (await find(home, digestOf(letter), taskId)) === null ? '' : letter,
      ),
    );
    return found.join('');
  };
  const unusedMs = 14 * 24 * HOUR_MS;
  expect(await tidySetups(home, { bytes: 3.5 * 2 ** 20, unusedMs })).toBe(2);
  expect(await left()).toBe('cde'); // and all of them have been used now
  expect(await tidySetups(home, { bytes: 0, unusedMs: 0 })).toBe(0);
  expect(readdirSync(join(home, 'setups')).filter((name) => name.startsWith('doomed'))).toEqual([]);
});

test('what a crash left is removed when it is old, read-only folders and all', async () => {
  const home = temporaryFolder();
  await draftSetup(home, 'young');
  const old = await draftSetup(home, 'old');
  write(old, { 'home/user/go/pkg/mod/a/b': 'b' });
  chmodSync(join(old, 'home/user/go/pkg/mod/a'), 0o555);
  const at = new Date(Date.now() - 24 * HOUR_MS);
  utimesSync(old, at, at);
  await asOrdinaryUser(home, async () => {
    await tidySetups(home);
    expect(readdirSync(join(home, 'setups'))).toEqual(['new-young']);
  });
});
