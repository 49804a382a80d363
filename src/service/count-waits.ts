import { WAITS_READ, type WaitRow } from '../../drizzle/read-house.js';
import type { WaitReason } from '../domain/task.js';
import { counted } from '../domain/text.js';

/** How many tasks wait for one thing, and what the first of them says of it. */
export interface CountedWait {
  readonly reason: WaitReason;
  readonly tasks: number;
  /** `2 tasks wait: daily-runs (implementer has started 20 today)`. */
  readonly sentence: string;
}

/** The commonest first. A task with several seats that wait for the same is one. */
export function countWaits(waits: readonly WaitRow[]): CountedWait[] {
  const isAll = new Set(waits.map(({ number }) => number)).size < WAITS_READ;
  const among = isAll ? '' : `of the ${WAITS_READ} oldest `;
  return [...new Set(waits.map(({ reason }) => reason))]
    .map((reason): CountedWait => {
      const rows = waits.filter((wait) => wait.reason === reason);
      const tasks = new Set(rows.map(({ number }) => number)).size;
      const detail = rows.find((row) => row.detail !== null)?.detail ?? null;
      const what = detail === null ? reason : `${reason} (${detail})`;
      const wait = `${among}${counted(tasks, 'task waits', 'tasks wait')}`;
      return { reason, tasks, sentence: `${wait}: ${what}` };
    })
    .toSorted((left, right) => right.tasks - left.tasks);
}
