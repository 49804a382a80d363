import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, envOf, missionOn } from '../support/mission.js';
import { describeNeeding, needs } from '../support/needs.js';
import { onTerminal } from '../support/pty.js';
import { addRepository, type Repository } from '../support/repository.js';
import { approved, file } from '../support/tasks.js';

/** All that a terminal acts on, or that shows one text for another. */
const EVIL = [
  ...['\u001b]0;owned\u0007', '\u001b[2J', '\u001b[31mred\u001b[0m', '\u009b2J\u009d52;c;x\u009c'],
  ...['\u001b]8;;https://evil.invalid\u0007link\u001b]8;;\u0007', '\u001b]52;c;ZXZpbA==\u0007'],
  ...['\u202egnp.exe\u202c', 'in\u200bvisible', '\u007f', 'hidden\rshown', 'typo\b\b\b\b'],
].join(' ');
const evil = (name: string) => `${name} ${EVIL}`;

let house: House;
let mission: ReturnType<typeof missionOn>;
let repository: Repository;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
  repository = await addRepository(house);
  const script = {
    executions: [
      {
        turns: [
          {
            say: evil('says'),
            files: { 'work.txt': `${evil('one')}\n`, [`${EVIL.replaceAll('/', '')}.txt`]: 'x\n' },
            commands: [`printf '%s\\n' '${evil('prints')}'`],
            tokens: { input: 1000, output: 200, cacheRead: 30, cacheWrite: 4 },
          },
        ],
        report: evil('reports'),
      },
      { turns: [{ files: { 'work.txt': 'one\r\ntwo\n' } }], report: 'Done again.' },
    ],
    reviews: [
      {
        turns: [],
        verdict: {
          verdict: 'REVISION',
          summary: evil('sums up'),
          issues: [{ severity: 'blocking', text: evil('finds'), file: 'work.txt' }],
        },
      },
      approved,
    ],
  };
  const task = await file(house, script, { title: 'T', repository: repository.name });
  await task.result();
  const asking = { report: 'Done.', faults: { ask: { turn: 1, question: evil('asks') } } };
  const asks = await file(house, { executions: [{ turns: [{}], ...asking }] }, { title: 'Q' });
  await asks.until('BLOCKED', 'question');
  // No door lets such a title in; the database does.
  const { sql } = house.database;
  await sql`update tasks set title = ${evil('is called')}`;
  await sql`update agents set name = ${evil('works')} where id = 'writer'`;
});
afterAll(() => house.close());

describeNeeding(needs.script, 'on a terminal', () => {
  const OURS = new RegExp(`${String.fromCharCode(27)}\\[(?:1|2|22|31|32|33|36|39)m`, 'g');

  test.each([
    ['task list', [], 'is called'],
    ['inbox', [], 'asks'],
    ['task show T-1', [], 'is called'],
    ['task show T-2', [], 'asks'],
    ['why T-2', [], 'asks'],
    ['task logs T-1', [], 'prints'],
    ['task output T-1 --commands', [], null],
    ['task diff T-1 --run 1', [], 'one'],
    ['task diff T-1 --run 1 --stat', [], null],
    ['run show T-1 review 1', [], 'finds'],
    ['run show T-1/E1 --report', [], 'reports'],
    ['run list T-1', [], 'reports'],
    ['agent show writer', [], 'works'],
    ['task show', [EVIL], null],
    ['task logs T-1 --json', [], null],
    ['task list --status', [EVIL], null],
  ])('%s: nothing steers it but our own colours', async (words, more, word) => {
    const printed = await onTerminal([...words.split(' '), ...more], envOf(house));
    const rest = printed.replace(OURS, '').replaceAll('\r\n', '\n');
    expect(rest.length).toBeGreaterThan(20);
    expect(rest.match(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu) ?? []).toEqual([]);
    if (word !== null) expect(rest.replace(/\s+/g, ' ')).toContain(`${word} <U+001B>]0;owned<U+0`);
  });

  test('our own colours are there, and a pager gets them too', async () => {
    const args = ['task', 'diff', 'T-1'];
    const plain = await onTerminal(args, envOf(house));
    expect(plain).toContain('\u001b[32m+two\u001b[39m');
    const paged = await onTerminal(args, { ...envOf(house), PAGER: 'sed s/^/page:/' });
    expect(paged).toContain('page:\u001b[32m+two\u001b[39m');
    const unpaged = [...args, '--no-pager'];
    const env = { ...envOf(house), PAGER: 'sed s/^/page:/' };
    expect(await onTerminal(unpaged, env)).not.toContain('page:');
    expect(await onTerminal(args, { ...env, PAGER: 'no-such-pager' })).toContain('+two');
  });
});

describe('task diff', () => {
  test.each([
    ['T-1', ['--cycle', '2'], 'one\r\ntwo\n'],
    ['T-1', ['--run', 'E1'], `${evil('one')}\n`],
    ['T-1', ['--from-review'], 'one\r\ntwo\n'],
  ])('of %s %j, piped, is what git applies', async (task, more, content) => {
    const diff = await mission('task', 'diff', task, ...more, '--quiet');
    expect(diff).toMatchObject({ code: 0, stderr: '' });
    const folder = mkdtempSync(join(house.home, 'apply-'));
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: folder, encoding: 'utf8', input: diff.stdout });
    git('clone', '--quiet', repository.path, '.');
    git('apply', '--whitespace=nowarn', '-');
    expect(execFileSync('cat', ['work.txt'], { cwd: folder, encoding: 'utf8' })).toBe(content);
    rmSync(folder, { recursive: true });
  });

  test('between two executions is what the revision changed', async () => {
    const { stdout, code } = await mission('task', 'diff', 'T-1', '--between', '1..2');
    expect(code).toBe(0);
    expect(stdout).toContain('+two');
    expect(stdout).toContain('-one \u001b]0;owned');
    const away = { ...envOf(house), MISSION_HOME: join(house.home, 'elsewhere') };
    const elsewhere = missionOn(house, { env: away });
    const missing = await elsewhere('task', 'diff', 'T-1', '--between', '1..2');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('are not on this machine');
  });

  test('counts the lines of each file', async () => {
    const { stdout } = await mission('task', 'diff', 'T-1', '--between', '1..2', '--stat');
    expect(stdout).toBe(` work.txt |   3 ++-\n 1 file changed, 2 insertions(+), 1 deletion(-)\n`);
    const counted = documentOf(await mission('task', 'diff', 'T-1', '--stat', '--json'));
    expect(counted).toMatchObject({ task: 'T-1', execution: 2, cycle: 2, rehearsed: true });
  });

  test('says what there is when it is asked for something else', async () => {
    const none = await mission('task', 'diff', 'T-1', '--run', '7');
    expect(none).toMatchObject({ code: 3, stdout: '' });
    expect(none.stderr).toContain('execution 7 of T-1 has no diff; these have: 1, 2');
    expect((await mission('task', 'diff', 'T-2')).stderr).toContain('T-2 has no diff yet');
    const both = await mission('task', 'diff', 'T-1', '--run', '1', '--cycle', '1');
    expect(both.code).toBe(2);
  });
});

test('a run in full, by any of its names', async () => {
  const page = await mission('run', 'show', 'T-1', 'review', '1');
  expect(page.code).toBe(0);
  expect(page.stdout).toMatch(/^T-1 Review 1 SUCCEEDED/);
  expect(page.stdout).toMatch(/Agent +Reviewer \(reviewer, SPC\), REHEARSED by a script/);
  expect(page.stdout).toMatch(/Reviewed +execution 1, [\d,]+ bytes were handed over/);
  expect(page.stdout).toMatch(/Attempts\n {2}1\. \d\d:\d\d:\d\d succeeded after \d+ s/);
  expect(page.stdout).toMatch(/Verdict REVISION\n.*Issues\n {2}R1\.1 blocking\n {6}finds /s);
  expect(page.stdout).toContain('mission run show T-1 review 1 --instructions');

  const run = documentOf<{ id: string; instructions: string }>(
    await mission('run', 'show', 'T-1/E1', '--json'),
  );
  expect(run).toMatchObject({
    task: 'T-1',
    run: 'execution 1',
    workTokens: 1204,
    state: 'SUCCEEDED',
  });
  expect((await mission('run', 'show', run.id, '--instructions')).stdout.trimEnd()).toBe(
    run.instructions.trimEnd(),
  );
  const none = await mission('run', 'show', 'T-1/R9');
  expect(none.code).toBe(3);
  expect(none.stderr).toContain('T-1 has no review 9: it has execution 1, review 1,');
  expect((await mission('run', 'show', 'T-1')).code).toBe(2);
});
