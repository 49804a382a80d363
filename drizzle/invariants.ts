import type { Database } from './db.js';

/** What must hold of the records at any time: a query that returns no row. */
export interface Invariant {
  /** As numbered in the design. */
  readonly number: number;
  readonly holds: string;
  /** Rows of one text column that names what is wrong. */
  readonly breaches: (database: Database) => Promise<readonly { readonly breach: string }[]>;
}

export interface Breach {
  readonly number: number;
  readonly holds: string;
  readonly breach: string;
}

/** Every invariant that the records can show, in one place for all who check. */
const INVARIANTS: readonly Invariant[] = [
  {
    number: 1,
    holds: 'a task that is DONE was accepted by every seat, on the execution that landed',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number as breach from tasks t
      left join lateral (select * from runs e where e.task_id = t.id and e.kind = 'EXECUTION'
        and e.state = 'SUCCEEDED' and not e.superseded order by e.number desc limit 1) e on true
      where t.status = 'DONE' and (t.landed_from is distinct from e.output_commit
        or not exists (select 1 from runs r where r.reviewed_run_id = e.id
                         and r.by_person is not null and r.verdict_kind = 'APPROVED')
           and exists (select 1 from generate_series(0, seats_of(t) - 1) seat where not exists (
             select 1 from runs r where r.task_id = t.id and r.kind = 'REVIEW' and r.seat = seat
               and r.state = 'SUCCEEDED' and r.verdict_kind in ('APPROVED', 'SPAWN')
               and r.reviewed_run_id = e.id and r.reviewed_commit = e.output_commit
               and r.started_at >= e.ended_at)))`,
  },
  {
    number: 2,
    holds: 'what is LANDING or landed was accepted by a verdict or a person',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number as breach from tasks t
      where t.status in ('LANDING', 'DONE') and not exists (select 1 from runs r
        where r.task_id = t.id and r.kind = 'REVIEW' and r.state = 'SUCCEEDED'
          and r.verdict_kind in ('APPROVED', 'SPAWN') and r.verdict is not null)`,
  },
  {
    number: 3,
    holds: 'runs of a kind are numbered 1…n without gaps',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' ' || r.kind as breach
      from runs r join tasks t on t.id = r.task_id group by t.number, r.kind
      having min(r.number) <> 1 or max(r.number) <> count(*)`,
  },
  {
    number: 3,
    holds: 'every successful execution but the last was reviewed before the next one began',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' execution ' || e.number as breach
      from runs e join tasks t on t.id = e.task_id
      join lateral (select * from runs n where n.task_id = e.task_id and n.kind = 'EXECUTION'
        and n.state = 'SUCCEEDED' and not n.superseded and n.number > e.number
        order by n.number limit 1) n on true
      where e.kind = 'EXECUTION' and e.state = 'SUCCEEDED' and not e.superseded
        and not exists (select 1 from runs r where r.reviewed_run_id = e.id
                        and r.state = 'SUCCEEDED' and r.ended_at <= n.started_at)`,
  },
  {
    number: 4,
    holds: 'the reviewer of an execution is never its executor',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' review ' || r.number as breach
      from runs r join runs e on e.id = r.reviewed_run_id join tasks t on t.id = r.task_id
      where r.agent_id = e.agent_id`,
  },
  {
    number: 5,
    holds: 'an execution by a LEAD was approved before by a person, for that agent',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' execution ' || r.number as breach
      from runs r join agents a on a.id = r.agent_id join tasks t on t.id = r.task_id
      where r.kind = 'EXECUTION' and a.type = 'LEAD' and r.started_at is not null
        and not exists (select 1 from decisions d where d.task_id = t.id
          and d.question = 'admission:' || a.id and d.decision = 'admitted' and d.by like 'person:%'
          and d.at <= r.started_at)`,
  },
  {
    number: 7,
    holds: 'nothing of a task changes after its end',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number as breach from tasks t where t.ended_at is not null
        and exists (select 1 from runs r where r.task_id = t.id
                    and greatest(r.started_at, r.ended_at) > t.ended_at + interval '1 second')`,
  },
  {
    number: 8,
    holds: 'a follow-up is filed once, and trees keep their caps',
    breaches: ({ sql }) => sql`
      select 'T-' || min(number) || ' and its tree of ' || count(*) as breach from tasks
      group by root_id having count(*) > 1 and count(*) > (
        select max((value ->> 'maxPerTree')::bigint) from policies where name = 'spawn')`,
  },
  {
    number: 9,
    holds: 'a task has at most one open execution, and no review before it has ended',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number as breach from tasks t where (select count(*) from runs r
        where r.task_id = t.id and r.kind = 'EXECUTION'
          and r.state in ('QUEUED', 'ADMITTED', 'RUNNING')) > 1
        or exists (select 1 from runs r join runs e on e.id = r.reviewed_run_id
                   where r.task_id = t.id and r.started_at < e.ended_at)`,
  },
  {
    number: 10,
    holds: 'no agent holds more slots than the highest limit that was ever in force',
    breaches: ({ sql }) => sql`
      select agent_id || ' holds ' || count(*) as breach from runs
      where state in ('ADMITTED', 'RUNNING') and agent_id is not null group by agent_id
      having count(*) > (select max((value ->> 'maxConcurrentPerAgent')::bigint)
        from policies where name = 'execution-limits')`,
  },
  {
    number: 12,
    holds: 'a task that has ended has no open run',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number as breach
      from runs r join tasks t on t.id = r.task_id
      where t.ended_at is not null and r.state in ('QUEUED', 'ADMITTED', 'RUNNING')`,
  },
  {
    number: 13,
    holds: 'every change of a policy names who and why',
    breaches: ({ sql }) => sql`
      select p.name || ' version ' || p.version as breach from policies p
      where p.version > 1 and (p.by = '' or not exists (select 1 from audit a
        where a.action = 'policy.set' and a.subject = p.name and a.principal = p.by))`,
  },
  {
    number: 14,
    holds: 'no open task stands for a minute without a run, a wait or a block',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number || ' ' || t.status as breach from tasks t
      where t.ended_at is null and t.blocked is null and not t.paused
        and t.status not in ('INBOX', 'LANDING')
        and t.updated_at < clock_timestamp() - interval '60 s'
        and not exists (select 1 from runs r where r.task_id = t.id
                        and r.state in ('QUEUED', 'ADMITTED', 'RUNNING'))`,
  },
  {
    number: 17,
    holds: 'nothing rehearsed has landed in a repository that a person added',
    breaches: ({ sql }) => sql`
      select 'T-' || t.number as breach from tasks t join repositories p on p.id = t.repository_id
      where t.rehearsed and p.provenance = 'person' and t.landed_commit is not null`,
  },
];

/** Checks them all; an empty list is a clean record. */
export async function checkInvariants(database: Database): Promise<Breach[]> {
  const found = await Promise.all(
    INVARIANTS.map(async ({ number, holds, breaches }) => {
      const rows = await breaches(database);
      return rows.map(({ breach }) => ({ number, holds, breach }));
    }),
  );
  return found.flat();
}
