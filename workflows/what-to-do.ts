import type { AdmissionAnswer, TaskState } from '../src/contract.js';
import { isTerminal, PRIORITIES, type Verb } from '../src/domain/task.js';
import { BLOCKS, verbCommand } from '../src/domain/wait.js';

/** An input as a person pastes it into Temporal's Web UI, with another name. */
const input = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ by: 'person:ann', ...more });

const HELP = {
  approve: { does: 'admits the task, which waits in the inbox', paste: input() },
  reject: {
    does: 'refuses the task, which waits in the inbox, and ends it',
    paste: input({ reason: 'why' }),
  },
  guide: {
    does: 'tells the next execution something',
    paste: input({ text: 'what to do differently' }),
  },
  answer: {
    does: 'answers the question that blocks the task',
    paste: input({ text: 'your answer' }),
  },
  retry: {
    does: 'unblocks the task: one more cycle, or the failed step again',
    paste: input(),
  },
  reassign: {
    does: 'gives the task to another executor, other reviewers, or both',
    paste: input({ executor: 'implementer', reviewers: ['tester'] }),
  },
  accept: {
    does: 'unblocks the task: its last result is good as it is',
    paste: input({ reason: 'why' }),
  },
  cancel: { does: 'stops the task for good', paste: input({ reason: 'why' }) },
  reprioritise: {
    does: `moves the task in its line (${PRIORITIES.join(', ')})`,
    paste: input({ priority: 'URGENT' }),
  },
  pause: { does: 'holds the task until resume', paste: input() },
  resume: { does: 'lets the paused task go on', paste: input() },
} as const satisfies Record<Verb, { does: string; paste: string }>;

const HOW =
  'On this page: *More Actions*, *Send a Signal*, choose one of these, paste its input, put your ' +
  'own name into it.';

/** What the page shows beside the name of a signal or an update. */
export const describeVerb = (verb: Verb): string =>
  `${upperFirst(HELP[verb].does)}. Input: ${HELP[verb].paste}`;

/**
 * Below the timeline, in Markdown: whose task it is and, when a person is waited for, why, and the
 * signals that go on, with their inputs.
 */
export function whatToDo(task: TaskState, admission: AdmissionAnswer): string[] {
  const { assignee, reviewers, priority, label } = task;
  const by =
    reviewers.length === 0 ? 'the reviewer who is free then' : `**${reviewers.join(', ')}**`;
  const people = `Executed by **${assignee}**, reviewed by ${by}; priority ${priority}.`;
  const decision = awaited(task, admission);
  if (decision === null) return [people];
  const [first] = decision.verbs;
  const signals = decision.verbs.map(
    (verb) => `- **${verb}** ${HELP[verb].does}: \`${HELP[verb].paste}\``,
  );
  return [
    people,
    '',
    `**A person is waited for**: ${decision.why}.`,
    '',
    `${HOW} Or in a terminal: \`${verbCommand(first, label)}\``,
    '',
    ...signals,
  ];
}

/** The decision that a person owes the task, and the verbs that take it. */
function awaited(
  { status, blocked, paused }: TaskState,
  admission: AdmissionAnswer,
): { why: string; verbs: readonly [Verb, ...Verb[]] } | null {
  if (isTerminal(status)) return null;
  if (blocked !== null) return { why: BLOCKS[blocked].means, verbs: BLOCKS[blocked].verbs };
  if (status === 'INBOX') return { why: admission.reason, verbs: ['approve', 'reject'] };
  return paused ? { why: 'the task is paused', verbs: ['resume'] } : null;
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
