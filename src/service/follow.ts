import { setTimeout as sleep } from 'node:timers/promises';
import { type LogEvent, readEvents } from '../../drizzle/read-output.js';
import { isTerminal } from '../domain/task.js';
import type { ServiceDeps } from './deps.js';
import { taskNamed } from './find-task.js';
import { markOf, show, type TaskDetails } from './tasks.js';

/** Often enough to look live, seldom enough to cost nothing. */
const LOOK_EVERY_MS = 250;

interface FollowOptions {
  readonly signal?: AbortSignal;
}

/** The task whenever something of it has changed, until it has ended. */
export async function* follow(
  deps: ServiceDeps,
  name: string,
  { signal }: FollowOptions = {},
): AsyncGenerator<TaskDetails> {
  const { id } = await taskNamed(deps.database, name);
  for (let shown = ''; ; ) {
    const mark = await markOf(deps, id);
    if (mark !== shown) {
      const task = await show(deps, id);
      yield task;
      if (isTerminal(task.status)) return;
      shown = mark;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** What the task's runs have told so far and, when it is followed, go on to tell until its end. */
export async function* logs(
  deps: ServiceDeps,
  name: string,
  { signal, follow: isFollowed }: FollowOptions & { readonly follow: boolean },
): AsyncGenerator<LogEvent> {
  const { id } = await taskNamed(deps.database, name);
  for (let after = 0; ; ) {
    // Asked before the events are read: what is told until its end is read after it.
    const { status } = await taskNamed(deps.database, id);
    for (;;) {
      const events = await readEvents(deps.database, id, after);
      yield* events;
      after = events.at(-1)?.id ?? after;
      if (events.length === 0) break;
    }
    if (!isFollowed || isTerminal(status)) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
