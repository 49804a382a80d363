import type { Database } from './db.js';
import type { Invariant } from './invariants/invariant.js';
import { OF_HOUSE } from './invariants/of-house.js';
import { OF_TASKS } from './invariants/of-tasks.js';

export interface Breach {
  readonly number: number;
  readonly holds: string;
  readonly breach: string;
}

/** Every invariant of the design, in one place for tests, `mission doctor` and the metric. */
export const INVARIANTS: readonly Invariant[] = [...OF_TASKS, ...OF_HOUSE].toSorted(
  (left, right) => left.number - right.number,
);

/** So many of one invariant are named: one is enough to look. */
const NAMED = 100;

/** Checks them all in one statement; an empty list is a clean record. */
export async function checkInvariants({ sql }: Database): Promise<Breach[]> {
  const parts = INVARIANTS.flatMap((invariant) =>
    'breaches' in invariant
      ? [
          sql`(select ${invariant.number}::integer as number, ${invariant.holds} as holds, breach
            from (${invariant.breaches(sql)}) found limit ${NAMED})`,
        ]
      : [],
  );
  const all = parts.reduce((whole, part) => sql`${whole} union all ${part}`);
  return sql<Breach[]>`${all} order by number, breach`;
}
