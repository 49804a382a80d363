import type { Invariant } from './invariant.js';

/** What holds of all tasks together: limits, configuration, what was acknowledged. */
export const OF_HOUSE: readonly Invariant[] = [
  {
    number: 8,
    holds:
      'follow-ups keep the caps on depth, per verdict and per tree of the time they were filed',
    breaches: (sql) => sql`
      select 'T-' || c.number || ' ' || x.what || ' ' || x.figure || ' of ' || x.cap as breach
      from (select number, depth, created_at,
              row_number() over (partition by root_id order by number) as in_tree,
              row_number() over (partition by origin_run_id order by number) as of_verdict,
              parent_id
            from tasks where root_id in (select root_id from tasks where parent_id is not null)) c
      -- Decided a moment before it was filed: the caps of both times may have been read.
      cross join lateral (select max(limit_of(v.policy, 'maxDepth')) as depth,
          max(limit_of(v.policy, 'maxPerVerdict')) as verdict,
          max(limit_of(v.policy, 'maxPerTree')) as tree
        from policy_times v where v.name = 'spawn' and v.since <= c.created_at
          and v.until > c.created_at - interval '10 s') cap
      cross join lateral (values ('depth', c.depth, cap.depth),
        ('child', c.of_verdict, cap.verdict),
        ('in its tree', c.in_tree, cap.tree)) x (what, figure, cap)
      where c.parent_id is not null and x.figure > x.cap`,
  },
  {
    number: 10,
    holds: 'at its promotion a run kept the limits on slots and on the runs of the day',
    breaches: (sql) => sql`
      select r.agent_id || ' held ' || r.held || ' slots of '
        || limit_of(v.policy, 'maxConcurrentPerAgent') || ', version ' || v.version as breach
      from (select agent_id, admitted_at,
              row_number() over (partition by agent_id order by admitted_at) as held
            from runs where state in ('ADMITTED', 'RUNNING') and agent_id is not null) r
      join policy_times v on v.name = 'execution-limits'
        and v.since <= r.admitted_at and r.admitted_at < v.until
      where r.held > limit_of(v.policy, 'maxConcurrentPerAgent')
      union all
      select r.agent_id || ' was charged ' || r.charged || ' runs of ' || daily_limit(v.policy, a)
        || ' on ' || r.day || ', version ' || v.version
      from (select agent_id, day, charged_at,
              row_number() over (partition by agent_id, day order by charged_at) as charged
            from runs where charged and day >= current_date - 1) r
      join agents a on a.id = r.agent_id
      join policy_times v on v.name = 'execution-limits'
        and v.since <= r.charged_at and r.charged_at < v.until
      where r.charged > daily_limit(v.policy, a)`,
  },
  {
    number: 11,
    holds: 'what a run spent is what it told of it, and what a day spent is the sum of its runs',
    breaches: (sql) => sql`
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number || ': ' || r.work_tokens
        || ', not ' || told.spent as breach
      from runs r join tasks t on t.id = r.task_id
      cross join lateral (select sum((e.event -> 'usage' ->> 'input')::bigint
          + (e.event -> 'usage' ->> 'cacheWrite')::bigint
          + (e.event -> 'usage' ->> 'output')::bigint) as spent
        from run_events e where e.run_id = r.id and e.event ->> 'kind' = 'usage') told
      where r.day >= current_date - 1 and r.work_tokens <> told.spent
      union all
      select 'the spend of ' || agent_id || ' on ' || day
      from (select day, agent_id, count(*) filter (where charged) as runs, sum(work_tokens) as spent
            from runs where day >= current_date - 1 and agent_id is not null
            group by day, agent_id) r
      full join (select * from spend where day >= current_date - 1) s using (day, agent_id)
      where (coalesce(r.runs, 0), coalesce(r.spent, 0))
        <> (coalesce(s.runs, 0), coalesce(s.work_tokens, 0))`,
  },
  {
    number: 13,
    holds: 'a value that is configured differs from its first one only by an act that is audited',
    breaches: (sql) => sql`
      select p.name || ' version ' || p.version as breach from policies p
      where p.version > 1 and (p.by = '' or (
        select count(*) from policies q
        where q.name = p.name and q.version between 2 and p.version
          and (q.by, q.value, q.enabled) = (p.by, p.value, p.enabled)
      ) > (
        select count(*) from audit a
        where a.action = 'policy.set' and a.subject = p.name and a.principal = p.by
          and a.detail -> 'after' = p.value and (a.detail ->> 'enabled')::boolean = p.enabled))
      union all
      select 'agent ' || a.id from agents a
      where a.enabled <> coalesce((select action = 'agent.enable' from audit where subject = a.id
              and action in ('agent.enable', 'agent.disable') order by id desc limit 1), true)
        or a.paused_reason is not null and not exists (select 1 from audit
             where subject = a.id and action = 'agent.pause')
      union all
      select 'the pause of the squad' from installation
      where squad_paused <> coalesce((select action = 'squad.pause' from audit
        where subject = 'squad' and action in ('squad.pause', 'squad.resume')
        order by id desc limit 1), false)`,
  },
  {
    number: 15,
    holds: 'every acknowledged task exists exactly once',
    breaches: (sql) => sql`
      select coalesce('T-' || t.number, f.subject) || ' was filed ' || coalesce(f.times, 0)
        || ' times and exists ' || case when t.id is null then 'never' else 'once' end as breach
      from (select subject, count(*) as times from audit where action = 'task.file'
            group by subject) f
      full join tasks t on t.id::text = f.subject
      where not coalesce(t.canary, false) and (t.id is null or f.times is distinct from 1)
      union all
      select 'key ' || source || ' ' || key || ' twice' from tasks where key is not null
      group by source, key having count(*) > 1
      union all
      select 'follow-up ' || origin_index || ' of ' || origin_run_id || ' twice' from tasks
      where origin_run_id is not null group by origin_run_id, origin_index having count(*) > 1
      union all
      select 'workflow ' || workflow_id || ' twice' from tasks
      group by workflow_id having count(*) > 1
      union all
      select 'T-' || number || ' twice' from tasks group by number having count(*) > 1`,
  },
  {
    number: 16,
    holds: 'every stored history replays on the current code',
    keptBy: 'test/e2e/replay.test.ts',
  },
  {
    number: 17,
    holds: 'nothing rehearsed lands in a repository that a person added, or passes for real work',
    breaches: (sql) => sql`
      select 'T-' || t.number as breach from tasks t join repositories p on p.id = t.repository_id
      where t.rehearsed and p.provenance = 'person' and t.landed_commit is not null
      union all
      select 'T-' || t.number || ' ' || r.kind || ' ' || r.number
      from runs r join tasks t on t.id = r.task_id
      where r.rehearsed and not t.rehearsed and r.state in ('SUCCEEDED', 'FAILED')`,
  },
];
