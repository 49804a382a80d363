import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../support/house.js';
import { documentOf, envOf, missionOn, PROGRAM, scenario } from '../support/mission.js';

let house: House;
let mission: ReturnType<typeof missionOn>;
beforeAll(async () => {
  house = await openHouse();
  mission = missionOn(house);
});
afterAll(() => house.close());

interface Shown {
  readonly task: string;
  readonly status: string;
  readonly owner: string;
  readonly timeline: string[];
  readonly legal: string[];
  readonly standstill: { reason: string; commands: string[]; sentence: string } | null;
}

const TWO_CYCLES = scenario({
  executions: [
    {
      turns: [{ files: { 'search.txt': 'page 1\n' }, commands: ['echo tested'] }],
      report: 'Missing error handling',
    },
    { turns: [{ files: { 'search.txt': 'page 2\n' } }], report: 'Error handling added' },
  ],
  reviews: [
    {
      turns: [],
      verdict: {
        verdict: 'REVISION',
        summary: 'Add error handling',
        issues: [{ severity: 'blocking', text: 'Add error handling' }],
      },
    },
    { turns: [], verdict: { verdict: 'APPROVED', summary: 'Good' } },
  ],
});
const TIMELINE = [
  'Task: "Implement search pagination" (REHEARSED)',
  '├─ Execution 1 [Implementer] SUCCEEDED — Missing error handling',
  '├─ Review 1 [Reviewer] SUCCEEDED — Verdict: REVISION: Add error handling',
  '├─ Execution 2 [Implementer] SUCCEEDED — Error handling added',
  '├─ Review 2 [Reviewer] SUCCEEDED — Verdict: APPROVED',
  '└─ Status: DONE',
];

test('one task from filing to its files, through every way of looking at it', async () => {
  const created = await mission(
    ...['task', 'create', 'Implement search pagination', '--wait'],
    ...['--description', TWO_CYCLES, '--priority', 'high'],
  );
  expect(created.code).toBe(0);
  expect(created.stdout).toContain(TIMELINE.join('\n'));
  expect(created.stderr).toContain('T-1 filed');
  expect(created.stderr).toMatch(/\n\d\d:\d\d:\d\d {2}\w+ +Review 1 \[Reviewer\] /);
  expect(created.stderr).not.toContain('├─');

  for (const name of ['T-1', 't-1', '1']) {
    const shown = documentOf<Shown & { id: string }>(await mission('task', 'show', name, '--json'));
    expect(shown).toMatchObject({ task: 'T-1', status: 'DONE', timeline: TIMELINE, legal: [] });
    expect(shown.owner).toMatch(/^person:\S+$/);
    expect((await mission('task', 'show', shown.id)).stdout).toContain('(unverified)');
  }

  const watched = await mission('task', 'watch', 'T-1');
  expect(watched).toMatchObject({ code: 0, stdout: `${TIMELINE.join('\n')}\n` });
  const [line = ''] = (await mission('task', 'watch', 'T-1', '--jsonl')).stdout.split('\n');
  expect(JSON.parse(line)).toMatchObject({ task: 'T-1', status: 'DONE', timeline: TIMELINE });

  const logs = await mission('task', 'logs', 'T-1', '--follow');
  expect(logs.stdout).toContain('Execution 1 [Implementer]');
  expect(logs.stdout).toContain('run echo tested (exit 0)');
  const page = await mission('task', 'show', 'T-1');
  expect(page.stdout).toMatch(/Filed +\S.* ago \(\d\d:\d\d:\d\d\) by person:/);
  expect(page.stdout).toMatch(/Workflow +task\/\S+/);
  const events = (await mission('task', 'logs', 'T-1', '--jsonl')).stdout.trim().split('\n');
  expect(JSON.parse(events[0] ?? '')).toMatchObject({ kind: 'EXECUTION', number: 1, attempt: 1 });

  const output = await mission('task', 'output', 'T-1');
  expect(output.stdout).toBe('Error handling added\n');
  expect(output.stderr).toContain('REHEARSED by a scripted agent');
  expect((await mission('task', 'output', 'T-1', '--diff', '-q')).stdout).toContain('+page 2');
  const folder = await mkdtemp(join(tmpdir(), 'mission-output-'));
  try {
    await mission('task', 'output', 'T-1', '--to', folder);
    expect(await readFile(join(folder, 'search.txt'), 'utf8')).toBe('page 2\n');
    expect(await readFile(join(folder, 'REPORT.md'), 'utf8')).toBe('Error handling added');
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('a task that waits for a person', () => {
  test('is listed with its reason, explained, approved once, and ends', async () => {
    const filed = await mission('task', 'create', 'Plan the year', '-a', 'lead', '--json');
    const { task, started } = documentOf<{ task: string; started: boolean }>(filed);
    expect(started).toBe(true);
    const held = await mission(
      'task',
      'create',
      'Plan more',
      '-a',
      'lead',
      '--wait',
      '--no-approve',
    );
    expect(held.code).toBe(5);
    expect(held.stdout).toContain('always wait for a person');

    const why = documentOf<Shown>(await mission('why', task, '--json'));
    expect(why.standstill).toMatchObject({
      reason: 'approval',
      commands: [expect.stringMatching(new RegExp(`mission task approve ${task}$`))],
    });
    const list = documentOf<{ tasks: Shown[]; next: number | null }>(
      await mission('task', 'list', '--waiting', '--status', 'inbox', '--json'),
    );
    expect(list.tasks.map((each) => each.standstill?.reason)).toEqual(['approval', 'approval']);
    expect((await mission('inbox', '--mine')).stdout).toContain(`mission task approve ${task}`);

    const approved = await mission('task', 'approve', task, '--reason', 'good plan', '--json');
    expect(documentOf(approved)).toMatchObject({ task, verb: 'approve', applied: true });
    expect((await mission('task', 'watch', task)).code).toBe(0);
    const again = await mission('task', 'reject', task);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`${task} is DONE`);
    const [row] = await house.database.sql<{ by: string; door: string; reason: string }[]>`
      select by, door, reason from decisions
      where question = 'admission:lead' and by like 'person:%'`;
    expect(row).toMatchObject({ door: 'cli', reason: 'good plan' });
  });

  test('the printed command runs as it is pasted', async () => {
    const { stdout } = await mission('task', 'create', 'Paste me', '-a', 'lead', '--json');
    const { task } = JSON.parse(stdout) as { task: string };
    const { standstill } = documentOf<Shown>(await mission('why', task, '--json'));
    const words = (standstill?.commands[0] ?? '').split(' ');
    // In the clone it is `MISSION_HOME=… npx mission …`: the words after the program are ours.
    const program = words.indexOf('mission');
    expect(words.slice(0, program)).toEqual([`MISSION_HOME=${house.home}`, 'npx']);
    expect((await mission(...words.slice(program + 1))).code).toBe(0);
  });

  test('rejected, it ends whoever waits for it with 1', async () => {
    const waiting = mission('task', 'create', 'No', '-a', 'lead', '--wait', '--key', 'k-no');
    const task = await numberOf('No');
    expect((await mission('task', 'reject', task, '--reason', 'not now')).code).toBe(0);
    const { code, stdout } = await waiting;
    expect(code).toBe(1);
    expect(stdout).toContain('└─ Status: REJECTED');
  });
});

describe('a blocked task', () => {
  test('ends --wait with 5, answers, and goes on', async () => {
    const faults = { ask: { turn: 1, question: 'Which page size?' } };
    const description = scenario({ executions: [{ turns: [{}], report: 'ok', faults }] });
    const asked = await mission('task', 'create', 'Ask', '--wait', '-d', description);
    expect(asked.code).toBe(5);
    expect(asked.stdout).toContain('Which page size?');
    expect(asked.stdout).toContain('"your answer"');
    const task = await numberOf('Ask');
    const wrong = await mission('task', 'retry', task);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain('possible now: ');
    expect((await mission('task', 'answer', task, 'fifty')).code).toBe(0);
    expect((await mission('task', 'watch', task)).code).toBe(0);
  });

  test('by its budget ends --wait with 6; cancelled, it ends', async () => {
    const faults = { outOfBudget: { turn: 1, message: 'the budget is spent' } };
    const description = scenario({ executions: [{ turns: [{}], report: 'ok', faults }] });
    const spent = await mission('task', 'create', 'Spend', '--wait', '-d', description);
    expect(spent.code).toBe(6);
    const task = await numberOf('Spend');
    const done = await mission('task', 'cancel', task, '--reason', 'too dear', '--json');
    expect(documentOf(done)).toMatchObject({ verb: 'cancel', applied: true });
    const watched = await mission('task', 'watch', task);
    expect(watched.code).toBe(1);
    expect((await mission('task', 'show', task)).stdout).toContain('too dear');
  });

  test('by a failure is guided, given to another, or accepted', async () => {
    const faults = { fail: { turn: 1, message: 'no compiler' } };
    const description = scenario({ executions: [{ turns: [{}], report: 'ok', faults }] });
    expect((await mission('task', 'create', 'Fail', '--wait', '-d', description)).code).toBe(5);
    const task = await numberOf('Fail');
    expect((await mission('task', 'accept', task)).code).toBe(1);
    expect((await mission('task', 'guide', task, 'use make')).code).toBe(0);
    expect((await mission('task', 'reassign', task)).code).toBe(2);
    expect((await mission('task', 'reassign', task, '-e', 'nobody')).code).not.toBe(0);
    expect((await mission('task', 'reprioritise', task, 'hgih')).stderr).toContain('mean HIGH?');
    expect((await mission('task', 'reprioritise', task, 'urgent')).code).toBe(0);
    expect((await mission('task', 'reassign', task, '-e', 'writer')).code).toBe(0);
    const { code, stdout } = await mission('task', 'watch', task);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toContain('[Writer] SUCCEEDED');
  });
});

test.each([
  [['task', 'show', 'T-9999'], 3],
  [['task', 'show', '00000000-0000-7000-8000-000000000000'], 3],
  [['task', 'show', '99999999999'], 3],
  [['task', 'show', 'nonsense'], 2],
  [['task', 'output', 'T-9999'], 3],
  [['task', 'list', '--status', 'inbx'], 2],
  [['task', 'list', '--limit', '0'], 2],
])('%j ends with %d', async (args, code) => {
  expect(await mission(...args)).toMatchObject({ code, stdout: '' });
});

test('a page at a time, and colours only where they are wanted', async () => {
  const page = documentOf<{ tasks: Shown[]; next: number }>(
    await mission('task', 'list', '--limit', '2', '--json'),
  );
  expect(page.tasks).toHaveLength(2);
  const rest = documentOf<{ tasks: Shown[] }>(
    await mission('task', 'list', '--before', `T-${page.next}`, '--json'),
  );
  expect(rest.tasks.map(({ task }) => task)).not.toContain(page.tasks[1]?.task);
  const filtered = await mission('task', 'list', '--status', 'done', '-n', '1');
  expect(filtered.stderr).toMatch(/mission task list --status done --limit 1 --before T-\d+/);
  const nobody = await mission('task', 'list', '--owner', 'me');
  expect(nobody.stderr).toMatch(/No task matches; owners look like person:\S+\./);
  const colour = String.fromCharCode(27);
  expect((await mission('task', 'list')).stdout).not.toContain(colour);
  const colored = missionOn(house, { env: { FORCE_COLOR: '1' } });
  expect((await colored('task', 'list')).stdout).toContain(colour);
  const plain = missionOn(house, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
  expect((await plain('task', 'list')).stdout).not.toContain(colour);
  expect(await mission('task', 'list', '--quiet', '--limit', '1')).toMatchObject({ stderr: '' });
});

test('a reader that leaves early is no failure', () => {
  const command = `node ${PROGRAM} task list --json | head -c 1`;
  const env = { ...process.env, ...envOf(house) };
  expect(execFileSync('sh', ['-c', command], { env, encoding: 'utf8' })).toBe('{');
});

/** The number of the task of this title, as soon as it is filed. */
async function numberOf(title: string): Promise<string> {
  for (;;) {
    const [row] = await house.database.sql<{ number: number }[]>`
      select number from tasks where title = ${title} and first_execution_run_id is not null`;
    if (row !== undefined) return `T-${row.number}`;
  }
}
