/** Each invariant is broken by hand, once a branch: it is named, and no other one is. */
import { existsSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { checkInvariants, INVARIANTS } from '../../drizzle/invariants.js';
import { AGES, OF_TASKS, populate } from './breaches.js';
import { OF_HOUSE } from './breaches-of-house.js';
import { Stage } from './stage.js';

const PLANTED = [...OF_TASKS, ...OF_HOUSE];

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open(2);
  return () => stage.close();
});

test('a house with a task in every place is clean, now and when its rows are older', async () => {
  await populate(stage);
  expect(await checkInvariants(stage.database)).toEqual([]);
  await stage.sql.unsafe(AGES);
  expect(await checkInvariants(stage.database)).toEqual([]);
});

test.each(PLANTED)('%i: %s', async (number, _name, breach) => {
  await breach(stage);
  const found = await checkInvariants(stage.database);
  expect(found.length, 'nothing was found').toBeGreaterThan(0);
  expect([...new Set(found.map((each) => each.number))], JSON.stringify(found)).toEqual([number]);
});

test('all seventeen are there, and each is planted or kept by a test that exists', () => {
  expect(INVARIANTS.map(({ number }) => number)).toEqual(
    Array.from({ length: 17 }, (_, index) => index + 1),
  );
  const planted = new Set(PLANTED.map(([number]) => number));
  for (const invariant of INVARIANTS) {
    if ('keptBy' in invariant) expect(existsSync(invariant.keptBy), invariant.keptBy).toBe(true);
    else expect(planted, `${invariant.number} is not planted`).toContain(invariant.number);
  }
});
