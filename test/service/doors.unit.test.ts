import { describe, expect, test } from 'vitest';
import type { AgentRow, HouseFacts, PolicyRow, WaitRow } from '../../drizzle/read-house.js';
import { DEFAULT_POLICIES, POLICY_NAMES, type PolicyName } from '../../src/domain/policy.js';
import { countWaits } from '../../src/service/count-waits.js';
import { doorsOfRecords } from '../../src/service/doors.js';
import { outcome } from '../../src/service/verbs.js';

const house = (differences: Partial<HouseFacts> = {}): HouseFacts => ({
  postgresVersion: '18',
  squadPaused: false,
  squadPausedBy: null,
  squadPausedWhy: null,
  rehearsing: true,
  lastTasks: [],
  unstarted: 0,
  pullRequests: { waiting: 0, refused: null, trouble: null },
  open: 0,
  bound: { cluster: null, namespace: null },
  ...differences,
});
const policies = (changed: PolicyName | null = null, value: object = {}): PolicyRow[] =>
  POLICY_NAMES.map((name) => ({
    ...DEFAULT_POLICIES[name],
    value: { ...DEFAULT_POLICIES[name].value, ...(name === changed ? value : {}) },
    ...{ by: 'person:ann', door: 'cli', why: '', createdAt: '' },
  }));
const agent = (id: string, differences: Partial<AgentRow> = {}): AgentRow => ({
  ...{
    id,
    name: id,
    type: 'SPC',
    backend: 'scripted',
    model: null,
    program: null,
    instructions: '',
  },
  ...{ reviews: false, enabled: true, connectedAt: null, pausedReason: null, canWork: true },
  credential: null,
  ...{ running: 0, queued: 0, chargedToday: 0, dailyLimit: 50 },
  ...differences,
});
const off = { enabled: false, canWork: false };
const SQUAD = [agent('implementer'), agent('reviewer', { reviews: true })];
const wait = (number: number, differences: Partial<WaitRow>): WaitRow => ({
  ...{ number, assignee: 'implementer', reviewers: [], reason: 'slot' },
  ...{ rule: null, detail: null, enough: null },
  ...differences,
});

describe('locked doors', () => {
  test('none in a new house', () => {
    expect(doorsOfRecords(house(), policies(), SQUAD, [])).toEqual([]);
  });

  test('auto-approve that can admit nobody is named before any task waits', () => {
    const shut = policies('auto-approve', { allowedAgentTypes: [] });
    expect(doorsOfRecords(house(), shut, SQUAD, [])).toMatchObject([
      { door: 'auto-approve-matches-none', sentence: expect.stringContaining('can match no task') },
    ]);
    const interns = policies('auto-approve', { allowedAgentTypes: ['INT'] });
    expect(doorsOfRecords(house(), interns, SQUAD, [])).toHaveLength(1);
    expect(doorsOfRecords(house(), interns, [...SQUAD, agent('i', { type: 'INT' })], [])).toEqual(
      [],
    );
  });

  test('auto-approve that matches none of the last tasks, though none of them waits', () => {
    const low = policies('auto-approve', { maxPriority: 'LOW' });
    const last = { priority: 'HIGH', agentId: 'implementer', agentType: 'SPC' } as const;
    const lastTasks = [{ ...last, inbox: false }];
    const [door] = doorsOfRecords(house({ lastTasks }), low, SQUAD, []);
    expect(door?.sentence).toContain('auto-approve does not match the last task (');
    const waiting = [...lastTasks, { ...last, inbox: true }];
    const [second] = doorsOfRecords(house({ lastTasks: waiting }), low, SQUAD, []);
    expect(second?.sentence).toContain('the last 2 tasks, and 1 task waits for a person (');
  });

  test('a task whose only named reviewer is off names that one', () => {
    const agents = [...SQUAD, agent('tester', { reviews: true, ...off })];
    const named = { reason: 'no-reviewer', reviewers: ['tester'] } as const;
    const doors = doorsOfRecords(house(), policies(), agents, [wait(5, named), wait(6, named)]);
    expect(doors).toMatchObject([
      {
        door: 'no-reviewer',
        sentence: 'T-5 waits for a reviewer, and tester, whom it names, cannot work',
        command: 'mission agent enable tester',
      },
    ]);
  });

  test('a LEAD is nobody who executes by himself, and is not the one to enable', () => {
    const lead = agent('lead', { type: 'LEAD' });
    const reviewer = agent('reviewer', { reviews: true });
    const squad = (...executors: AgentRow[]) =>
      doorsOfRecords(house(), policies(), [lead, ...executors, reviewer], []);
    const closed = squad(agent('implementer', off), agent('writer', { ...off, queued: 2 }));
    expect(closed.find(({ door }) => door === 'no-agent')).toMatchObject({
      opens: true,
      command: 'mission agent enable writer',
    });
    expect(squad()).toMatchObject([{ door: 'no-agent', command: null, opens: false }]);
    expect(squad(agent('implementer'), agent('writer', off))).toEqual([]);
  });

  test('who has no backend is shown: enabling would open nothing', () => {
    const unbacked = { canWork: false, backend: 'command' } as const;
    const closed = [agent('implementer', { ...off, ...unbacked }), agent('writer', unbacked)];
    const found = doorsOfRecords(house(), policies(), [...closed, ...SQUAD.slice(1)], []);
    expect(found).toMatchObject([{ command: 'mission agent show implementer', opens: false }]);
    const critics = [
      agent('implementer'),
      agent('reviewer', { ...off, ...unbacked, reviews: true }),
    ];
    expect(doorsOfRecords(house(), policies(), critics, [])).toMatchObject([
      { door: 'no-reviewer', command: 'mission agent show reviewer', opens: false },
    ]);
  });

  test('a task that names no reviewer says so in words', () => {
    const agents = [
      agent('reviewer', { reviews: true }),
      agent('tester', { ...off, reviews: true }),
    ];
    const doors = doorsOfRecords(house(), policies(), agents, [
      wait(5, { reason: 'no-reviewer', assignee: 'reviewer' }),
    ]);
    expect(doors.at(-1)?.sentence).toBe(
      'T-5 waits for a reviewer, and none who may review it can work',
    );
  });

  test('a limit of 0 is opened by what those who wait for it need', () => {
    const none = policies('execution-limits', { maxDailyPerAgent: 0 });
    const rule = 'execution-limits.maxDailyPerAgent';
    const command = (waits: WaitRow[]) =>
      doorsOfRecords(house(), none, SQUAD, waits).map((each) => each.command);
    const set = 'mission policy set execution-limits maxDailyPerAgent';
    expect(command([])).toEqual([`${set}=50`]);
    expect(command([wait(1, { rule, enough: 61 }), wait(2, { rule, enough: 70 })])).toEqual([
      `${set}=70`,
    ]);
  });

  test('a line under the usual limit stands when none of its own runs has begun of late', () => {
    const line = { agent: 'writer', field: 'maxConcurrentPerAgent', figure: 3, waiting: 9 };
    const rest = { waitedMs: 300_000, behind: 0, typicalMs: 40_000, enough: 6 };
    const behind = (...seconds: number[]) => ({
      settings: [],
      throttled: [{ ...line, ...rest }],
      active: [
        ...seconds.map((each) => ({ agent: 'writer', seconds: each })),
        { agent: 'intern', seconds: 1 },
      ],
    });
    const doors = (...seconds: number[]) =>
      doorsOfRecords(house(), policies(), SQUAD, [], behind(...seconds)).map(({ door }) => door);
    expect(doors(300, 200, 150)).toEqual(['limit-throttles']);
    expect(doors(300, 200, 20)).toEqual([]);
  });

  test('who paused the squad says why, and one run waits, not wait', () => {
    const paused = { squadPaused: true, squadPausedBy: 'person:ann', squadPausedWhy: 'lunch' };
    const agents = [...SQUAD, agent('writer', { ...off, queued: 1 })];
    expect(doorsOfRecords(house(paused), policies(), agents, [])).toMatchObject([
      { sentence: 'nothing starts: the squad is paused by person:ann: lunch' },
      { sentence: 'writer is disabled, and 1 of its runs waits' },
    ]);
  });

  test('once one agent is connected, another without a backend is named when work waits', () => {
    const connected = { backend: 'command', connectedAt: '2026-01-01T00:00:00Z' } as const;
    const agents = [...SQUAD, agent('coder', { ...connected, queued: 1 })];
    const writer = agent('writer', { queued: 2, canWork: false });
    expect(doorsOfRecords(house(), policies(), [...agents, writer], [])).toEqual([]);
    const mixed = doorsOfRecords(house({ rehearsing: false }), policies(), [...agents, writer], []);
    expect(mixed).toMatchObject([
      { door: 'no-backend', sentence: expect.stringContaining('writer has no backend') },
    ]);
  });

  test('other waits are no fault, and are counted by name', () => {
    const used = { reason: 'daily-runs', detail: 'implementer has started 20' } as const;
    const waits = [wait(1, { reason: 'approval' }), wait(2, used), wait(3, used), wait(3, used)];
    expect(doorsOfRecords(house(), policies(), SQUAD, waits)).toEqual([]);
    expect(countWaits(waits).map(({ sentence }) => sentence)).toEqual([
      '2 tasks wait: daily-runs (implementer has started 20)',
      '1 task waits: approval',
    ]);
    const many = Array.from({ length: 200 }, (_, index) => wait(index, {}));
    expect(countWaits(many)[0]?.sentence).toBe('of the 200 oldest 200 tasks wait: slot');
  });
});

describe('what comes of a verb', () => {
  const by = 'person:ann';
  const inbox = { status: 'INBOX', blocked: null } as const;
  const waits = { kind: 'waits', reason: 'lead is a LEAD' } as const;
  const admitted = { kind: 'admitted', by: 'policy:auto-approve', reason: 'within' } as const;
  test.each([
    ['reject', { ...inbox, admission: waits }, 'rejected, by person:ann; it ends now'],
    [
      'cancel',
      { ...inbox, admission: waits },
      'cancelled, by person:ann; what runs is stopped, and it ends',
    ],
    [
      'reassign',
      { ...inbox, admission: admitted },
      'reassigned, by person:ann; policy:auto-approve has admitted it',
    ],
    [
      'reassign',
      { ...inbox, admission: waits },
      "reassigned, by person:ann; it waits for a person's approval: lead is a LEAD",
    ],
    [
      'approve',
      { status: 'ASSIGNED', blocked: null, admission: admitted },
      'approved, by person:ann; it is ASSIGNED now',
    ],
    [
      'guide',
      { status: 'BLOCKED', blocked: 'question', admission: admitted },
      'guided, by person:ann; it is BLOCKED: question',
    ],
  ] as const)('%s', (verb, answer, sentence) => {
    expect(outcome({ verb, by }, answer)).toBe(sentence);
  });
});
