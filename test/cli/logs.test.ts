import type { ChildProcess } from 'node:child_process';
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
  const heard: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => heard.push(line));
  }
  const until = (text: string) =>
    eventually(async () => {
      if (!heard.some((line) => line.includes(text))) throw new Error(heard.join('\n'));
    });
  return { child, heard, until };
}

/** Lets the only execution that works go on. */
function go(): void {
  const copies = join(house.home, 'copies');
  for (const copy of readdirSync(copies).filter((name) => !name.includes('.'))) {
    writeFileSync(join(copies, copy, 'go'), '');
  }
}

const exitOf = async (child: ChildProcess): Promise<number | null> =>
  child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0];

test('a task is heard while its agent works, over all its runs, until it has ended', async () => {
  const task = await filed();
  const { child, heard, until } = follow(task);
  await until('looking around');
  await until('half way');
  expect(heard.join('\n')).not.toContain('going on');
  expect(heard[0]).toBe('Execution 1 [Implementer]');
  go();
  expect(await exitOf(child)).toBe(0);
  const all = heard.join('\n');
  expect(all).toMatch(/looking around.*half way.*going on.*\nReview 1 \[Reviewer\].*reading it/s);
  expect(heard).toContain(`${task} DONE`);
  expect(all.match(/looking around/g)).toHaveLength(1);

  const again = await mission('task', 'logs', task);
  expect(again.stdout.split('\n').filter((line) => line !== '')).toEqual(
    heard.filter((line) => line !== `${task} DONE`),
  );
  for (const run of ['execution 1', 'E1']) {
    const one = await mission('task', 'logs', task, '--run', run, '--jsonl');
    const events = one.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(new Set(events.map(({ kind, number }) => `${kind} ${number}`))).toEqual(
      new Set(['EXECUTION 1']),
    );
    expect(events).toContainEqual(
      expect.objectContaining({
        event: { kind: 'log', source: 'stderr', text: expect.stringContaining('looking around') },
      }),
    );
  }
  const none = await mission('task', 'logs', task, '--run', 'review 7');
  expect(none).toMatchObject({ code: 3, stdout: '' });
  expect(none.stderr).toContain(`${task} has no review 7: it has execution 1, review 1`);
  const bad = await mission('task', 'logs', task, '--run', 'last');
  expect(bad.code).toBe(2);
});

test('one run is followed until its own end', async () => {
  const task = await filed();
  const { child, heard, until } = follow(task, '--run', 'execution 1');
  await until('half way');
  go();
  expect(await exitOf(child)).toBe(0);
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
