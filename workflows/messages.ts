import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  currentUpdateInfo,
  log,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  DOORS,
  lookAgain,
  pullRequestMoved,
  runPromoted,
  signals,
  stateQuery,
  timelineQuery,
  updates,
  type VerbAnswer,
  type VerbMessage,
} from '../src/contract.js';
import { PRIORITIES, VERBS, type Verb } from '../src/domain/task.js';
import { sayingWhy } from './endings.js';
import { type Applying, Mailbox } from './mailbox.js';
import { apart, steps } from './proxies.js';
import { untilStill } from './still.js';
import type { TaskView } from './task-view.js';
import { describeVerb } from './what-to-do.js';

/** What the messages of a task act on, once it is registered. */
interface Hearer {
  readonly view: TaskView;
  granted(run: string): void;
  lookAgain(): Promise<void>;
  applied(message: VerbMessage, answer: VerbAnswer): void;
  pullRequestMoved(): void;
  /** Whether a small step of the task itself is at work. */
  isStepping(): boolean;
}

/** What a history hands to the next one of the same task. */
export interface Heard {
  /** How many signals of each verb were heard: their ids are counted on. */
  readonly counts: Partial<Record<Verb, number>>;
  /** Signals that were heard and not applied yet. */
  readonly rest: readonly VerbMessage[];
}

interface Listening {
  /** Lets through what has arrived. */
  open(hearer: Hearer): void;
  /** How many messages this history has brought. */
  count(): number;
  /** true: only what cannot be handed to the next history is applied. */
  close(closing: boolean): void;
  /** Whether all that has arrived was applied and answered; once closed, or may be handed on. */
  isQuiet(): boolean;
  heard(): Heard;
}

/**
 * Registers every handler before the first `await`. What arrives before the task is registered
 * waits; `open` lets it through.
 */
export function listen(before: Heard | null): Listening {
  let hearer: Hearer | null = null;
  const registered = async (): Promise<Hearer> => {
    await condition(() => hearer !== null);
    if (hearer === null) throw new Error('opened without a hearer');
    return hearer;
  };
  const apply: Applying = async (messages, where) => {
    const { view, applied } = await registered();
    const answers = await applyAll(view.taskId, messages, where);
    const last = answers.at(-1);
    if (last !== undefined) view.answered(last);
    for (const [index, answer] of answers.entries()) {
      const message = messages[index];
      if (message !== undefined) applied(message, answer);
    }
    return answers;
  };
  const mailbox = new Mailbox(apply, async () => untilStill((await registered()).isStepping));
  const counts = { ...before?.counts };
  for (const message of before?.rest ?? []) mailbox.post(message, nobody(message.verb));
  mailbox.count = 0; // those were counted where they were heard
  for (const verb of VERBS) hearVerb(verb, mailbox, counts);
  const granted = async (grant?: { readonly run?: unknown }) => {
    mailbox.count++;
    if (typeof grant?.run === 'string') (await registered()).granted(grant.run);
    else log.warn('signal runPromoted was ignored: it names no run');
  };
  const again = () => {
    mailbox.count++;
    return mailbox.inTurn(async () => (await registered()).lookAgain());
  };
  const moved = async () => {
    mailbox.count++;
    (await registered()).pullRequestMoved();
  };
  const state = () => {
    if (hearer === null) throw new Error('the task is not registered yet');
    return hearer.view.current();
  };
  const timeline = () => hearer?.view.timeline() ?? [];
  setHandler(runPromoted, granted, { description: 'Not for people: a run may start.' });
  setHandler(lookAgain, again, { description: 'Not for people: a policy or the squad changed.' });
  setHandler(pullRequestMoved, moved, { description: 'Not for people: something came of it.' });
  setHandler(stateQuery, state, { description: 'Where the task stands, and all its runs.' });
  setHandler(timelineQuery, timeline, { description: 'The history of the task, line by line.' });
  setDefaultSignalHandler((name) => {
    log.warn(`signal "${name}" is not known and was ignored; known are ${VERBS.join(', ')}`);
  });
  return {
    open(opened) {
      hearer = opened;
    },
    count: () => mailbox.count,
    close: (closing) => mailbox.close(closing),
    isQuiet: () => mailbox.isQuiet && allHandlersFinished(),
    heard: () => ({ counts, rest: mailbox.rest() }),
  };
}

/** One message is a step that names its sender; many are one step. */
async function applyAll(
  taskId: string,
  messages: readonly VerbMessage[],
  where: 'here' | 'apart',
): Promise<readonly VerbAnswer[]> {
  const [first] = messages;
  if (first === undefined) return [];
  const one = messages.length === 1;
  const options = { summary: one ? `${first.verb} by ${first.by}` : `${messages.length} messages` };
  if (one && where === 'here') {
    return [await sayingWhy(steps.applyVerb.executeWithOptions(options, [taskId, first]))];
  }
  const { applyVerbs } = where === 'here' ? steps : apart;
  const { answers, runs } = await sayingWhy(
    applyVerbs.executeWithOptions(options, [taskId, messages]),
  );
  return answers.map((answer) => ({ ...answer, runs }));
}

/** The signal for who need no answer, the update for who do; both end in one decision. */
function hearVerb(verb: Verb, mailbox: Mailbox, counts: Heard['counts']): void {
  const description = describeVerb(verb);
  // Counted, not random: a reset delivers the same signals in the same order, under the same ids.
  const nextId = () => {
    const count = (counts[verb] ?? 0) + 1;
    counts[verb] = count;
    return `${workflowInfo().firstExecutionRunId}/${verb}/${count}`;
  };
  const asSignal: (raw?: unknown) => void = (raw) => {
    const message = toMessage(verb, raw, nextId);
    if (typeof message === 'string') ignored(verb, message);
    else mailbox.post(message, nobody(verb));
  };
  const asUpdate: (raw?: unknown) => Promise<VerbAnswer> = async (raw) => {
    const message = toMessage(verb, raw, () => currentUpdateInfo()?.id ?? nextId());
    if (typeof message === 'string') throw refusal(message, 'InvalidMessage');
    const answer = await new Promise<VerbAnswer>((resolve, reject) => {
      mailbox.post(message, { answer: resolve, fail: reject, waits: true });
    });
    if (answer.error !== null) throw refusal(answer.message, answer.error);
    return answer;
  };
  const validator = (raw?: unknown): void => {
    const message = toMessage(verb, raw, () => '');
    if (typeof message === 'string') throw refusal(message, 'InvalidMessage');
  };
  setHandler(signals[verb] as typeof signals.approve, asSignal, { description });
  setHandler(updates[verb] as typeof updates.approve, asUpdate, { description, validator });
}

/** Who sent a signal is told nothing. */
const nobody = (verb: Verb) => ({
  waits: false,
  answer({ error, message }: VerbAnswer) {
    if (error !== null) ignored(verb, message);
  },
  fail: (error: unknown) => ignored(verb, String(error)),
});

const ignored = (verb: Verb, why: string) => log.warn(`signal ${verb} was ignored: ${why}`);

const refusal = (message: string, type: string) => ApplicationFailure.nonRetryable(message, type);

/** A message as any client may send it; a sentence when it cannot be used. */
function toMessage(verb: Verb, raw: unknown, nextId: () => string): VerbMessage | string {
  if (raw !== undefined && raw !== null && (typeof raw !== 'object' || Array.isArray(raw))) {
    return `expected an object such as {"by": "person:ann"}, got ${JSON.stringify(raw)}`;
  }
  const given = (raw ?? {}) as Partial<Record<keyof VerbMessage, unknown>>;
  for (const field of [
    'by',
    'door',
    'messageId',
    'reason',
    'text',
    'executor',
    'priority',
  ] as const) {
    if (given[field] !== undefined && typeof given[field] !== 'string') {
      return `${field}: expected text, got ${JSON.stringify(given[field])}`;
    }
  }
  const text = given as { [K in keyof VerbMessage]?: string };
  const door = DOORS.find((each) => each === (text.door ?? 'temporal'));
  if (door === undefined) {
    return `door: expected one of ${DOORS.join(', ')}, got ${JSON.stringify(text.door)}`;
  }
  const missing = lacking(verb, given);
  if (missing !== null) return missing;
  return {
    verb,
    by: text.by ?? 'person:unnamed',
    door,
    messageId: text.messageId ?? nextId(),
    ...(text.reason === undefined ? {} : { reason: text.reason }),
    ...(text.text === undefined ? {} : { text: text.text }),
    ...(text.executor === undefined ? {} : { executor: text.executor }),
    ...(given.reviewers === undefined ? {} : { reviewers: given.reviewers as string[] }),
    ...(text.priority === undefined
      ? {}
      : { priority: text.priority.toUpperCase() as (typeof PRIORITIES)[number] }),
  };
}

function lacking(verb: Verb, given: Partial<Record<keyof VerbMessage, unknown>>): string | null {
  if ((verb === 'guide' || verb === 'answer') && !String(given.text ?? '').trim()) {
    return `text: say what the agent is to be told; ${verb} needs it`;
  }
  if (verb === 'reassign' && given.executor === undefined && given.reviewers === undefined) {
    return 'executor or reviewers: name who is to have the task';
  }
  const { reviewers } = given;
  if (
    reviewers !== undefined &&
    !(Array.isArray(reviewers) && reviewers.every((r) => typeof r === 'string'))
  ) {
    return `reviewers: expected a list of agents, got ${JSON.stringify(reviewers)}`;
  }
  const priority = String(given.priority ?? '').toUpperCase();
  if (verb === 'reprioritise' && !(PRIORITIES as readonly string[]).includes(priority)) {
    const got = JSON.stringify(given.priority);
    return `priority: expected one of ${PRIORITIES.join(', ')}, got ${got}`;
  }
  return null;
}
