import { describe, expect, test } from 'vitest';
import type { Effect } from '../support/rig.js';
import { diceOf } from './dice.js';
import { compare, type Facts, type TaskFacts } from './oracle.js';
import { type Course, followUpCourse, planTask, TASK_KINDS, type TaskKind } from './plan.js';
import { plannedTurns, type RunFacts, wrongTurns } from './turns.js';
import type { Sent } from './world.js';

const sentOf = (kind: TaskKind): Sent => ({
  ...{ key: kind, acknowledged: true },
  plan: planTask(kind, kind, 'repo', diceOf(7).fork(kind)),
});

const runOf = (name: string, attempts: RunFacts['attempts'] = []): RunFacts => {
  const [kind, number, state = ''] = name.split(' ');
  return { id: name, kind: kind as RunFacts['kind'], number: Number(number), state, attempts };
};

interface Told {
  readonly task: TaskFacts;
  readonly effects: readonly Effect[];
}

/** What record and log tell of a task that has had these runs, each of one attempt. */
function told(course: Course, names: readonly string[], task: Partial<TaskFacts>): Told {
  const written = new Set<string>();
  const effects: Effect[] = [];
  const runs = names.map((name) => {
    const { kind, number } = runOf(name);
    const turns = plannedTurns(course.script, runOf(name));
    for (let turn = 1; turn <= turns; turn++) {
      effects.push({ run: `${task.number} ${name}`, attempt: 1, kind, number, turn });
    }
    const play = kind === 'EXECUTION' ? course.script.executions?.[number - 1] : undefined;
    const kept = name.endsWith('SUCCEEDED') ? (play?.turns ?? []) : [];
    for (const file of kept.flatMap(({ files }) => Object.keys(files ?? {}))) written.add(file);
    const attempts = turns === 0 ? [] : [{ number: 1, turn: turns }];
    return { ...runOf(name, attempts), id: `${task.number} ${name}` };
  });
  const files = course.landsIn === 'deliverable' ? [...written].sort() : [];
  const all = { key: null, parent: null, child: false, number: 1, title: '', conflicts: 0 };
  const end = { status: course.ends, ended: true, landed: 'commit', files, runs };
  return { task: { ...all, ...end, ...task }, effects };
}

const REVISED = (count: number) => [
  ...Array.from({ length: count }, (_, index) => `EXECUTION ${index + 1} SUCCEEDED`),
  ...Array.from({ length: count }, (_, index) => `REVIEW ${index + 1} SUCCEEDED`),
];
const FAILED = ['EXECUTION 1 FAILED', 'EXECUTION 2 SUCCEEDED', 'REVIEW 1 SUCCEEDED'];
/** Said a second time, apart from the plan: which runs a kind of task comes to. */
const RUNS: Partial<Record<TaskKind, readonly string[]>> = {
  revision: REVISED(3),
  'revision-and-spawn': REVISED(2),
  guided: REVISED(2),
  'lead-rejected': [],
  'two-reviewers': [...REVISED(1), 'REVIEW 2 SUCCEEDED'],
  unreadable: ['EXECUTION 1 SUCCEEDED', 'REVIEW 1 FAILED', 'REVIEW 2 SUCCEEDED'],
  ...{ fails: FAILED, reassigned: FAILED, cancelled: ['EXECUTION 1 CANCELLED'] },
};
const FOLLOW_UPS: Partial<Record<TaskKind, number>> = { spawn: 2, 'revision-and-spawn': 1 };

function world(kind: TaskKind): { sent: Map<string, Sent>; facts: Facts; files: string[] } {
  const one = sentOf(kind);
  const parent = told(one.plan, RUNS[kind] ?? REVISED(1), { key: kind, number: 1 });
  const children = Array.from({ length: FOLLOW_UPS[kind] ?? 0 }, (_, index) => {
    const title = `Follow-up ${index + 1}`;
    const child = { parent: kind, child: true, number: index + 2, title };
    return told(followUpCourse(title), REVISED(1), child);
  });
  const all = [parent, ...children];
  const written = one.plan.script.executions?.flatMap(({ turns }) => turns) ?? [];
  const files = written.flatMap((turn) => Object.keys(turn.files ?? {}));
  const facts = {
    tasks: all.map(({ task }) => task),
    effects: all.flatMap(({ effects }) => effects),
    ...{ subjects: ['T-1: A task', 'Begin'], files },
  };
  return { sent: new Map([[kind, one]]), facts, files };
}

/** The same with another first task. */
const changed = (facts: Facts, change: Partial<TaskFacts>): Facts => {
  const [first, ...others] = facts.tasks;
  return { ...facts, tasks: first === undefined ? [] : [{ ...first, ...change }, ...others] };
};

test.each(TASK_KINDS)('a task "%s" that came to what was planned is no finding', (kind) => {
  const { sent, facts } = world(kind);
  expect(compare(sent, facts)).toEqual([]);
});

describe('work that was lost', () => {
  const { sent, facts } = world('revision');
  const [task] = facts.tasks;
  const found = (change: Partial<Facts>) => compare(sent, { ...facts, ...change });

  test('an agent who has done nothing at all', () => {
    const findings = found({ effects: [] });
    expect(findings).toContainEqual(expect.stringMatching(/EXECUTION 1: turn 1 of . was never/));
    expect(findings).toContainEqual(expect.stringMatching(/REVIEW 3: turn 1 of 1 was never taken/));
  });

  test('each single turn', () => {
    expect(facts.effects.length).toBeGreaterThan(5);
    for (const lost of facts.effects) {
      const findings = found({ effects: facts.effects.filter((one) => one !== lost) });
      expect(findings).toContainEqual(expect.stringContaining(`turn ${lost.turn} of`));
    }
  });

  test('a cycle of three: DONE after one execution and one review', () => {
    const { task: early, effects } = told(sentOf('revision').plan, REVISED(1), { key: 'revision' });
    const findings = compare(sent, { ...facts, tasks: [early], effects: [...effects] });
    expect(findings).toContainEqual(expect.stringContaining('not EXECUTION 1 SUCCEEDED, EXEC'));
  });

  test('a run of each kind, or what became of it', () => {
    for (const run of task?.runs ?? []) {
      const runs = (task?.runs ?? []).filter((one) => one !== run);
      expect(compare(sent, changed(facts, { runs }))).not.toEqual([]);
      const failed = { ...run, state: 'FAILED' };
      expect(compare(sent, changed(facts, { runs: [...runs, failed] }))).not.toEqual([]);
    }
  });

  test('the task, its end, its files, its follow-ups', () => {
    expect(found({ tasks: [], effects: [] })).toEqual(['revision is lost']);
    expect(compare(sent, changed(facts, { ended: false, status: 'REVIEW' }))).toHaveLength(1);
    expect(compare(sent, changed(facts, { status: 'CANCELLED' }))).not.toEqual([]);
    expect(compare(sent, changed(facts, { files: [] }))).toHaveLength(1);
    const spawn = world('spawn');
    const tasks = spawn.facts.tasks.slice(0, -1);
    const findings = compare(spawn.sent, { ...spawn.facts, tasks });
    expect(findings[0]).toContain('the follow-ups are Follow-up 1, not Follow-up 1, Follow-up 2');
    const merge = world('merge');
    expect(compare(merge.sent, { ...merge.facts, files: merge.files.slice(1) })).toHaveLength(1);
  });
});

test('what was done twice, or for nobody, is a finding', () => {
  const { sent, facts } = world('spawn');
  const found = (change: Partial<Facts>) => compare(sent, { ...facts, ...change });
  const [first] = facts.effects;
  const [task, child] = facts.tasks;
  if (!first || !task || !child) throw new Error('nothing is told');
  for (const again of facts.effects) {
    expect(found({ effects: [...facts.effects, again] })).toHaveLength(1);
  }
  expect(found({ effects: [...facts.effects, { ...first, attempt: 2 }] })).toEqual([
    expect.stringContaining('turn 1 was taken by attempt 2, which nobody has begun'),
  ]);
  expect(found({ effects: [...facts.effects, { ...first, run: 'other' }] })).toEqual([
    'turns were performed for other, no run',
  ]);
  expect(found({ tasks: [...facts.tasks, { ...task, runs: [] }] })).toContain(
    'spawn exists 2 times',
  );
  expect(found({ tasks: [...facts.tasks, { ...child, runs: [] }] })).not.toEqual([]);
  const stranger = { ...task, key: null, number: 9, runs: [] };
  expect(found({ tasks: [...facts.tasks, stranger] })).toEqual(['T-9 was asked for by nobody']);
  const merge = world('merge');
  const subjects = ['T-1: A task', 'T-1: A task'];
  expect(compare(merge.sent, { ...merge.facts, subjects })).toHaveLength(1);
});

test('a landing that sent a task back adds a cycle, and nothing else does', () => {
  const { sent, facts } = world('conflict');
  const { plan } = sentOf('conflict');
  const twice = told(plan, REVISED(2), { key: 'conflict', conflicts: 1 });
  const again = { ...facts, tasks: [twice.task], effects: [...twice.effects] };
  expect(compare(sent, again)).toEqual([]);
  expect(compare(sent, changed(again, { conflicts: 0 }))).toHaveLength(1);
  expect(compare(sent, changed(facts, { conflicts: 1 }))).toHaveLength(1);
});

describe('the turns of a run, over its attempts', () => {
  const script = { executions: [{ turns: [{}, {}, {}, {}] }] };
  const turn = (attempt: number, turn: number): Effect => ({
    ...{ run: 'r', attempt, kind: 'EXECUTION', number: 1, turn },
  });
  const turns = (attempt: number, ...numbers: number[]) => numbers.map((one) => turn(attempt, one));
  const wrong = (effects: Effect[], ...stored: (number | null)[]) => {
    const attempts = stored.map((one, index) => ({ number: index + 1, turn: one }));
    return wrongTurns(runOf('EXECUTION 1 SUCCEEDED', attempts), script, effects);
  };

  test('a turn whose checkpoint was lost may be taken again; a stored one may not', () => {
    expect(wrong(turns(1, 1, 2, 3, 4), 4)).toEqual([]);
    expect(wrong([...turns(1, 1, 2), ...turns(2, 2, 3, 4)], 1, 4)).toEqual([]);
    expect(wrong([...turns(1, 1), ...turns(2, 1), ...turns(3, 1, 2, 3, 4)], null, null, 4)).toEqual(
      [],
    );
    expect(wrong([...turns(1, 1), ...turns(3, 2, 3, 4)], 1, null, 4)).toEqual([]);
    expect(wrong([...turns(1, 1, 2), ...turns(2, 2, 3, 4)], 2, 4)).toEqual([
      'EXECUTION 1: attempt 2 took turns 2,3,4 after turn 2',
    ]);
    expect(wrong([...turns(1, 1, 1, 2), ...turns(2, 3, 4)], 2, 4)).toHaveLength(1);
  });

  test('nothing at all, one of four, one left out, one stored that was never taken', () => {
    expect(wrong([], null)).toContain('EXECUTION 1: 0 of 4 turns are stored');
    expect(wrong(turns(1, 1), 1)).toHaveLength(4);
    expect(wrong([...turns(1, 1), ...turns(2, 3, 4)], 1, 4)).toHaveLength(2);
    expect(wrong([...turns(1, 1), ...turns(2, 3, 4)], 2, 4)).not.toEqual([]);
    expect(wrong(turns(1, 1, 2, 3, 4, 5), 5)).toHaveLength(2);
    expect(wrong(turns(1, 1, 2, 3, 4))).toContainEqual(expect.stringContaining('nobody has begun'));
  });

  test('one that fails or hangs takes none of the turns from there', () => {
    const failing = { executions: [{ turns: [{}, {}], faults: { fail: { turn: 1 } } }] };
    const failed = runOf('EXECUTION 1 FAILED', [{ number: 1, turn: null }]);
    expect(wrongTurns(failed, failing, [])).toEqual([]);
    expect(wrongTurns(failed, failing, [turn(1, 1)])).not.toEqual([]);
  });
});
