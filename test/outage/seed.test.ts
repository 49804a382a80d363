import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build, ROOT } from '../support/build.js';
import { type House, openHouse } from '../support/house.js';
import { setPolicy } from '../support/settings.js';

const TIMES = 20;
const AT_ONCE = 5;

let house: House;
beforeAll(async () => {
  build();
  house = await openHouse();
});
afterAll(() => house.close());

const everything = async () => {
  const { sql } = house.database;
  return {
    policies: await sql`select * from policies order by name, version`,
    agents: await sql`select * from agents order by id`,
    installation: await sql`select * from installation`,
    audit: await sql`select * from audit order by id`,
  };
};

/** As `npm run db:seed` does. */
async function seed(): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: house.home,
    MISSION_HOME: house.home,
    DATABASE_URL: house.databaseUrl,
  };
  const script = join(ROOT, 'scripts/run.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'seed'], { env });
  return stdout;
}

test(`seeded ${TIMES} times over what people tuned, ${AT_ONCE} at once: no change`, async () => {
  await setPolicy(house, 'auto-approve', { enabled: false });
  await setPolicy(house, 'review', { value: { maxCycles: 2 } });
  await setPolicy(house, 'retention', { value: { transcriptDays: 7 } });
  await house.database.sql`update agents set instructions = 'mine', enabled = false
    where id = 'writer'`;
  const before = await everything();
  let left = TIMES;
  const one = async () => {
    while (left-- > 0) expect(await seed()).not.toContain('inserted');
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  expect(await everything()).toEqual(before);
  expect(before.audit.filter(({ action }) => action === 'policy.set')).toHaveLength(3);
}, 120_000);
