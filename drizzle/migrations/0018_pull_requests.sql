-- Results that land as pull requests: what was pushed, what was opened, and what was last seen there.

-- A value that was added to an enum cannot be used before its transaction has ended, and all
-- migrations are one: nothing here names it as such.
alter type landing_mode add value if not exists 'pull-request';
--> statement-breakpoint
create table pull_requests (
  task_id uuid primary key references tasks (id),
  slug text not null,
  branch text not null,
  number integer,
  url text,
  -- `opening`, `open`; `closed`, by whomever; `merged`.
  state text not null default 'opening',
  -- The intention stands before the push: after a crash the branch is known to be ours.
  pushing text,
  pushed text,
  -- The landing for which it was brought to its present state: done once a landing.
  opened_for integer not null default 0,
  opened_at timestamp with time zone,
  seen jsonb not null default '{}',
  -- What it waits for, in a few words.
  detail text,
  -- What keeps it from being looked at: kind, says, since.
  trouble jsonb,
  looks integer not null default 0,
  next_look_at timestamp with time zone not null default clock_timestamp()
);
--> statement-breakpoint
create index pull_requests_due on pull_requests (next_look_at) where state in ('opening', 'open');
--> statement-breakpoint
-- What has answered to a pull request and was told to an execution.
create function told_of(p_task uuid) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(h), '[]') from landings l
  cross join lateral jsonb_array_elements(coalesce(l.detail -> 'told', '[]')) h
  where l.task_id = p_task
$$;
--> statement-breakpoint
create function pull_request_json(q pull_requests) returns jsonb language sql stable as $$
  select jsonb_build_object('slug', q.slug, 'branch', q.branch, 'number', q.number, 'url', q.url,
    'state', q.state, 'pushing', q.pushing, 'pushed', q.pushed, 'openedFor', q.opened_for,
    'seen', q.seen, 'looks', q.looks, 'told', told_of(q.task_id),
    -- Comments since the last time that some were told, with room for two clocks that differ.
    'since', coalesce((select max(l.at) from landings l where l.task_id = q.task_id
      and l.detail ? 'told'), q.opened_at, clock_timestamp()) - interval '1 hour')
$$;
--> statement-breakpoint
-- How the landing before this one ended, and the commit that a person took as it is then.
create function landing_before(p_task uuid, p_number integer) returns jsonb
language sql stable as $$
  select jsonb_build_object('kind', b.kind, 'taken',
    case when d.decision = 'accept' then b.detail ->> 'head' end)
  from landings b left join decisions d on d.task_id = b.task_id
    and d.question = 'block:LANDING ' || b.number
  where b.task_id = p_task and b.number < p_number order by b.number desc limit 1
$$;
--> statement-breakpoint
-- The stored end of a landing, or what is needed to land.
create or replace function begin_landing(p_task uuid, p_number integer) returns jsonb
language sql stable as $$
  select case when l.task_id is not null then
    jsonb_build_object('kind', 'closed', 'outcome', l.outcome, 'detail', l.detail)
  else jsonb_build_object('kind', 'go', 'number', p_number,
    'task', jsonb_build_object('id', t.id, 'number', t.number, 'title', t.title, 'status', t.status,
      'rehearsed', t.rehearsed, 'baseCommit', t.base_commit),
    'repository', (select jsonb_build_object('id', p.id, 'name', p.name, 'location', p.location,
      'target', p.target, 'landing', p.landing, 'provenance', p.provenance)
      from repositories p where p.id = t.repository_id),
    'execution', (select jsonb_build_object('runId', e.id, 'number', e.number, 'agent', a.name,
        'commit', e.output_commit, 'summary', e.summary)
      from runs e join agents a on a.id = e.agent_id where e.task_id = t.id
        and e.kind = 'EXECUTION' and e.state = 'SUCCEEDED' and not e.superseded
      order by e.number desc limit 1),
    'reviews', (select coalesce(jsonb_agg(jsonb_build_object('id', v.id,
        'agent', coalesce(a.name, v.by_person, 'checks'), 'kind', v.verdict_kind, 'summary', v.summary)
        order by v.number), '[]')
      from runs v left join agents a on a.id = v.agent_id where v.task_id = t.id
        and v.kind = 'REVIEW' and v.state = 'SUCCEEDED' and v.reviewed_run_id = (
          select e.id from runs e where e.task_id = t.id and e.kind = 'EXECUTION'
            and e.state = 'SUCCEEDED' and not e.superseded order by e.number desc limit 1)),
    'landingCycles', t.landing_cycles,
    'landingBound', case when p.enabled then (p.value ->> 'maxLandingCycles')::integer else 0 end
                    + t.granted_landings,
    'runs', case when exists (select 1 from repositories p where p.id = t.repository_id
      and p.landing::text = 'pull-request') then runs_json(t.id) else '[]' end,
    'pullRequest', case when q.task_id is not null then pull_request_json(q) end,
    'mergedTarget', (select m.detail ->> 'target' from landings m where m.task_id = t.id
      and m.number < p_number and m.detail ->> 'target' is not null
      order by m.number desc limit 1),
    'before', landing_before(t.id, p_number))
  end
  from tasks t
  left join landings l on l.task_id = t.id and l.number = p_number
  left join pull_requests q on q.task_id = t.id
  cross join policy_now('landing') p
  where t.id = p_task
$$;
--> statement-breakpoint
-- Keeps what is named; what is not stays. A task that has ended gets no new pull request.
create function note_pull_request(p jsonb) returns jsonb language plpgsql as $$
declare v_task uuid := (p ->> 'task')::uuid; v_ended boolean;
begin
  select ended_at is not null into v_ended from tasks where id = v_task for update;
  if v_ended and not exists (select 1 from pull_requests where task_id = v_task) then
    return jsonb_build_object('ended', true);
  end if;
  insert into pull_requests as q (task_id, slug, branch)
  select v_task, p ->> 'slug', p ->> 'branch' where p ? 'slug' on conflict do nothing;
  update pull_requests q set
    slug = coalesce(p ->> 'slug', q.slug), branch = coalesce(p ->> 'branch', q.branch),
    number = case when p ? 'number' then (p ->> 'number')::integer else q.number end,
    url = case when p ? 'number' then p ->> 'url' else q.url end,
    state = coalesce(p ->> 'state', q.state),
    pushing = coalesce(p ->> 'pushing', q.pushing), pushed = coalesce(p ->> 'pushed', q.pushed),
    opened_for = coalesce((p ->> 'openedFor')::integer, q.opened_for),
    opened_at = coalesce(q.opened_at, case when p ? 'number' then clock_timestamp() end),
    seen = coalesce(p -> 'seen', q.seen),
    detail = case when p ? 'detail' then p ->> 'detail' else q.detail end,
    trouble = case when not p ? 'trouble' then q.trouble
      when p ->> 'trouble' is null then null
      when p -> 'trouble' ->> 'says' = q.trouble ->> 'says' then q.trouble
      else p -> 'trouble' || jsonb_build_object('since', clock_timestamp()) end,
    looks = coalesce((p ->> 'looks')::integer, q.looks),
    next_look_at = case when p ? 'lookAfterMs' then clock_timestamp()
      + make_interval(secs => (p ->> 'lookAfterMs')::float / 1000) else q.next_look_at end
  where q.task_id = v_task;
  return jsonb_build_object('ended', v_ended,
    'standing', case when p ? 'standing' then standing_json(v_task, null, null) end);
end $$;
--> statement-breakpoint
-- Those whose time has come: of tasks that wait for theirs, and what ended tasks have left open. They
-- are claimed for a minute, so that a pass that dies is repeated.
create function due_pull_requests() returns jsonb language sql as $$
  with due as (
    select q.task_id from pull_requests q join tasks t on t.id = q.task_id
    where q.next_look_at <= clock_timestamp() and q.state in ('opening', 'open')
      and (t.status = 'LANDING' and not t.paused or t.ended_at is not null)
    order by q.next_look_at limit 20 for update of q skip locked
  ), claimed as (
    update pull_requests q set next_look_at = clock_timestamp() + interval '60 seconds'
    from due where q.task_id = due.task_id returning q.*
  )
  select coalesce(jsonb_agg(pull_request_json(q::pull_requests) || jsonb_build_object(
    'taskId', t.id, 'label', 'T-' || t.number, 'workflowId', t.workflow_id,
    'ended', case when t.ended_at is not null then t.status end,
    'taken', landing_before(t.id, 2147483647) ->> 'taken',
    'commit', (select e.output_commit from runs e where e.task_id = t.id
      and e.kind = 'EXECUTION' and e.state = 'SUCCEEDED' and not e.superseded
      order by e.number desc limit 1))), '[]')
  from claimed q join tasks t on t.id = q.task_id
$$;
--> statement-breakpoint
-- A limit or a token is everybody's: none of the others is asked before its time.
create function put_off_pull_requests(p_ms float) returns void language sql as $$
  update pull_requests set next_look_at = greatest(next_look_at,
    clock_timestamp() + make_interval(secs => p_ms / 1000))
  where state in ('opening', 'open')
$$;
