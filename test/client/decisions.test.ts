import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MissionControl, WrongState } from '../../src/client/index.js';
import { type House, openHouse } from '../support/house.js';
import { connectTo } from './support.js';

let house: House;
let mission: MissionControl;
beforeAll(async () => {
  house = await openHouse();
  mission = await connectTo(house, { timeoutMs: 30_000 });
  // What is approved stays in line: this is about decisions, and the machine has two cores.
  await house.database.sql`update agents set enabled = false where id = 'lead'`;
});
afterAll(async () => {
  await mission.close();
  await house.close();
});

/** Approves and rejects one task at once, and answers which of the two stood. */
async function decideTwice(number: number): Promise<string> {
  const task = await mission.tasks.start({ title: `Decide ${number}`, assignee: 'lead' });
  const verbs = [
    { name: 'admitted', send: () => task.approve({ by: 'person:ann' }) },
    { name: 'rejected', send: () => task.reject({ by: 'person:bob' }) },
  ];
  if (number % 2 === 1) verbs.reverse();
  const ends = await Promise.allSettled(verbs.map(({ send }) => send()));
  const lost = ends.filter((end) => end.status === 'rejected');
  expect(lost, 'exactly one of two loses').toHaveLength(1);
  expect(lost[0]?.reason).toBeInstanceOf(WrongState);
  return verbs[ends.findIndex((end) => end.status === 'fulfilled')]?.name ?? 'none';
}

test('approved and rejected at once, 200 times: one decision each, and it stands', async () => {
  const stood: string[] = [];
  for (let first = 0; first < 200; first += 25) {
    const batch = Array.from({ length: 25 }, (_, index) => decideTwice(first + index));
    stood.push(...(await Promise.all(batch)));
  }
  const rows = await house.database.sql`
    select t.title, d.decision, t.status::text from tasks t
    join decisions d on d.task_id = t.id and d.question like 'admission:%'`;
  expect(rows).toHaveLength(200);
  for (const [number, decision] of stood.entries()) {
    const row = rows.find(({ title }) => title === `Decide ${number}`);
    expect(row).toMatchObject({
      decision,
      status: decision === 'admitted' ? 'ASSIGNED' : 'REJECTED',
    });
  }
});
