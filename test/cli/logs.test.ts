import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../drizzle/db.js';
import type { AgentProgram } from '../../src/domain/program.js';
import { type House, openHouse } from '../support/house.js';
import { documentOf, ended, envOf, missionOn, start } from '../support/mission.js';
import { eventually } from '../support/tasks.js';

const program: AgentProgram = {
  preset: 'custom',
  file: fileURLToPath(new URL('../support/agents/telling.mjs', import.meta.url)),
  args: [],
  variables: [],
  hosts: [],
  budgetTokens: 100_000,
};

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
  const { sql } = house.database;
  const agents = (await sql<{ id: string }[]>`select id from agents`).map(({ id }) => id);
  const by = { by: 'person:ann', door: 'cli', why: 'a test' };
  await call(house.database, 'connect_agents', { ...by, agents, program, model: null });
});
afterAll(() => house.close());

async function filed(...more: string[]): Promise<string> {
  const asked = ['task', 'create', 'Tell me', '--description', 'Say something.', '--json'];
  return documentOf<{ task: string }>(await mission(...asked, ...more)).task;
}

/** Follows, and answers what it has printed once a line of it says so. */
function follow(task: string, ...more: string[]) {
  const child = start(['task', 'logs', task, '--follow', ...more], { env: envOf(house) });
  const [heard, noted]: [string[], string[]] = [[], []];
  for (const [input, lines] of [
    [child.stdout, heard],
    [child.stderr, noted],
  ] as const) {
    if (input) createInterface({ input }).on('line', (line) => lines.push(line));
  }
  const closed = once(child, 'close') as Promise<[number | null]>;
  const until = (text: string) =>
    eventually(async () => {
      if (!heard.some((line) => line.includes(text))) throw new Error(heard.join('\n'));
    });
  return { heard, noted, until, exit: async () => (await closed)[0] };
}

/** Lets the only execution that works go on. */
function go(): void {
  const copies = join(house.home, 'copies');
  for (const copy of readdirSync(copies).filter((name) => !name.includes('.'))) {
    writeFileSync(join(copies, copy, 'go'), '');
  }
}

let told: string;
test('a task is heard while its agent works, over all its runs, until it has ended', async () => {
  told = await filed();
  const { heard, noted, until, exit } = follow(told);
  await until('looking around');
  await until('half way');
  expect(heard.join('\n')).not.toContain('going on');
  expect(heard[0]).toBe('Execution 1 [Implementer]');
  go();
  expect(await exit()).toBe(0);
  const all = heard.join('\n');
  expect(all).toMatch(/looking around.*half way.*going on.*\nReview 1 \[Reviewer\].*reading it/s);
  expect(all.match(/looking around/g)).toHaveLength(1);
  expect(noted.at(-1)).toBe(`${told} DONE`);
  expect((await mission('task', 'logs', told)).stdout).toBe(`${all}\n`);
});

test('one run is read by its name', async () => {
  const { stdout } = await mission('task', 'logs', told, '--run', 'E1', '--jsonl');
  const lines = stdout.trim().split('\n');
  const events = lines.map((line) => JSON.parse(line));
  const runs = new Set(events.map(({ kind, number }) => `${kind} ${number}`));
  expect([...runs]).toEqual(['EXECUTION 1']);
  const text = expect.stringContaining('looking around');
  expect(events).toContainEqual(
    expect.objectContaining({ event: { kind: 'log', source: 'stderr', text } }),
  );
  const none = await mission('task', 'logs', told, '--run', 'review 7');
  expect(none).toMatchObject({ code: 3, stdout: '' });
  expect(none.stderr).toContain(`${told} has no review 7: it has execution 1, review 1`);
  expect((await mission('task', 'logs', told, '--run', 'last')).code).toBe(2);
});

test('one run is followed until its own end', async () => {
  const task = await filed();
  const { heard, until, exit } = follow(task, '--run', 'execution 1');
  await until('half way');
  go();
  expect(await exit()).toBe(0);
  expect(heard.join('\n')).toContain('going on');
  expect(heard.join('\n')).not.toContain('reading it');
});

test('Ctrl-C ends it at once, and what it waits for is said with the command', async () => {
  const task = await filed('--assignee', 'lead');
  const child = start(['task', 'logs', task, '--follow'], { env: envOf(house) });
  child.stderr?.once('data', () => child.kill('SIGINT'));
  const ran = await ended(child);
  expect(ran).toMatchObject({ code: 130, stdout: '' });
  expect(ran.stderr).toContain('always wait for a person');
  expect(ran.stderr).toContain(`mission task approve ${task}`);
  expect(ran.stderr).not.toContain('mission: ');
});
