-- What the doctor stands on: facts that invariants compare with, and a canary that nobody counts.

-- A task that the doctor sends through the pipe. Its number is none of those that people see, and
-- its rows go with it.
alter table tasks add column canary boolean not null default false;
--> statement-breakpoint
create index tasks_canary on tasks (id) where canary;
--> statement-breakpoint
-- When a run was charged to its day: the limit that was in force then is the one that counts.
alter table runs add column charged_at timestamptz;
--> statement-breakpoint
update runs set charged_at = admitted_at where charged;
--> statement-breakpoint
create function note_charge() returns trigger language plpgsql as $$
begin
  new.charged_at := clock_timestamp();
  return new;
end $$;
--> statement-breakpoint
create trigger note_charge before update on runs for each row
  when (new.charged and not old.charged) execute function note_charge();
--> statement-breakpoint
create index audit_filed on audit (subject) where action = 'task.file';
--> statement-breakpoint
create index attempts_open on attempts (run_id) where ended_at is null;
--> statement-breakpoint
-- Every version with the time in which it was in force.
create view policy_times as
  select p.name, p.version, p as policy, p.created_at as since,
    coalesce(lead(p.created_at) over (partition by p.name order by p.version), 'infinity') as until
  from policies p;
--> statement-breakpoint
create or replace function insert_task(p jsonb) returns uuid language plpgsql as $$
declare q jsonb := p -> 'request'; v_parent tasks; v_id uuid := (p ->> 'id')::uuid;
  v_canary boolean := coalesce((p ->> 'canary')::boolean, false);
begin
  perform lock_line(); -- numbers are for people: a sequence would leave gaps that look like losses
  select * into v_parent from tasks
  where id = (select task_id from runs where id = (p ->> 'originRun')::uuid);
  insert into tasks (id, number, workflow_id, title, description, acceptance, priority, assignee, reviewers,
    repository_id, owner, door, source, key, status, parent_id, root_id, depth, origin_run_id,
    origin_index, canary)
  values (v_id,
    (select coalesce(max(number), case when v_canary then 2000000000 else 0 end) + 1
     from tasks where canary = v_canary),
    p ->> 'workflowId', q ->> 'title', q ->> 'description', q -> 'acceptance',
    (q ->> 'priority')::priority, q ->> 'assignee',
    (select coalesce(array_agg(x), '{}') from jsonb_array_elements_text(q -> 'reviewers') x),
    coalesce(v_parent.repository_id, (select id from repositories where name = q ->> 'repository')),
    q ->> 'owner', p ->> 'door', q ->> 'source', q ->> 'key', 'INBOX', v_parent.id,
    coalesce(v_parent.root_id, v_id), coalesce(v_parent.depth + 1, 0), (p ->> 'originRun')::uuid,
    (p ->> 'originIndex')::integer, v_canary)
  on conflict do nothing;
  if found then
    insert into audit (principal, door, action, subject, detail)
    values (q ->> 'owner', p ->> 'door', case when v_canary then 'canary.file' else 'task.file' end,
      v_id::text, jsonb_build_object('title', q ->> 'title'));
  end if;
  return v_id;
end $$;
--> statement-breakpoint
-- A canary is scripted whoever plays it: it spends nothing.
alter function run_brief(runs) rename to run_brief_of_agent;
--> statement-breakpoint
create function run_brief(r runs) returns jsonb language sql stable as $$
  select case when exists (select 1 from tasks where id = r.task_id and canary)
    then jsonb_set(run_brief_of_agent(r), '{agent,backend}', '"scripted"')
    else run_brief_of_agent(r) end
$$;
--> statement-breakpoint
-- What it leaves are the decisions and the audit, which are never removed.
create function remove_canary(p_task uuid) returns void language plpgsql as $$
begin
  perform lock_line();
  perform 1 from tasks where id = p_task and canary and ended_at is not null for update;
  if not found then return; end if;
  delete from contents where sha256 in (select instructions_sha from runs where task_id = p_task);
  delete from run_events where run_id in (select id from runs where task_id = p_task);
  delete from attempts where run_id in (select id from runs where task_id = p_task);
  delete from runs where task_id = p_task;
  delete from guidance where task_id = p_task;
  delete from messages where task_id = p_task;
  delete from landings where task_id = p_task;
  delete from deliverables where task_id = p_task;
  delete from tasks where id = p_task;
end $$;
--> statement-breakpoint
-- Once nothing of it is left on disk a canary is removed; the record of any other task stays.
create or replace function mark_cleaned(p_task uuid) returns void language plpgsql as $$
begin
  perform remove_canary(p_task);
  update tasks set cleaned_at = clock_timestamp() where id = p_task;
end $$;
--> statement-breakpoint
-- Ended tasks whose working copies and refs are still there; whoever sent a canary sees its end.
create or replace function unclean_tasks() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'repositoryId', repository_id)), '[]')
  from tasks where ended_at is not null and cleaned_at is null
    and (not canary or ended_at < clock_timestamp() - interval '15 s')
$$;
--> statement-breakpoint
-- What one figure of the limits holds: how much it lets through, how much waits behind it (runs, or
-- tokens), since when, how long such runs take, and the figure that would let them go. `behind` is
-- what would wait there too, were it not held elsewhere before. Read with the functions that
-- promote, so that both say the same; as if the policy were on, since that is another door.
create function throttled() returns table (
  agent text, field text, figure bigint, waiting bigint, waited interval, behind bigint,
  typical interval, enough bigint
) language sql stable as $$
  with l as materialized (select
    jsonb_populate_record(policy_now('execution-limits'), '{"enabled": true}') as limits,
    day_of(clock_timestamp()) as today, clock_timestamp() as instant),
  queued as materialized (
    select q.agent_id, q.charged, q.queued_at, q.estimate, run_gate(q, l.instant) as gate
    from l cross join agents a cross join lateral (
      select r.* from runs r where r.agent_id = a.id and r.state = 'QUEUED'
      order by r.priority desc nulls last, r.place limit 1000) q
    union all
    select t.assignee, false, t.status_since, a.token_estimate, 'inbox'
    from tasks t join agents a on a.id = t.assignee
    where t.status = 'INBOX' and a.type <> 'LEAD' and not t.canary
  ),
  figures as (
    select a.id as agent, f.* from l cross join agents a cross join lateral (values
      ('maxConcurrentPerAgent', limit_of(l.limits, 'maxConcurrentPerAgent'), slots_of(a.id), true),
      (case when a.reviews then 'maxDailyPerReviewer' else 'maxDailyPerAgent' end,
       daily_limit(l.limits, a), charged_to(a.id, l.today), false)) f (field, figure, used, of_slots)
  ),
  held as (
    select f.agent, f.field, f.figure, f.used,
      count(*) filter (where q.gate is null and f.used >= f.figure) as waiting,
      min(q.queued_at) filter (where q.gate is null and f.used >= f.figure) as since,
      count(*) filter (where q.gate in ('inbox', 'squad-paused', 'no-reviewer', 'agent-disabled',
        'no-backend')) as behind
    from figures f join queued q on q.agent_id = f.agent and (f.of_slots or not q.charged)
    group by f.agent, f.field, f.figure, f.used
    union all
    select null, 'maxDailyTokens', limit_of(l.limits, 'maxDailyTokens'), tokens_of(l.today),
      sum(q.estimate), min(q.queued_at), 0
    from l cross join lateral line_head(l.limits, l.instant, l.today) h
    join queued q on q.gate is null
    where h.id is not null
      and tokens_of(l.today) + h.estimate > limit_of(l.limits, 'maxDailyTokens')
    group by l.limits, l.today
  )
  select h.agent, h.field, h.figure, h.waiting, clock_timestamp() - h.since, h.behind,
    (select avg(r.ended_at - r.started_at) from (
      select ended_at, started_at from runs where agent_id = h.agent and state = 'SUCCEEDED'
      order by ended_at desc nulls last limit 20) r),
    -- More slots pass the line on; what a day is short of, it needs in full.
    case h.field when 'maxConcurrentPerAgent' then (h.figure + h.waiting + h.behind + 1) / 2
      else h.used + h.waiting + h.behind end
  from held h where h.waiting > 0 or h.behind > 0
$$;
