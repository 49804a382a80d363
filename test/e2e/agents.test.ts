import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connectAll } from '../support/connected.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, missionOn } from '../support/mission.js';
import { addRepository, type Repository } from '../support/repository.js';
import { type Filed, file } from '../support/tasks.js';

// Programs of agents give way to everybody else: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000 });

const waitOf = async ({ database }: House, { workflowId }: Filed) => {
  const [row] = await database.sql<{ wait: { reason: string; detail: string } | null }[]>`
    select run_wait(r) as wait from runs r join tasks t on t.id = r.task_id
    where t.workflow_id = ${workflowId} and r.state = 'QUEUED'`;
  return row?.wait ?? null;
};

const waiting = (house: House, task: Filed, reason: string) =>
  expect.poll(async () => (await waitOf(house, task))?.reason, { timeout: 120_000 }).toBe(reason);

/** One more is what its reviewer wants to see. */
function withTwoLines({ name, write, commit }: Repository): string {
  write('shared.txt', 'first\nsecond\n');
  commit('Two lines');
  return name;
}

describe('a squad that is connected', () => {
  let house: House;
  let mission: ReturnType<typeof missionOn>;
  beforeAll(async () => {
    house = await openHouse();
    mission = missionOn(house);
    await connectAll(house);
  });
  afterAll(() => house.close());

  test('is told the version of its role, and what the base branch says of itself', async () => {
    const role = join(house.home, 'role.md');
    writeFileSync(role, '# Only this\n\nBe brief.\n');
    const set = await mission('role', 'set', 'execution', role, '--reason', 'a test', '--json');
    expect(documentOf(set)).toEqual({ name: 'execution', version: 2, changed: true });
    const repository = await addRepository(house, { provenance: 'person' });
    repository.write('AGENTS.md', 'Tabs, never spaces.\n');
    const asked = { repository: withTwoLines(repository), description: 'A line more.' };
    const task = await file(house, {}, asked);
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const [executed, reviewed] = await task.runs();
    expect(executed).toMatchObject({ role_version: 2, sandbox: 'bubblewrap' });
    expect(reviewed).toMatchObject({ role_version: 1, sandbox: 'bubblewrap' });
    const execution = await task.instructions('EXECUTION', 1);
    expect(execution).toContain('# Only this\n\nBe brief.');
    expect(execution).not.toContain('# How you work');
    expect(execution).toContain('From AGENTS.md of the base branch:\n\nTabs, never spaces.');
    const review = await task.instructions('REVIEW', 1);
    expect(review).toContain('# How you review');
    expect(review).toMatch(/begin guides ---\nFrom AGENTS.md of the base branch:\n\nTabs, never/);
  });

  test('a role goes back by a new version', async () => {
    const back = await mission('role', 'rollback', 'execution', '--json');
    expect(documentOf(back)).toEqual({ name: 'execution', version: 3, changed: true });
    const shown = await mission('role', 'show', 'execution');
    expect(shown.stdout).toContain('version 3  by person:');
    expect(shown.stdout).toContain('# How you work');
  });

  test('waits as a whole for a limit of its provider, and no run fails by it', async () => {
    const repository = await addRepository(house, { provenance: 'person' });
    const limited = { repository: withTwoLines(repository), description: 'LIMITED. A line more.' };
    const one = await file(house, {}, limited);
    await waiting(house, one, 'credential-paused');
    const other = await file(house, {}, { ...limited, description: 'A line more.' });
    await waiting(house, other, 'credential-paused');
    const { number } = await other.record();
    const why = await mission('why', `T-${number}`);
    expect(why.stdout).toMatch(/waits for its provider until \d{4}-.*UTC: You have hit your usage/);
    expect(why.stdout).toContain('agent resume implementer');
    const shown = await mission('agent', 'show', 'implementer');
    expect(shown.stdout).toMatch(/credential-paused[\s\S]*paused until .*You have hit your usage/);
    const { waits } = documentOf<{ waits: object[] }>(await mission('status', '--json'));
    expect(waits).toEqual([expect.objectContaining({ reason: 'credential-paused', tasks: 2 })]);
    await one.say('guide', { text: 'the limit is gone' });
    expect(await mission('agent', 'resume', 'implementer')).toMatchObject({ code: 0 });
    expect(await one.result()).toMatchObject({ status: 'DONE' });
    expect(await other.result()).toMatchObject({ status: 'DONE' });
    const failed = await house.database.sql`select 1 from runs where state = 'FAILED'`;
    expect(failed).toHaveLength(0);
  });

  test('goes on with its files and its home folder after its worker has gone', async () => {
    const repository = await addRepository(house, { provenance: 'person' });
    const asked = { repository: repository.name, description: 'TAKE LONG. A line more.' };
    const task = await file(house, {}, asked);
    const half = () => house.database.sql`
      select 1 from run_events e join runs r on r.id = e.run_id join tasks t on t.id = r.task_id
      where t.workflow_id = ${task.workflowId} and event ->> 'text' like '%half of it is done%'`;
    await expect.poll(async () => (await half()).length, { timeout: 120_000 }).toBe(1);
    await house.worker.stop();
    await house.startWorker();
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const { landed_ref: ref } = await task.record();
    expect(repository.git('show', `${ref}:shared.txt`)).toBe('first\nhalf a line\nanother line');
    const [executed] = await task.runs();
    expect(executed).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
    expect(await house.workspaces.listHomes()).toEqual([]);
  });

  test('rehearses again once it is disconnected', async () => {
    const gone = await mission('agent', 'disconnect', '--json');
    const { agents, rehearsing } = documentOf<{ agents: string[]; rehearsing: boolean }>(gone);
    expect(agents).toHaveLength(9);
    expect(rehearsing).toBe(true);
    const task = await file(house, {});
    expect(await task.result()).toMatchObject({ status: 'DONE', rehearsed: true });
  });
});

test('without a sandbox nothing is started, and the fix is named', async () => {
  const empty = mkdtempSync('/tmp/mission-path-');
  const house = await openHouse({ searchPath: `${empty}:/usr/local/bin`, upkeep: true });
  try {
    await connectAll(house);
    const task = await file(house, {}, { description: 'Two lines more.' });
    await waiting(house, task, 'no-sandbox');
    expect((await waitOf(house, task))?.detail).toContain('bubblewrap is not installed');
    const status = await missionOn(house)('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/no-sandbox: no agent starts its program: bubblewrap is not/);
    expect(status.stdout).toContain('apt-get install bubblewrap');
    expect(await task.told()).toEqual(['EXECUTION 1 QUEUED']);
  } finally {
    await house.close();
  }
});

test('a person may choose to have none, and every run says so', async () => {
  const house = await openHouse({ sandbox: 'none', upkeep: true });
  try {
    await connectAll(house);
    const repository = await addRepository(house, { provenance: 'person' });
    const asked = { repository: withTwoLines(repository), description: 'A line more.' };
    const task = await file(house, {}, asked);
    expect(await task.result()).toMatchObject({ status: 'DONE' });
    const { number } = await task.record();
    const mission = missionOn(house, { env: { FORCE_COLOR: '1' } });
    const shown = await mission('task', 'show', `T-${number}`);
    const red = '\u001b[31m';
    expect(shown.stdout).toContain(`${red}├─ Execution 1 [Implementer] SUCCEEDED UNSANDBOXED`);
    const { stdout } = await mission('status');
    expect(stdout).toContain(`${red}UNSANDBOXED`);
  } finally {
    await house.close();
  }
});
