import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, ended, envOf, missionOn, start } from '../support/mission.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterAll(() => house.close());

test('filing says that it waits, and the command; leaving it says so too', async () => {
  const filed = await mission('task', 'create', 'Plan aloud', '-a', 'lead');
  expect(filed.stdout).toBe('T-1 filed\n');
  expect(filed.stderr).toContain('always wait for a person');
  expect(filed.stderr).toContain('mission task approve T-1');
  expect(filed.stderr.match(/MISSION_HOME/g)).toHaveLength(1);
  const quiet = await mission('task', 'create', 'Plan in silence', '-a', 'lead', '-q');
  expect(quiet).toMatchObject({ stdout: 'T-2\n', stderr: '' });
  const child = start(['task', 'create', 'Plan', '-a', 'lead', '--wait'], { env: envOf(house) });
  child.stderr?.on('data', (chunk) => {
    if (!child.killed && String(chunk).includes('task approve')) child.kill('SIGINT');
  });
  const left = await ended(child);
  expect(left.code).toBe(130);
  expect(left.stderr).toContain('T-3 stands where it is: waits for');
  expect(left.stderr).not.toContain('goes on');
});

describe('filing', () => {
  test('reads a JSON object from stdin; the same key files once', async () => {
    const input = JSON.stringify({ title: 'Piped', acceptance: ['it works'], owner: 'person:eve' });
    const piped = missionOn(house, { input });
    const first = documentOf(await piped('task', 'create', '-', '--key', 'k-1', '--json'));
    const second = documentOf(await piped('task', 'create', '-', '--key', 'k-1', '--json'));
    expect(second).toMatchObject({ task: first.task, created: false });
    const shown = documentOf(await mission('task', 'show', String(first.task), '--json'));
    // Whoever types it is the owner, whatever is piped.
    expect(shown).toMatchObject({ acceptance: ['it works'], title: 'Piped' });
    expect(shown.owner).not.toBe('person:eve');
  });

  test('a title that names a command of ours is told as it was typed', async () => {
    const { stdout, stderr } = await mission('task', 'create', 'Fix mission status', '--wait');
    expect(stdout).toContain('Task: "Fix mission status"');
    expect(stdout + stderr).not.toMatch(/Fix (MISSION_HOME|npx|node)/);
  });

  test('title and description from stdin', async () => {
    const piped = missionOn(house, { input: 'A title\n\nAnd what is to be done.\n' });
    const { task } = documentOf(await piped('task', 'create', '-', '--json'));
    const shown = documentOf(await mission('task', 'show', String(task), '--json'));
    expect(shown).toMatchObject({ title: 'A title', description: 'And what is to be done.' });
  });

  test.each([
    [['--assignee', 'implementor'], 'did you mean implementer?'],
    [['--priority', 'hgh'], 'priority: expected one of'],
    [['--repo', 'nowhere'], 'is not a repository'],
    [['--reviewer', 'implementer'], 'nobody reviews his own work'],
  ])('%j is refused with 2, and nothing is stored', async (args, message) => {
    const before = await count();
    const { code, stderr, stdout } = await mission('task', 'create', 'x', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(await count()).toBe(before);
  });
});

async function count(): Promise<number> {
  const [row] = await house.database.sql`select count(*)::integer as count from tasks`;
  return Number(row?.count);
}
