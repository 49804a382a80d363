import { readFileSync } from 'node:fs';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract.js';
import { freshDatabase, temporal, workflowBundle } from '../support/services.js';

const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

test('a fresh database is migrated and seeded, and two share nothing', async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  const [a, b] = [postgres(one.url, { max: 1 }), postgres(two.url, { max: 1 })];
  const [seeded] = await a`SELECT count(*)::int AS agents FROM agents`;
  expect(seeded?.agents).toBe(9);
  await a`CREATE TABLE only_here (id int)`;
  await expect(b`SELECT * FROM only_here`).rejects.toThrow('only_here');
  await Promise.all([a.end(), b.end()]);
  await Promise.all([one.drop(), two.drop()]);
});

test('every vitest worker has a namespace with the search attributes of the contract', async () => {
  const { address, namespace } = temporal();
  const connection = await Connection.connect({ address });
  closers.push(() => connection.close());
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  expect(Object.keys(customAttributes)).toEqual(
    expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)),
  );
});

test('the bundle of all workflows is there, made once', () => {
  expect(readFileSync(workflowBundle().codePath, 'utf8')).toContain('upkeep');
});
