import {
  ApplicationFailure,
  CancellationScope,
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
import { steps } from './proxies.js';
import type { TaskView } from './task-view.js';
import { describeVerb } from './what-to-do.js';

/** What the messages of a task act on, once it is registered. */
interface Hearer {
  readonly view: TaskView;
  granted(run: string): void;
  lookAgain(): Promise<void>;
  applied(message: VerbMessage, answer: VerbAnswer): void;
}

/**
 * Registers every handler before the first `await`. What arrives before the task is registered
 * waits; `open` lets it through.
 */
export function listen(): { open(hearer: Hearer): void } {
  let hearer: Hearer | null = null;
  const registered = async (): Promise<Hearer> => {
    await condition(() => hearer !== null);
    if (hearer === null) throw new Error('opened without a hearer');
    return hearer;
  };
  const inTurn = queue();
  const apply = (message: VerbMessage): Promise<VerbAnswer> =>
    inTurn(async () => {
      const { view, applied } = await registered();
      const summary = `${message.verb} by ${message.by}`;
      const apply = steps.applyVerb.executeWithOptions({ summary }, [view.taskId, message]);
      const answer = await sayingWhy(apply);
      view.answered(answer);
      applied(message, answer);
      return answer;
    });

  for (const verb of VERBS) hearVerb(verb, apply);
  const granted = async (grant?: { readonly run?: unknown }) => {
    if (typeof grant?.run === 'string') (await registered()).granted(grant.run);
    else log.warn('signal runPromoted was ignored: it names no run');
  };
  const again = () => inTurn(async () => (await registered()).lookAgain());
  const state = () => {
    if (hearer === null) throw new Error('the task is not registered yet');
    return hearer.view.current();
  };
  const timeline = () => hearer?.view.timeline() ?? [];
  setHandler(runPromoted, granted, { description: 'Not for people: a run may start.' });
  setHandler(lookAgain, again, { description: 'Not for people: a policy or the squad changed.' });
  setHandler(stateQuery, state, { description: 'Where the task stands, and all its runs.' });
  setHandler(timelineQuery, timeline, { description: 'The history of the task, line by line.' });
  setDefaultSignalHandler((name) => {
    log.warn(`signal "${name}" is not known and was ignored; known are ${VERBS.join(', ')}`);
  });
  return {
    open(opened) {
      hearer = opened;
    },
  };
}

/**
 * One after the other, as they came: `resume` never overtakes `pause`. A message that was taken is
 * applied, also while the workflow is being cancelled.
 */
function queue() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(() => CancellationScope.nonCancellable(work));
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** The signal for who need no answer, the update for who do; both end in one decision. */
function hearVerb(verb: Verb, apply: (message: VerbMessage) => Promise<VerbAnswer>): void {
  const description = describeVerb(verb);
  let heard = 0;
  // Counted, not random: a reset delivers the same signals in the same order, under the same ids.
  const nextId = () => `${workflowInfo().firstExecutionRunId}/${verb}/${++heard}`;
  const asSignal: (raw?: unknown) => Promise<void> = async (raw) => {
    const message = toMessage(verb, raw, nextId);
    if (typeof message === 'string') return ignored(verb, message);
    try {
      const { error, message: why } = await apply(message);
      if (error !== null) ignored(verb, why);
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      ignored(verb, error.message);
    }
  };
  const asUpdate: (raw?: unknown) => Promise<VerbAnswer> = async (raw) => {
    const message = toMessage(verb, raw, () => currentUpdateInfo()?.id ?? nextId());
    if (typeof message === 'string') throw refusal(message, 'InvalidMessage');
    const answer = await apply(message);
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
