import type { TerminalStatus } from '../../src/domain/task.js';
import type { Dice } from './dice.js';

/** What a person does about a task of this kind, besides what its waiting calls for. */
type Habit = 'none' | 'rejects' | 'cancels' | 'pauses' | 'guides' | 'reprioritises' | 'reassigns';

/** What an agent plays in one run. */
interface Play {
  readonly turns: readonly {
    readonly delayMs?: number;
    readonly files?: Readonly<Record<string, string>>;
  }[];
  readonly faults?: { readonly fail?: { readonly turn: number }; readonly hangAtTurn?: number };
}

export interface Script {
  readonly executions?: readonly Play[];
  readonly reviews?: readonly Play[];
}

/** What must come of a task. */
export interface Course {
  readonly kind: TaskKind | 'follow-up';
  readonly script: Script;
  readonly ends: TerminalStatus;
  /** All its runs, executions first: `EXECUTION 1 SUCCEEDED`. */
  readonly runs: readonly string[];
  /** Titles of the follow-ups that must exist in the end. */
  readonly followUps: readonly string[];
  readonly landsIn: 'repository' | 'deliverable';
}

/** One task to file: what its agents play, and what must come of it. */
export interface PlannedTask extends Course {
  readonly kind: TaskKind;
  readonly input: Readonly<Record<string, unknown>>;
  readonly habit: Habit;
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

/** So many executions, each with its one review. */
export const cycles = (count: number): string[] =>
  ['EXECUTION', 'REVIEW'].flatMap((kind) =>
    Array.from({ length: count }, (_, index) => `${kind} ${index + 1} SUCCEEDED`),
  );

/** How often a landing may send a task back before nothing more is planned for its runs. */
const CONFLICTS_MAX = 8;

const approved = { verdict: { verdict: 'APPROVED', summary: 'Good' } };
const revision = (text: string) => ({
  verdict: { verdict: 'REVISION', summary: text, issues: [{ severity: 'blocking', text }] },
});

const titleOf = (number: number): string => `Follow-up ${number}`;

/** What every follow-up plays, and what must come of it. */
export const followUpCourse = (title: string): Course => ({
  ...{ kind: 'follow-up', ends: 'DONE', runs: cycles(1), followUps: [], landsIn: 'deliverable' },
  script: {
    executions: [{ turns: [{ files: { [`${title}.txt`]: 'done\n' } }], report: 'done' } as Play],
    reviews: [{ turns: [{ delayMs: 1 }] }],
  },
});

const followUps = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const title = titleOf(index + 1);
    const { script } = followUpCourse(title);
    return { title, description: `\`\`\`scenario\n${JSON.stringify(script)}\n\`\`\`` };
  });

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
  /** Without a file: its landing is a statement. */
  const words = () => ({ turns: [{ say: key, delayMs: dice.between(10, 200) }], report: key });
  const reads = (then: object) => ({ turns: [{ delayMs: dice.between(10, 200) }], ...then });
  const reviewed = (...reviews: object[]) => ({
    script: {
      executions: Array.from({ length: reviews.length }, () => work()),
      reviews: reviews.map(reads),
    },
    runs: cycles(reviews.length),
  });
  const plain: PlannedTask = {
    ...{ kind, input: {}, habit: 'none', ends: 'DONE', followUps: [], landsIn: 'deliverable' },
    ...reviewed(approved),
  };
  const spawning = (verdict: string, count: number) => ({
    verdict: {
      ...{ verdict, summary: 'and more', spawn: followUps(count) },
      ...(verdict === 'SPAWN' ? {} : { issues: [{ severity: 'blocking', text: 'mend it' }] }),
    },
  });
  /** The fault is in the first execution alone. */
  const faulty = (faults: object) => ({
    executions: [work({ faults }), work()],
    reviews: [reads(approved)],
  });
  const unreadable = (faults: object) => ({ executions: [words()], reviews: [reads({ faults })] });
  const failsOnce = ['EXECUTION 1 FAILED', 'EXECUTION 2 SUCCEEDED', 'REVIEW 1 SUCCEEDED'];
  switch (kind) {
    case 'plain':
      return plain;
    case 'revision':
      return { ...plain, ...reviewed(revision('once'), revision('twice'), approved) };
    case 'spawn':
      return {
        ...{ ...plain, ...reviewed(spawning('SPAWN', 2)) },
        followUps: [titleOf(1), titleOf(2)],
      };
    case 'revision-and-spawn':
      return {
        ...{ ...plain, ...reviewed(spawning('REVISION+SPAWN', 1), approved) },
        followUps: [titleOf(1)],
      };
    case 'lead':
      return { ...plain, input: { assignee: 'lead' } };
    case 'lead-rejected':
      return {
        ...{ ...plain, input: { assignee: 'architect' }, habit: 'rejects' },
        ...{ ends: 'REJECTED', runs: [] },
      };
    case 'question':
      return { ...plain, script: faulty({ ask: { turn: 1, question: 'blue or red?' } }) };
    case 'merge':
      return { ...plain, input: { repository }, landsIn: 'repository' };
    case 'conflict': {
      const shared = { 'shared.txt': `${key} was here\n` };
      const again = Array.from({ length: CONFLICTS_MAX }, () => ({
        ...{ turns: [{ files: shared, delayMs: dice.between(20, 400) }], report: 'resolved' },
      }));
      const executions = [{ turns: turns(2, shared), report: 'changed' }, ...again];
      const script = { executions, reviews: executions.map(() => reads(approved)) };
      return { ...plain, script, input: { repository }, landsIn: 'repository' };
    }
    case 'two-reviewers':
      return {
        ...{ ...plain, input: { reviewers: ['reviewer', 'tester'] } },
        script: { executions: [work()], reviews: [reads(approved), reads(approved)] },
        runs: [...cycles(1), 'REVIEW 2 SUCCEEDED'],
      };
    case 'unreadable-once':
      return { ...plain, script: unreadable({ garbageOnce: 'LGTM' }) };
    case 'unreadable':
      return {
        ...{ ...plain, script: unreadable({ garbageVerdict: 'APPROVED!' }) },
        runs: ['EXECUTION 1 SUCCEEDED', 'REVIEW 1 FAILED', 'REVIEW 2 SUCCEEDED'],
      };
    case 'fails':
      return {
        ...plain,
        script: faulty({ fail: { turn: 1, message: 'cannot' } }),
        runs: failsOnce,
      };
    case 'later':
      return { ...plain, script: faulty({ later: { turn: 1, seconds: 1.5 } }) };
    case 'cancelled':
      return {
        ...{ ...plain, habit: 'cancels', ends: 'CANCELLED', runs: ['EXECUTION 1 CANCELLED'] },
        script: { executions: [work({ faults: { hangAtTurn: 1 } })] },
      };
    case 'paused':
      return { ...plain, habit: 'pauses' };
    case 'guided':
      return { ...plain, ...reviewed(revision('once'), approved), habit: 'guides' };
    case 'reprioritised':
      return { ...plain, habit: 'reprioritises' };
    case 'reassigned':
      return { ...plain, script: faulty(REASSIGNABLE), runs: failsOnce, habit: 'reassigns' };
    default:
      return kind satisfies never;
  }
}

/** Blocks, so that there is a moment in which another agent may take over. */
const REASSIGNABLE = { fail: { turn: 1, message: 'not my trade' } };
