import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { parseInput } from '../../src/cli/task-create.js';
import { PROGRAM, run } from '../support/mission.js';

const home = mkdtempSync(join(tmpdir(), 'mission-usage-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = { MISSION_HOME: home };
const said = `MISSION_HOME=${home} npx mission`;

describe.concurrent('what is mistyped', () => {
  test.each([
    [['tsak', 'list'], `unknown command 'tsak'; did you mean: ${said} task list`],
    [['task', 'aprove', 'T-1'], `did you mean: ${said} task approve T-1`],
    [['list'], `did you mean: ${said} task list`],
    [['aprove', 'T-1'], `did you mean: ${said} task approve T-1`],
    [['polcy', 'sett', 'review', 'maxCycles=2'], `${said} policy set review maxCycles=2`],
    [['task', 'guid', 'T-1', 'be bold'], `${said} task guide T-1 'be bold'`],
    [['task', 'list', '--assigne', 'x'], `unknown option '--assigne'; did you mean --assignee?`],
    [['task', 'show'], "missing required argument 'task'"],
    [['repo', 'add', '.', '--land', 'rebase'], 'branch, merge, pull-request'],
  ])('mission %j is refused with 2 and says what was meant', async (args, message) => {
    const { code, stdout, stderr } = await run(args, { env });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe.concurrent('what is asked of the program itself', () => {
  test('help is an answer; the lack of a verb is not', async () => {
    const help = await run(['--help'], { env });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes');
    expect((await run([], { env })).code).toBe(2);
    expect((await run(['task'], { env })).code).toBe(2);
  });

  test('the help of a command explains its arguments and has an example', async () => {
    const [create, set] = await Promise.all([
      run(['help', 'task', 'create'], { env }),
      run(['policy', 'set', '--help'], { env }),
    ]);
    expect(create).toMatchObject({ code: 0, stderr: '' });
    expect(create.stdout).toContain('Usage: mission task create');
    expect(create.stdout).toContain('mission task create "Fix the login page"');
    expect(set.stdout).toContain('auto-approve, execution-limits');
    expect(set.stdout).toContain('--reason');
    expect(set.stdout).not.toContain('--why');
  });

  test('its version', async () => {
    const { code, stdout } = await run(['--version'], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('where nothing runs every command ends with 7 and the command that starts it', async () => {
    const { code, stdout, stderr } = await run(['task', 'list'], { env });
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
    expect(stderr.trim()).toMatch(new RegExp(`start it: ${said} up$`));
  });

  test('the seed script says the same', async () => {
    const seed = join(dirname(PROGRAM), 'seed.js');
    const ran = promisify(execFile)(process.execPath, [seed], { env: { ...process.env, ...env } });
    const failed = await ran.catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 7, stderr: expect.stringMatching(/start it: .* up\n$/) });
  });

  test('a setting that cannot be used is one sentence and 2', async () => {
    const { code, stderr } = await run(['task', 'list'], { env: { MISSION_HOME: 'here' } });
    expect(code).toBe(2);
    expect(stderr).toBe(
      'mission: MISSION_HOME is "here", but it must be an absolute path, such as /srv/mission.\n',
    );
  });

  test('a database that is away ends it with 7', async () => {
    const DATABASE_URL = 'postgres://nobody@127.0.0.1:1/none';
    const { code, stderr } = await run(['task', 'list'], { env: { ...env, DATABASE_URL } });
    expect(code).toBe(7);
    expect(stderr).toContain('the database does not answer');
  });
});

describe('stdin', () => {
  test('is a JSON object, or a title and what is below it', () => {
    expect(parseInput('{"title": "x", "priority": "HIGH"}')).toEqual({
      title: 'x',
      priority: 'HIGH',
    });
    expect(parseInput('A title\n\nDo this.\nThen that.\n')).toEqual({
      title: 'A title',
      description: 'Do this.\nThen that.',
    });
    expect(parseInput('  Only a title \n')).toEqual({ title: 'Only a title' });
  });

  test.each([
    ['', 'stdin is empty'],
    [' \n', 'stdin is empty'],
    ['{"title"', 'is none'],
  ])('%j is refused', (input, message) => expect(() => parseInput(input)).toThrow(message));
});
