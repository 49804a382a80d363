import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../../drizzle/db.js';
import { checkInvariants } from '../../drizzle/invariants.js';
import type { AgentProgram } from '../../src/domain/program.js';
import type { Recipe } from '../../src/domain/repository.js';
import { type House, openHouse } from '../support/house.js';
import { missionOn } from '../support/mission.js';
import { addRepository } from '../support/repository.js';
import { setPolicy } from '../support/settings.js';
import { eventually, file } from '../support/tasks.js';
import { resetTo } from './reset-parts.js';

const program: AgentProgram = {
  preset: 'custom',
  file: fileURLToPath(new URL('../support/agents/adding.mjs', import.meta.url)),
  args: [],
  variables: [],
  hosts: [],
  budgetTokens: 100_000,
};

/** `add.js` is there and adds. */
const FILES = {
  'add.js': 'module.exports = (one, other) => one + other;\n',
  'test.js':
    "require('assert').equal(require('./add.js')(2, 1), 3, 'adds\\u202e'); console.log('ok');\n",
};
const CHECK = 'node test.js';

let house: House;
let calls = 0;
beforeAll(async () => {
  house = await openHouse();
  const { sql } = house.database;
  const agents = (await sql<{ id: string }[]>`select id from agents`).map(({ id }) => id);
  const by = { by: 'person:ann', door: 'cli', why: 'a test' };
  await call(house.database, 'connect_agents', { ...by, agents, program, model: null });
});
afterAll(() => house.close());

async function checkedBy(checks: readonly string[], files = {}) {
  const recipe: Partial<Recipe> = { checks };
  return addRepository(house, { provenance: 'person', recipe, files: { ...FILES, ...files } });
}

const asked = (repository: { name: string }, description: string) =>
  file(house, {}, { title: `Add ${++calls}`, repository: repository.name, description });

test('green: the checks are the first review, and nobody of the roster', async () => {
  const repository = await checkedBy([CHECK, 'test -f add.js']);
  const task = await asked(repository, 'Add.');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 1 });
  expect(await task.timeline()).toEqual([
    expect.stringMatching(/^Task/),
    expect.stringContaining('Execution 1 [Implementer] SUCCEEDED'),
    '├─ Review 1 [checks] SUCCEEDED — Verdict: APPROVED: 2 checks pass',
    expect.stringMatching(/Review 2 \[\w+\] SUCCEEDED — Verdict: APPROVED/),
    '└─ Status: DONE',
  ]);
  const [execution, checks, review] = await task.runs();
  expect(checks).toMatchObject({ agent_id: null, by_person: null, kind: 'REVIEW', number: 1 });
  expect(review).toMatchObject({ reviewed_commit: execution?.output_commit });
  expect(await task.instructions('REVIEW', 2)).toContain(`- ${CHECK} passes`);
});

test('a new failure is a revision with its output, mended before anyone reviews', async () => {
  const repository = await checkedBy([CHECK]);
  const task = await asked(repository, 'Add. WRONG FIRST');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  expect(await task.told()).toEqual([
    'EXECUTION 1 SUCCEEDED',
    'REVIEW 1 SUCCEEDED',
    'EXECUTION 2 SUCCEEDED',
    'REVIEW 2 SUCCEEDED',
    'REVIEW 3 SUCCEEDED',
  ]);
  const second = await task.instructions('EXECUTION', 2);
  expect(second).toContain(`${CHECK} fails: exit code 1`);
  expect(second).toContain('AssertionError [ERR_ASSERTION]: adds<U+202E>');
  expect(await task.instructions('REVIEW', 3)).not.toContain('Answer every earlier issue');
  const [, told] = await task.timeline().then((lines) => lines.filter((one) => /checks/.test(one)));
  expect(told).toContain('Verdict: APPROVED: 1 check passes');
});

test('what is red on the base is told and holds up nobody; what is new does', async () => {
  const repository = await checkedBy(['node lint.js', CHECK], { 'lint.js': 'process.exit(3);\n' });
  const task = await asked(repository, 'Add. WRONG FIRST');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  const lines = await task.timeline();
  const head = (number: number) => `├─ Review ${number} [checks] SUCCEEDED — Verdict: `;
  expect(lines.filter((line) => line.includes('[checks]'))).toEqual([
    `${head(1)}REVISION: ${CHECK} fails; BASELINE_RED: node lint.js`,
    `${head(2)}APPROVED: BASELINE_RED: node lint.js; 1 check passes`,
  ]);
  expect(await task.instructions('REVIEW', 3)).toContain('BASELINE_RED: fails, as on the base');
});

test('a reviewer reads: it cannot write, commit or dial', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  let dialled = 0;
  server.on('connection', () => dialled++);
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const task = await asked(await checkedBy([CHECK]), `Add. DIAL ${port}`);
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  expect((await task.runs()).at(-1)).toMatchObject({
    summary: 'write: refused; new file: refused; commit: refused; dial: refused',
  });
  expect(dialled).toBe(0);
  server.close();
});

test('at the cap a person is asked; accepting it lands the work as it is', async () => {
  await setPolicy(house, 'review', { value: { maxCycles: 2 } });
  const task = await asked(await checkedBy([CHECK]), 'Add. NEVER RIGHT');
  const { blocked_detail } = await task.until('BLOCKED', 'revision-cap');
  expect(blocked_detail).toBe(`${CHECK} fails`);
  await resetTo(house, task, 'first'); // what was checked is not checked again
  await task.say('accept', { reason: 'the test is wrong' });
  expect(await task.result()).toMatchObject({ status: 'DONE' });
  expect(await task.told()).toEqual([
    'EXECUTION 1 SUCCEEDED',
    'REVIEW 1 SUCCEEDED',
    'EXECUTION 2 SUCCEEDED',
    'REVIEW 2 SUCCEEDED',
    'REVIEW 3 SUCCEEDED',
  ]);
});

test('what no result may hold is left out and sent back, all else is kept', async () => {
  const repository = await addRepository(house, { provenance: 'person', files: FILES });
  const task = await asked(repository, 'Add. LINK OUT');
  expect(await task.result()).toMatchObject({ status: 'DONE', cycles: 2 });
  const [, checks] = (await task.timeline()).filter((line) => !line.includes('Task'));
  expect(checks).toContain('Review 1 [checks] SUCCEEDED — Verdict: REVISION: out: is a symbolic');
  const told = await task.instructions('EXECUTION', 2);
  expect(told).toContain('R1.1 (blocking): out: is a symbolic');
  const { landed_ref: ref } = await task.record();
  expect(repository.git('ls-tree', '--name-only', `${ref}`).split('\n')).toEqual(
    expect.arrayContaining(['notes.txt']),
  );
  expect(repository.git('ls-tree', '--name-only', `${ref}`)).not.toContain('out');
});

test('while they run it is told what they do; a cancel leaves no process', async () => {
  const wait = "console.log('x'); setInterval(() => {}, 1000)";
  const task = await asked(await checkedBy([CHECK, `node -e "${wait}"`]), 'Add.');
  const mission = missionOn(house);
  const { number } = await task.until('REVIEW');
  await eventually(async () => {
    const { stdout } = await mission('why', `T-${number}`);
    expect(stdout).toContain('checks run node -e');
    expect(stdout).toContain('(2 of 2)');
  });
  const { stdout } = await mission('task', 'show', `T-${number}`);
  expect(stdout).toContain('Review 1 [checks] RUNNING — checks run node -e');
  await task.say('cancel');
  await expect(task.result()).resolves.toMatchObject({ status: 'CANCELLED' });
  const ids = (await task.runs()).map(({ id }) => id);
  const left = (await house.workspaces.listMarked()).filter(({ mark }) =>
    ids.some((id) => mark.startsWith(id)),
  );
  expect(left).toEqual([]);
});

test('the invariants hold', async () => {
  expect(await checkInvariants(house.database)).toEqual([]);
});
