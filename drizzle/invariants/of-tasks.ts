import type { Invariant } from './invariant.js';

/** What holds of a task and its runs: the loop. */
export const OF_TASKS: readonly Invariant[] = [
  {
    number: 1,
    holds:
      'a task that is DONE was accepted by its checks and every seat, on the execution that landed',
    breaches: (sql) => sql`
      select 'T-' || t.number as breach from tasks t
      left join lateral (select * from runs e where e.task_id = t.id and e.kind = 'EXECUTION'
        and e.state = 'SUCCEEDED' and not e.superseded order by e.number desc limit 1) e on true
      where t.status = 'DONE' and (t.landed_from is distinct from e.output_commit
        or not exists (select 1 from runs r where r.task_id = t.id and r.reviewed_run_id = e.id
                         and r.by_person is not null and r.verdict_kind = 'APPROVED')
           and exists (select 1 from generate_series(
               case when e.outcome = 'toCheck' then -1 else 0 end, seats_of(t) - 1) asked (seat)
             where not exists (
               select 1 from runs r where r.task_id = t.id and r.kind = 'REVIEW'
               and case when r.by_checks then -1 else r.seat end = asked.seat
               and r.state = 'SUCCEEDED' and r.verdict_kind in ('APPROVED', 'SPAWN')
               and r.reviewed_run_id = e.id and r.reviewed_commit = e.output_commit
               and r.started_at >= e.ended_at)))`,
  },
  {
    number: 2,
    holds: 'what lands was accepted by a verdict, and what began again was sent back by one',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || t.status as breach from tasks t
      where t.status in ('LANDING', 'DONE') and not exists (select 1 from runs r
        where r.task_id = t.id and r.kind = 'REVIEW' and r.state = 'SUCCEEDED'
          and r.verdict_kind in ('APPROVED', 'SPAWN') and r.verdict is not null
          and not r.by_checks)
      union all
      select 'T-' || t.number || ' cycle ' || e.cycle from runs e join tasks t on t.id = e.task_id
      where e.kind = 'EXECUTION' and e.cycle > 1
        and not exists (select 1 from runs r where r.task_id = e.task_id and r.kind = 'REVIEW'
          and r.cycle = e.cycle - 1 and r.state = 'SUCCEEDED' and r.verdict is not null
          and r.verdict_kind in ('REVISION', 'REVISION+SPAWN'))
        and not exists (select 1 from landings l where l.task_id = e.task_id
          and l.outcome in ('conflict', 'atCap'))`,
  },
  {
    number: 3,
    holds: 'runs are numbered 1…n, and each execution but the last was reviewed before the next',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || n.kind as breach from tasks t join (
        select task_id, kind from runs group by task_id, kind
        having min(number) <> 1 or max(number) <> count(*)) n on n.task_id = t.id
      union all
      select 'T-' || t.number || ' execution ' || e.number
      from (select id, task_id, number, lead(started_at) over (
              partition by task_id order by number) as next_began
            from runs where kind = 'EXECUTION' and state = 'SUCCEEDED' and not superseded) e
      join tasks t on t.id = e.task_id
      where e.next_began is not null and not exists (select 1 from runs r
        where r.task_id = e.task_id and r.reviewed_run_id = e.id and r.state = 'SUCCEEDED'
          and r.ended_at <= e.next_began)`,
  },
  {
    number: 4,
    holds: 'the reviewer of an execution is never its executor',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' review ' || r.number as breach
      from runs r join runs e on e.id = r.reviewed_run_id join tasks t on t.id = r.task_id
      where r.agent_id = e.agent_id`,
  },
  {
    number: 5,
    holds: 'an execution by a LEAD was approved before by a person, for that agent',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' execution ' || r.number as breach
      from runs r join agents a on a.id = r.agent_id join tasks t on t.id = r.task_id
      where r.kind = 'EXECUTION' and a.type = 'LEAD' and r.started_at is not null
        and r.admitted_at > coalesce(a.lead_since, '-infinity')
        and not exists (select 1 from decisions d where d.task_id = t.id
          and d.question in ('admission:' || a.id, 'admission:' || a.id || ' as LEAD')
          and d.decision = 'admitted' and d.by like 'person:%' and d.at <= r.started_at)`,
  },
  {
    number: 6,
    holds: 'a question has one decision, which names who took it and by which door',
    breaches: (sql) => sql`
      select d.question || ' of ' || d.task_id || ' was decided twice' as breach
      from decisions d group by d.task_id, d.question having count(*) > 1
      union all
      select d.question || ' of ' || d.task_id || ' names nobody' from decisions d
      where d.by !~ '^(person|policy):.' or d.door = ''
      union all
      select 'T-' || t.number || ' left the inbox without a decision' from tasks t
      where t.status not in ('INBOX', 'REJECTED', 'CANCELLED') and not exists (
        select 1 from decisions d where d.task_id = t.id and d.question like 'admission:%'
          and d.decision = 'admitted')
      union all
      select 'T-' || t.number || ' was rejected and is ' || t.status
      from decisions d join tasks t on t.id = d.task_id
      where d.question like 'admission:%' and d.decision = 'rejected'
        and t.status not in ('INBOX', 'REJECTED', 'CANCELLED')
      union all
      select 'T-' || t.number || ' is REJECTED by nobody' from tasks t
      where t.status = 'REJECTED' and not was_rejected(t.id)`,
  },
  {
    number: 7,
    holds: 'nothing of a task changes after its end',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || t.status as breach from tasks t
      where (t.ended_at is not null) <> is_terminal(t.status)
        or t.status_since > t.ended_at + interval '1 second'
      union all
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number
      from runs r join tasks t on t.id = r.task_id
      where greatest(r.queued_at, r.started_at, r.ended_at) > t.ended_at + interval '1 second'`,
  },
  {
    number: 9,
    holds:
      'a task has one open execution at most, and no review before it ended and passed its checks',
    breaches: (sql) => sql`
      select 'T-' || min(t.number) || ' executes twice' as breach
      from runs r join tasks t on t.id = r.task_id
      where r.kind = 'EXECUTION' and r.state in ('QUEUED', 'ADMITTED', 'RUNNING')
      group by r.task_id having count(*) > 1
      union all
      select 'T-' || t.number || ' review ' || r.number
      from runs r join runs e on e.id = r.reviewed_run_id join tasks t on t.id = r.task_id
      where r.started_at < e.ended_at
      union all
      select 'T-' || t.number || ' review ' || r.number || ' before the checks'
      from runs r join runs e on e.id = r.reviewed_run_id join tasks t on t.id = r.task_id
      where e.outcome = 'toCheck' and r.agent_id is not null and not exists (
        select 1 from runs c where c.reviewed_run_id = e.id and c.by_checks
          and c.verdict_kind = 'APPROVED' and c.ended_at <= r.started_at)`,
  },
  {
    number: 12,
    holds: 'a task that has ended has no open run and no open attempt',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number as breach
      from runs r join tasks t on t.id = r.task_id
      where t.ended_at is not null and r.state in ('QUEUED', 'ADMITTED', 'RUNNING')
      union all
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number || ' attempt ' || a.number
      from attempts a join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
      where a.ended_at is null and t.ended_at is not null`,
  },
  {
    number: 14,
    holds: 'no open task stands for a minute without a run, a block, or a wait whose cause is true',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || t.status || ' ' || s.why as breach
      from tasks t cross join lateral (select case
        when t.blocked is not null then null
        when t.status = 'BLOCKED' then 'is blocked by nothing'
        -- Filed: its door is the worker that does not take it.
        when t.first_execution_run_id is null then null
        when t.status = 'INBOX' then case
          when admission_json(t) ->> 'kind' = 'admitted'
            then 'waits for an approval that it has'
          when policy_admits(t) and (policy_now('auto-approve')).created_at
                 < clock_timestamp() - interval '60 s'
            then 'waits for an approval that policy gives' end
        when exists (select 1 from runs r where r.task_id = t.id and r.hold is not null)
          then 'holds a run and is not blocked'
        when t.paused then null
        -- Somebody has to merge it; what cannot be looked at says so.
        when t.status = 'LANDING' and exists (select 1 from pull_requests q
          where q.task_id = t.id and q.state in ('opening', 'open')
            and q.next_look_at > clock_timestamp() - interval '10 minutes') then null
        when t.status = 'LANDING' then case
          when t.status_since < clock_timestamp() - interval '1 hour' and not exists (
            select 1 from tasks o where o.status = 'LANDING' and o.status_since < t.status_since
              and o.repository_id = t.repository_id) then 'lands for longer than it may take' end
        when not exists (select 1 from runs r where r.task_id = t.id
                         and r.state in ('QUEUED', 'ADMITTED', 'RUNNING'))
          then 'has no run, no wait and no block' end as why) s
      where t.ended_at is null and not t.canary and s.why is not null
        and t.updated_at < clock_timestamp() - interval '60 s'
      union all
      select 'T-' || t.number || ' waits for a slot that is free'
      from policy_now('execution-limits') l
      cross join lateral (select clock_timestamp() - interval '60 s' as ago,
        day_of(clock_timestamp()) as today) now
      cross join lateral line_head(l, now.ago, now.today) h join tasks t on t.id = h.task_id
      where h.queued_at < now.ago and l.created_at < now.ago and not t.canary
        and tokens_of(now.today) + h.estimate <= limit_of(l, 'maxDailyTokens')
      union all
      select 'T-' || t.number || ' waits for a reviewer who is there'
      from runs r join tasks t on t.id = r.task_id
      where r.state = 'QUEUED' and r.agent_id is null and r.by_person is null and not t.canary
        and not r.by_checks
        and r.queued_at < clock_timestamp() - interval '60 s'
        and choose_reviewer(t, executor_of(t.id, r.cycle), r.seat) is not null
        and not (select squad_paused from installation)`,
  },
];
