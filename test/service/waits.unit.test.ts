import { describe, expect, test } from 'vitest';
import type { AgentRow } from '../../drizzle/read-house.js';
import type { RunWait, TaskRow } from '../../drizzle/reads.js';
import { standstillOf } from '../../src/service/waits.js';

const NOW = new Date().toISOString();
const LONG_AGO = '2026-01-01T00:00:00Z';

const row = (differences: Partial<TaskRow> = {}): TaskRow => ({
  id: 'id',
  number: 42,
  workflowId: 'task/id',
  title: 'A task',
  status: 'ASSIGNED',
  blocked: null,
  blockedDetail: null,
  paused: false,
  priority: 'NORMAL',
  assignee: 'implementer',
  reviewers: [],
  repository: null,
  owner: 'person:ann',
  door: 'cli',
  cycles: 1,
  rehearsed: false,
  started: true,
  admission: { kind: 'admitted', by: 'policy:auto-approve', reason: 'within' },
  admissionRule: null,
  queued: [],
  active: 0,
  doing: null,
  granted: null,
  landingsAhead: 0,
  pullRequest: null,
  workTokens: 0,
  createdAt: LONG_AGO,
  statusSince: LONG_AGO,
  endedAt: null,
  ...differences,
});

const queued = (differences: Partial<RunWait>): TaskRow =>
  row({
    queued: [
      {
        reason: 'slot',
        rule: null,
        value: null,
        since: LONG_AGO,
        place: null,
        detail: null,
        policyVersion: 7,
        agent: 'implementer',
        enough: null,
        ...differences,
      },
    ],
  });

const agent = (id: string, differences: Partial<AgentRow> = {}): AgentRow => ({
  id,
  name: id,
  type: 'SPC',
  backend: 'scripted',
  model: null,
  program: null,
  instructions: '',
  reviews: true,
  enabled: true,
  connectedAt: null,
  pausedReason: null,
  credential: null,
  canWork: true,
  running: 0,
  queued: 0,
  chargedToday: 0,
  dailyLimit: 50,
  ...differences,
});

const around = { workerLives: true, agents: [] };

describe('why a task stands still', () => {
  test.each<[string, TaskRow]>([
    ['it has ended', row({ status: 'DONE', paused: true })],
    ['it is worked on', row({ status: 'IN_PROGRESS', active: 1 })],
    ['it is paused, and its run comes to the end of its turn', row({ paused: true, active: 1 })],
    ['it was filed this moment', row({ status: 'INBOX', started: false, createdAt: NOW })],
  ])('it does not: %s', (_name, task) => expect(standstillOf(task, around)).toBeNull());

  test('a block, with every verb that ends it', () => {
    const blocked = row({ status: 'BLOCKED', blocked: 'question', blockedDetail: 'Which?' });
    expect(standstillOf(blocked, around)).toMatchObject({
      kind: 'block',
      reason: 'question',
      sentence: 'the agent asks: Which?',
      commands: expect.arrayContaining(['mission task answer T-42 "your answer"']),
    });
  });

  test('a rule with its value and version, and its place in line', () => {
    const rule = 'execution-limits.maxConcurrentPerAgent';
    const place = { position: 2, of: 5 };
    expect(standstillOf(queued({ rule, value: '3', place }), around)).toMatchObject({
      kind: 'wait',
      reason: 'slot',
      value: '3, version 7',
      place,
      commands: ['mission policy set execution-limits maxConcurrentPerAgent=5'],
    });
  });

  test.each<[RunWait['reason'], Partial<RunWait>, string | null]>([
    ['agent-disabled', { value: 'paused', detail: 'failed' }, 'mission agent enable implementer'],
    ['no-backend', { value: 'command' }, 'mission agent connect implementer'],
    ['no-reviewer', {}, 'mission agent enable tester'],
    ['squad-paused', { rule: 'squad', value: 'person:ann' }, 'mission resume'],
    ['back-off', { detail: LONG_AGO }, null],
  ])('%s is moved on by the right command', (reason, known, command) => {
    const still = standstillOf(queued({ reason, ...known }), {
      ...around,
      agents: [agent('reviewer'), agent('tester', { enabled: false, canWork: false })],
    });
    expect(still).toMatchObject({ reason, commands: command === null ? [] : [command] });
  });

  test.each<[string, TaskRow, boolean | null, string | null]>([
    ['filed and not taken', row({ status: 'INBOX', started: false }), null, 'no-worker'],
    ['running, and no worker lives', row({ status: 'REVIEW', active: 1 }), false, 'no-worker'],
    ['granted, and all workers are busy', row({ granted: LONG_AGO }), true, 'worker-slot'],
    ['behind another landing', row({ status: 'LANDING', landingsAhead: 1 }), true, 'landing-queue'],
    ['running, and nobody was asked', row({ status: 'REVIEW', active: 1 }), null, null],
    ['paused in the line', row({ paused: true }), true, 'task-paused'],
    ['in the inbox', row({ status: 'INBOX' }), null, 'approval'],
  ])('%s', (_name, task, workerLives, reason) => {
    const still = standstillOf(task, { workerLives, agents: [] });
    expect(still?.reason ?? null).toBe(reason);
  });

  test('only the named reviewer is advised, or another one for him', () => {
    const [waiting] = queued({ reason: 'no-reviewer' }).queued;
    const task = row({ reviewers: ['tester'], queued: waiting === undefined ? [] : [waiting] });
    const off = { enabled: false, canWork: false };
    const agents = [agent('critic', off), agent('reviewer'), agent('tester', off)];
    expect(standstillOf(task, { workerLives: true, agents })).toMatchObject({
      sentence: expect.stringContaining('tester was named'),
      commands: ['mission agent enable tester', 'mission task reassign T-42 --reviewer reviewer'],
    });
  });

  test('paused in the inbox: both, the approval and the pause', () => {
    expect(standstillOf(row({ status: 'INBOX', paused: true }), around)).toMatchObject({
      reason: 'approval',
      sentence: expect.stringMatching(/approval.*; it is paused, too$/),
      commands: ['mission task approve T-42', 'mission task resume T-42'],
    });
  });

  test.each([
    [{ value: 'disabled', detail: 'disabled' }, 'implementer is disabled'],
    [{ value: 'paused', detail: '3 runs failed' }, 'implementer is paused: 3 runs failed'],
  ])('an agent that is off is named once, and how it is off: %o', (known, how) => {
    const still = standstillOf(queued({ reason: 'agent-disabled', ...known }), around);
    expect(still?.sentence).toBe(`waits for its agent, which is off: ${how}`);
  });

  test('the squad is paused by whom, and why', () => {
    const paused = queued({ reason: 'squad-paused', value: 'person:ann', detail: 'lunch' });
    expect(standstillOf(paused, around)?.sentence).toBe(
      'waits: the squad is paused by person:ann: lunch',
    );
  });
});
