import { advisedLimit, POLICY_NAMES } from './policy.js';
import type { BlockReason, Verb, WaitReason } from './task.js';

/** Why a task does not go on by itself right now, computed from its cause when read. */
export interface Wait {
  readonly reason: WaitReason;
  /** `policy.field`, where a rule holds it: `execution-limits.maxConcurrentPerAgent`. */
  readonly rule: string | null;
  /** The rule's value, with its version: `3, version 2`. Without a rule, the agent it is about. */
  readonly value: string | null;
  /** ISO time. */
  readonly since: string | null;
  readonly place: { readonly position: number; readonly of: number } | null;
  /** What the cause says of itself, in a few words: `implementer runs 3 of 3`. */
  readonly detail: string | null;
  /** The figure of the rule that is needed, where it is known. */
  readonly enough?: number | null;
}

interface Explained {
  readonly sentence: string;
  /** The command that moves it on; null where only time or the world does. */
  readonly command: string | null;
}

interface WaitTask {
  readonly label: string;
}

type CommandOf = (wait: Wait, task: WaitTask) => string | null;

const raiseRule: CommandOf = ({ rule, value, enough }) => {
  const [name, field] = (rule ?? '').split('.');
  const policy = POLICY_NAMES.find((each) => each === name);
  if (policy === undefined) return null;
  if (field === undefined) return `mission policy enable ${policy}`;
  const now = /^\d+/.exec(value ?? '')?.[0];
  if (now === undefined) return `mission policy show ${policy}`;
  const advised = advisedLimit(policy, field, Number(now), enough ?? null);
  return `mission policy set ${policy} ${field}=${advised}`;
};
const byTime: CommandOf = () => null;

interface WaitFacts {
  readonly means: string;
  readonly command: CommandOf;
  /** Between what it means and its detail, where a colon would be wrong. */
  readonly join?: string;
}

/** What each wait is, and what moves it on. */
const WAITS: Readonly<Record<WaitReason, WaitFacts>> = {
  approval: { means: "waits for a person's approval", command: byVerb('approve') },
  slot: { means: 'waits for a slot', command: raiseRule },
  'daily-runs': { means: 'waits for a new day: its runs are used up', command: raiseRule },
  'daily-tokens': { means: 'waits for a new day: its tokens are used up', command: raiseRule },
  'squad-paused': {
    means: 'waits: the squad is paused',
    join: ' ',
    command: () => 'mission resume',
  },
  'task-paused': { means: 'waits: the task is paused', command: byVerb('resume') },
  'agent-disabled': {
    means: 'waits for its agent, which is off',
    command: ({ value }) => (value ? `mission agent enable ${value}` : 'mission agent list'),
  },
  'no-reviewer': {
    means: 'waits for a reviewer: no enabled agent may review this',
    command: ({ value }) => (value ? `mission agent enable ${value}` : 'mission agent list'),
  },
  'no-backend': {
    means: 'waits for its agent to be connected',
    command: ({ value }) => (value ? `mission agent connect ${value}` : 'mission agent connect'),
  },
  'credential-paused': {
    means: 'waits for its provider',
    join: ' ',
    command: ({ value }) => (value ? `mission agent resume ${value}` : null),
  },
  'no-sandbox': {
    means: 'waits for a sandbox that its program may run in',
    command: () => 'mission doctor',
  },
  'no-worker': { means: 'waits for a worker: none is running', command: () => 'mission up' },
  'worker-slot': { means: 'waits for a worker: all of them are busy', command: byTime },
  'back-off': { means: 'waits before the next try', command: byTime },
  disk: { means: 'waits for disk space', command: () => 'mission status' },
  'landing-queue': { means: 'waits for another landing in its repository', command: byTime },
  'pull-request': { means: 'waits for its pull request to be merged', command: byTime },
  dependency: { means: 'waits for a task that it depends on', command: byTime },
};

/** One short sentence for a wait, and the command that moves it on. */
export function explainWait(wait: Wait, task: WaitTask): Explained {
  const { means, command, join = ': ' } = WAITS[wait.reason];
  const detail = wait.detail === null ? '' : `${join}${wait.detail}`;
  const rule = wait.rule === null ? '' : ` (${wait.rule}${ofValue(wait)})`;
  const place = wait.place === null ? '' : `; place ${wait.place.position} of ${wait.place.of}`;
  return { sentence: `${means}${detail}${rule}${place}`, command: command(wait, task) };
}

const ofValue = ({ value }: Wait): string => (value === null ? '' : ` = ${value}`);

const TAILS = {
  approve: '',
  reject: '',
  guide: ' "what to do differently"',
  answer: ' "your answer"',
  retry: '',
  reassign: ' --executor AGENT',
  accept: '',
  cancel: '',
  reprioritise: ' PRIORITY',
  pause: '',
  resume: '',
} as const satisfies Record<Verb, string>;

/** How a verb is typed: the one place that knows where verbs live in the command line. */
export const verbCommand = (name: Verb, label: string): string =>
  `mission task ${name} ${label}${TAILS[name]}`;

function byVerb(name: Verb): CommandOf {
  return (_, { label }) => verbCommand(name, label);
}

/**
 * What each block is, and the verbs that end it. `accept` is missing where a run is still open or
 * where there may be no successful execution to accept.
 */
export const BLOCKS = {
  'revision-cap': {
    means: 'the reviewers asked for changes in every cycle that the policy allows',
    verbs: ['retry', 'guide', 'accept', 'reassign', 'cancel'],
  },
  'landing-cap': {
    means: 'landing sent the task back as often as the policy allows',
    verbs: ['retry', 'guide', 'accept', 'cancel'],
  },
  'execution-failed': {
    means: 'the execution failed',
    verbs: ['retry', 'guide', 'reassign', 'cancel'],
  },
  'review-failed': {
    means: 'the review failed: no verdict could be read',
    verbs: ['retry', 'accept', 'reassign', 'cancel'],
  },
  'setup-failed': {
    means: 'the working copy could not be prepared',
    verbs: ['retry', 'cancel'],
  },
  'landing-failed': {
    means: 'the accepted result could not be landed',
    verbs: ['retry', 'guide', 'cancel'],
  },
  'sensitive-change': {
    means: 'the result changes files that a person must look at',
    verbs: ['accept', 'retry', 'guide', 'cancel'],
  },
  'budget-spent': {
    means: 'the token budget of this run or task is spent',
    verbs: ['retry', 'guide', 'cancel'],
  },
  question: { means: 'the agent asks', verbs: ['answer', 'reassign', 'cancel'] },
} as const satisfies Record<BlockReason, { means: string; verbs: readonly Verb[] }>;

/** One sentence for a block, and the commands by which a person ends it. */
export function explainBlock(
  reason: BlockReason,
  detail: string | null,
  task: WaitTask,
): { readonly sentence: string; readonly commands: readonly string[] } {
  const { means, verbs } = BLOCKS[reason];
  const sentence = detail === null ? means : `${means}: ${detail}`;
  const commands = verbs.map((each) => verbCommand(each, task.label));
  // A new executor would not mend a review that failed.
  const forReviewer = (command: string) => command.replace('--executor', '--reviewer');
  return { sentence, commands: reason === 'review-failed' ? commands.map(forReviewer) : commands };
}
