import type { Database } from './db.js';
import type { Part } from './invariants/invariant.js';
import type { RunWait } from './reads.js';

/** How far a canary has come: milliseconds after it was filed, null for what is still to come. */
export interface Flight {
  readonly started: boolean;
  readonly status: string;
  readonly ended: boolean;
  readonly admittedMs: number | null;
  readonly executedMs: number | null;
  readonly reviewedMs: number | null;
  readonly landedMs: number | null;
  /** How long ago it was filed. */
  readonly ageMs: number;
  /** What policy says of it while it is in the inbox, and why it is blocked. */
  readonly says: string | null;
  readonly wait: RunWait | null;
}

export async function readFlight({ sql }: Database, id: string): Promise<Flight | null> {
  const after = (at: Part) => sql`round(extract(epoch from ${at} - t.created_at) * 1000)`;
  const ended = (kind: string) => sql`(select max(ended_at) from runs where task_id = t.id
    and kind = ${kind}::run_kind and state = 'SUCCEEDED')`;
  const [found] = await sql<{ row: Flight }[]>`
    select jsonb_build_object('started', t.first_execution_run_id is not null,
      'status', t.status, 'ended', t.ended_at is not null,
      'admittedMs', ${after(sql`(select min(at) from decisions where task_id = t.id
        and decision = 'admitted')`)},
      'executedMs', ${after(ended('EXECUTION'))}, 'reviewedMs', ${after(ended('REVIEW'))},
      'landedMs', ${after(sql`case when t.status = 'DONE' then t.ended_at end`)},
      'ageMs', ${after(sql`clock_timestamp()`)},
      'says', case when t.status = 'INBOX' then t.admission ->> 'reason' else t.blocked_detail end,
      'wait', (select run_wait(r) from runs r where r.task_id = t.id and r.state = 'QUEUED'
               order by r.place limit 1)) as row
    from tasks t where t.id = ${id}::uuid`;
  return found?.row ?? null;
}
