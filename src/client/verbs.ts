import { randomUUID } from 'node:crypto';
import type { Door, Envelope, GuideMessage, ReassignMessage } from '../contract.js';
import type { Priority, Verb } from '../domain/task.js';

/** What every verb may be told besides what it is about. */
export interface VerbOptions {
  /** The principal who decides, such as `person:ann`; else the connection's. */
  readonly by?: string;
  /** Which door the decision came through, for the audit log; else `sdk`. */
  readonly door?: Door;
  /** Why, in the person's words. */
  readonly reason?: string;
  /**
   * The same id is applied once and answered once, however often it is sent; else a fresh one.
   * A `Timeout` carries the id to repeat the call with.
   */
  readonly messageId?: string;
}

/** The verbs of a task, whichever way they are sent. */
export interface Verbs<Answer, Options extends VerbOptions = VerbOptions> {
  /** Admits the task from the inbox. */
  approve(options?: Options): Promise<Answer>;
  /** Refuses the task in the inbox and ends it. */
  reject(options?: Options): Promise<Answer>;
  /** Tells the next execution something. Legal until the result lands. */
  guide(text: string, options?: Options): Promise<Answer>;
  /** Answers the question that blocks the task; no cycle is charged. */
  answer(text: string, options?: Options): Promise<Answer>;
  /** Grants one more cycle, or the failed step again. */
  retry(options?: Options): Promise<Answer>;
  /** Gives the task to another executor, to other reviewers, or both; agents by their ids. */
  reassign(to: AssignTo, options?: Options): Promise<Answer>;
  /** Accepts the last successful result of a blocked task as it is. */
  accept(options?: Options): Promise<Answer>;
  /** Stops the task. */
  cancel(options?: Options): Promise<Answer>;
  /** Moves the task in every line that it stands in. */
  reprioritise(priority: Priority, options?: Options): Promise<Answer>;
  /** Holds the task until `resume`. */
  pause(options?: Options): Promise<Answer>;
  /** Lets a paused task go on. */
  resume(options?: Options): Promise<Answer>;
}

export type AssignTo = Pick<ReassignMessage, 'executor' | 'reviewers'>;

type Message = Envelope & Partial<GuideMessage & ReassignMessage & { priority: Priority }>;

/** What a verb says besides principal, door and id. */
type Content = Pick<Message, 'text' | 'executor' | 'reviewers' | 'priority'>;

/** The eleven verbs over one way of sending a message. */
export function verbsOver<Answer, Options extends VerbOptions>(
  send: (verb: Verb, content: Content, options: Options | undefined) => Promise<Answer>,
): Verbs<Answer, Options> {
  return {
    approve: (options) => send('approve', {}, options),
    reject: (options) => send('reject', {}, options),
    guide: (text, options) => send('guide', { text }, options),
    answer: (text, options) => send('answer', { text }, options),
    retry: (options) => send('retry', {}, options),
    reassign: ({ executor, reviewers }, options) =>
      send(
        'reassign',
        { ...(executor ? { executor } : {}), ...(reviewers ? { reviewers } : {}) },
        options,
      ),
    accept: (options) => send('accept', {}, options),
    cancel: (options) => send('cancel', {}, options),
    reprioritise: (priority, options) => send('reprioritise', { priority }, options),
    pause: (options) => send('pause', {}, options),
    resume: (options) => send('resume', {}, options),
  };
}

/** A message as it crosses Temporal: always with a name, a door and an id. */
export function messageOf(
  content: Content,
  options: VerbOptions | undefined,
  defaultBy: string,
): Message & { readonly messageId: string } {
  const { by = defaultBy, door = 'sdk', reason, messageId = randomUUID() } = options ?? {};
  return { ...content, by, door, messageId, ...(reason === undefined ? {} : { reason }) };
}
