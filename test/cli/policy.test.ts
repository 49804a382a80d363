import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterAll(() => house.close());

const PATIENCE = { timeout: 20_000, interval: 20 };

const set = (name: string, ...edits: string[]) => mission('policy', 'set', name, ...edits);

describe('versions', () => {
  test('diff names every field that differs, with who, when and why', async () => {
    await mission('policy', 'set', 'spawn', 'maxDepth=4', '--reason', 'deeper');
    await mission('policy', 'set', 'spawn', 'maxPerTree=30', 'maxDepth=5', '--reason', 'wider');
    await mission('policy', 'disable', 'spawn', '--reason', 'a release');
    const last = documentOf(await mission('policy', 'diff', 'spawn', '--json'));
    expect(last).toMatchObject({
      from: { version: 3 },
      to: { version: 4 },
      changes: [{ field: 'enabled', before: true, after: false, version: 4, why: 'a release' }],
    });
    const all = documentOf(await mission('policy', 'diff', 'spawn', '--from', '1', '--json'));
    expect(all.changes).toMatchObject([
      { field: 'maxDepth', before: 3, after: 5, version: 3, why: 'wider' },
      { field: 'maxPerTree', before: 20, after: 30, version: 3 },
      { field: 'enabled', before: true, after: false, version: 4 },
    ]);
    const two = await mission('policy', 'diff', 'spawn', '--from', '1', '--to', '2');
    expect(two.stdout).toMatch(/maxDepth +3 +4 +2 +.*person:.*\(unverified\) +deeper/);
    expect(two.stdout).not.toContain('maxPerTree');
  });

  test('diff back: the value after is of whoever set it, not of a later one', async () => {
    const diff = async (from: string, to: string) => {
      const ran = await mission('policy', 'diff', 'spawn', '--from', from, '--to', to, '--json');
      return documentOf(ran).changes;
    };
    const seeded = { version: 1, by: 'system:seed', door: 'system' };
    expect(await diff('2', '1')).toMatchObject([
      { field: 'maxDepth', before: 4, after: 3, ...seeded },
    ]);
    expect(await diff('4', '2')).toMatchObject([
      { field: 'maxDepth', before: 5, after: 4, version: 2, why: 'deeper' },
      { field: 'maxPerTree', before: 30, after: 20, ...seeded },
      { field: 'enabled', before: false, after: true, ...seeded },
    ]);
  });

  test('rollback makes a new version with the old value, audited, and rewrites none', async () => {
    const before = await house.database.sql`select * from policies where name = 'spawn'`;
    const rolled = await mission('policy', 'rollback', 'spawn', '--to', '2', '--reason', 'enough');
    expect(rolled.stdout).toContain('spawn is version 5: maxDepth: 5 → 4, maxPerTree: 30 → 20');
    expect(rolled.stdout).toContain('enabled: false → true');
    const after = await house.database.sql`select * from policies where name = 'spawn'`;
    expect(after.slice(0, -1)).toEqual(before);
    expect(after.at(-1)).toMatchObject({
      version: 5,
      enabled: true,
      value: { maxDepth: 4, maxPerVerdict: 5, maxPerTree: 20 },
      why: 'rolled back to version 2: enough',
    });
    const [audit] = await house.database.sql`
      select * from audit where subject = 'spawn' order by id desc limit 1`;
    expect(audit).toMatchObject({ action: 'policy.set', door: 'cli' });
    const undone = await mission('policy', 'rollback', 'spawn', '--json');
    expect(documentOf(undone)).toMatchObject({ version: 6, enabled: false });
  });

  test.each([
    [['diff', 'landing'], 1, 'landing has one version'],
    [['rollback', 'landing'], 1, 'landing has one version'],
    [['diff', 'spwan'], 3, 'did you mean spawn?'],
    [['rollback', 'spwan'], 3, 'did you mean spawn?'],
    [['dry-run', 'spwan', 'maxDepth=1'], 3, 'did you mean spawn?'],
    [['diff', 'spawn', '--from', '9'], 3, '--from: there is no version 9; spawn has versions 1 to'],
    [['rollback', 'spawn', '--to', '99'], 3, '--to: there is no version 99'],
    [['diff', 'spawn', '--to', 'last'], 2, '--to: expected a version such as 1, got "last"'],
    [['diff', 'spawn', '--from', '2', '--to', '2'], 2, 'both are version 2 of spawn'],
    [['rollback', 'spawn', '--to', '6'], 1, 'version 6 of spawn is what is in force'],
    [['dry-run', 'review', 'maxCycles=5'], 2, 'maxCycles=5: this is in force already'],
    [['dry-run', 'review', 'maxCycles=many'], 2, 'review.maxCycles: expected a whole number'],
    [['dry-run', 'review', 'maxCicles=3'], 2, 'did you mean maxCycles?'],
    [['dry-run', 'auto-approve', 'allowedAgentTypes=LEAD'], 2, 'always waits for a person'],
  ])('policy %j ends with %d', async (args, code, message) => {
    const refused = await mission('policy', ...args);
    expect(refused).toMatchObject({ code, stdout: '' });
    expect(refused.stderr).toContain(message);
  });

  test('a nought is a nought, however it is typed', async () => {
    const none = await set('execution-limits', 'maxDailyPerAgent=-0');
    expect(none.stdout).toContain('maxDailyPerAgent: 50 → 0');
    expect(none.stdout).not.toContain('-0');
    await set('execution-limits', 'maxDailyPerAgent=50');
  });

  test('a rollback of a limit releases at once what waits for it', async () => {
    await set('execution-limits', 'maxConcurrentPerAgent=0');
    await mission('task', 'create', 'Waits for a slot');
    const rolled = await mission('policy', 'rollback', 'execution-limits');
    expect(rolled.stdout).toContain('1 run starts because of it');
    await vi.waitFor(async () => {
      const [task] = await house.database.sql`select status from tasks`;
      expect(task?.status).toBe('DONE');
    }, PATIENCE);
  });
});
