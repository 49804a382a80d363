import type { TerminalStatus } from '../../src/domain/task.js';
import type { Dice } from './dice.js';

/** What a person does about a task of this kind, besides what its waiting calls for. */
type Habit = 'none' | 'rejects' | 'cancels' | 'pauses' | 'guides' | 'reprioritises' | 'reassigns';

/** One task to file: what its agents play, and what must come of it. */
export interface PlannedTask {
  readonly kind: TaskKind;
  readonly script: object;
  readonly input: Readonly<Record<string, unknown>>;
  readonly habit: Habit;
  readonly ends: TerminalStatus;
  /** Follow-ups that must exist when it is DONE. */
  readonly children: number;
  /** A file of its own that must stand in the target branch; null: no repository. */
  readonly lands: string | null;
}

export const TASK_KINDS = [
  'plain',
  'revision',
  'spawn',
  'revision-and-spawn',
  'lead',
  'lead-rejected',
  'question',
  'merge',
  'conflict',
  'two-reviewers',
  'unreadable-once',
  'unreadable',
  'fails',
  'later',
  'cancelled',
  'paused',
  'guided',
  'reprioritised',
  'reassigned',
] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

const approved = { verdict: { verdict: 'APPROVED', summary: 'Good' } };
const revision = (text: string) => ({
  verdict: { verdict: 'REVISION', summary: text, issues: [{ severity: 'blocking', text }] },
});
const followUps = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    title: `Follow-up ${index + 1}`,
    description: '```scenario\n{"executions":[{"report":"done"}]}\n```',
  }));

/** Draws the next task; `key` makes its files its own. */
export function planTask(kind: TaskKind, key: string, repository: string, dice: Dice): PlannedTask {
  const file = `${key}.txt`;
  const turns = (count: number, files: Record<string, string> = {}) =>
    Array.from({ length: count }, (_, index) => ({
      files: index === 0 ? { [file]: `${key}\n`, ...files } : { [`${key}-${index}.txt`]: 'more\n' },
      delayMs: dice.between(20, 400),
      ...(dice.chance(0.1) ? { commands: ['sleep 0.3'] } : {}),
      tokens: { input: 100, output: 50 },
    }));
  const work = (more: object = {}) => ({
    turns: turns(dice.between(1, 4)),
    report: `${key} is done`,
    ...more,
  });
  const reads = (then: object) => ({ turns: [{ delayMs: dice.between(10, 200) }], ...then });
  const plain: PlannedTask = {
    ...{ kind, input: {}, habit: 'none', ends: 'DONE', children: 0, lands: null },
    script: { executions: [work()], reviews: [reads(approved)] },
  };
  const reviewed = (...reviews: object[]) => ({
    executions: Array.from({ length: reviews.length }, () => work()),
    reviews: reviews.map(reads),
  });
  const spawning = (verdict: string, count: number) => ({
    verdict: {
      ...{ verdict, summary: 'and more', spawn: followUps(count) },
      ...(verdict === 'SPAWN' ? {} : { issues: [{ severity: 'blocking', text: 'mend it' }] }),
    },
  });
  const faulty = (faults: object) => ({ executions: [work({ faults }), work()] });
  switch (kind) {
    case 'plain':
      return plain;
    case 'revision':
      return { ...plain, script: reviewed(revision('once'), revision('twice'), approved) };
    case 'spawn':
      return { ...plain, script: reviewed(spawning('SPAWN', 2)), children: 2 };
    case 'revision-and-spawn':
      return { ...plain, script: reviewed(spawning('REVISION+SPAWN', 1), approved), children: 1 };
    case 'lead':
      return { ...plain, input: { assignee: 'lead' } };
    case 'lead-rejected':
      return { ...plain, input: { assignee: 'architect' }, habit: 'rejects', ends: 'REJECTED' };
    case 'question':
      return { ...plain, script: faulty({ ask: { turn: 1, question: 'blue or red?' } }) };
    case 'merge':
      return { ...plain, input: { repository }, lands: file };
    case 'conflict': {
      const shared = { 'shared.txt': `${key} was here\n` };
      const script = { executions: [{ turns: turns(2, shared), report: 'changed' }] };
      return { ...plain, script, input: { repository }, lands: file };
    }
    case 'two-reviewers':
      return { ...plain, input: { reviewers: ['reviewer', 'tester'] } };
    case 'unreadable-once':
      return { ...plain, script: { reviews: [{ faults: { garbageOnce: 'LGTM' } }] } };
    case 'unreadable':
      return { ...plain, script: { reviews: [{ faults: { garbageVerdict: 'APPROVED!' } }] } };
    case 'fails':
      return { ...plain, script: faulty({ fail: { turn: 1, message: 'cannot' } }) };
    case 'later':
      return { ...plain, script: { executions: [work({ faults: LATER })] } };
    case 'cancelled':
      return {
        ...{ ...plain, habit: 'cancels', ends: 'CANCELLED' },
        script: { executions: [work({ faults: { hangAtTurn: 1 } })] },
      };
    case 'paused':
      return { ...plain, habit: 'pauses' };
    case 'guided':
      return { ...plain, script: reviewed(revision('once'), approved), habit: 'guides' };
    case 'reprioritised':
      return { ...plain, habit: 'reprioritises' };
    case 'reassigned':
      return { ...plain, script: faulty(REASSIGNABLE), habit: 'reassigns' };
    default:
      return kind satisfies never;
  }
}

const LATER = { later: { turn: 1, seconds: 1.5 } };
/** Blocks, so that there is a moment in which another agent may take over. */
const REASSIGNABLE = { fail: { turn: 1, message: 'not my trade' } };
