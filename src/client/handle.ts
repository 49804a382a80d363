import {
  stateQuery,
  type TaskOutcome,
  type TaskState,
  timelineQuery,
  type VerbAnswer,
} from '../contract.js';
import { type FollowOptions, follow, outcome } from './follow.js';
import { ask, type Call, type Link } from './link.js';
import { messageOf, type VerbOptions, type Verbs, verbsOver } from './verbs.js';

/** A verb that waits for its answer. */
export interface AskOptions extends VerbOptions {
  /** How long to wait for the answer, in milliseconds; else the connection's 5000. */
  readonly timeoutMs?: number;
}

/** One task. It holds no state: every call asks Temporal. */
export interface TaskHandle extends Verbs<VerbAnswer, AskOptions> {
  /** What Temporal knows the task by; `tasks.get` takes it. */
  readonly workflowId: string;

  /**
   * The same verbs, sent and not waited for: they resolve as soon as Temporal has stored them, also
   * while no worker runs. What comes of them is in `state()` and in the audit log alone.
   * @throws TaskNotFound, WrongState (the task has ended), Unreachable
   */
  readonly signal: Verbs<void>;

  /**
   * Where the task stands, as its workflow sees it.
   * @throws TaskNotFound, InvalidTaskInput, DuplicateKey, TaskEnded (it could not be filed),
   *   Timeout (no worker), Unreachable
   */
  state(): Promise<TaskState>;

  /**
   * The history as people read it, a line each: runs, verdicts, status.
   * @throws TaskNotFound, Timeout (no worker), Unreachable
   */
  timeline(): Promise<string[]>;

  /**
   * The state now, then after every change, the last one terminal. A status that lasted for less
   * than a reading takes may be passed over; order is kept. Ends without an error when `signal`
   * aborts. Outages of workers and of Temporal are outlasted for `patienceMs`.
   * @throws as `result`, and Timeout (no worker)
   */
  follow(options?: FollowOptions): AsyncGenerator<TaskState, void, undefined>;

  /**
   * How the task ended, however long that takes; `REJECTED` and `CANCELLED` are no errors.
   * @throws InvalidTaskInput, DuplicateKey, TaskEnded (it could not be filed), TaskFailed
   *   (terminated in Temporal), TaskNotFound, Unreachable (for longer than `patienceMs`);
   *   the signal's reason when `signal` aborts
   */
  result(options?: FollowOptions): Promise<TaskOutcome>;
}

export function handleOf(link: Link, workflowId: string): TaskHandle {
  const workflow = link.client.workflow.getHandle(workflowId);
  const call = (what: string): Call => ({ what, workflowId });
  const query = (what: string): Call => ({ what, workflowId, answeredBy: 'worker' });
  const state = () => ask(link, query('state'), () => workflow.query(stateQuery));

  const verbs = verbsOver<VerbAnswer, AskOptions>((verb, content, options) => {
    const message = messageOf(content, options, link.by);
    const { messageId } = message;
    // One decision of one principal: sent again under its id, it gets the answer that it got.
    return ask(link, { ...call(verb), timeoutMs: options?.timeoutMs, messageId }, () =>
      workflow.executeUpdate<VerbAnswer, [unknown]>(verb, { args: [message], updateId: messageId }),
    );
  });
  const signal = verbsOver<void, VerbOptions>((verb, content, options) =>
    ask(link, call(verb), () => workflow.signal(verb, messageOf(content, options, link.by))),
  );

  return {
    ...verbs,
    workflowId,
    signal,
    state,
    timeline: () => ask(link, query('timeline'), () => workflow.query(timelineQuery)),
    follow: (options = {}) => follow(link, workflowId, state, options),
    result: (options = {}) => outcome(link, workflowId, options),
  };
}
