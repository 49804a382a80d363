-- Machine checks as the first review: runs by nobody in the roster. They take no slot of an agent, no
-- run and no token of a day; how many of them run at once is the machine's to say.

alter table runs add column by_checks boolean not null default false,
  add column findings jsonb not null default '[]';
--> statement-breakpoint
alter table runs add constraint runs_by_checks check (not by_checks
  or kind = 'REVIEW' and agent_id is null and by_person is null and not charged and estimate = 0);
--> statement-breakpoint
-- What holds checks that stand in line: nothing but a pause, or a wait before the next try.
create function checks_gate(p_task uuid, p_available timestamptz, p_now timestamptz) returns text
language plpgsql stable as $$
declare v_squad boolean; v_task boolean;
begin
  select i.squad_paused, t.paused into v_squad, v_task
  from installation i join tasks t on t.id = p_task where i.id = 1;
  return case when v_squad then 'squad-paused' when v_task then 'task-paused'
    when p_available > p_now then 'back-off' end;
end $$;
--> statement-breakpoint
create or replace function run_gate(r runs, p_now timestamptz) returns text language sql stable as $$
  select case when r.by_checks then checks_gate(r.task_id, r.available_at, p_now)
    else gate_of(r.task_id, r.kind, r.cycle, r.agent_id, r.hold, r.available_at, p_now) end
$$;
--> statement-breakpoint
create or replace function seat_reviewers() returns void language plpgsql as $$
declare r record; chosen text;
begin
  for r in select q.id, q.task_id, q.cycle, q.seat, t.reviewers
           from runs q join tasks t on t.id = q.task_id
           where q.state = 'QUEUED' and q.agent_id is null and q.by_person is null
             and not q.by_checks
           order by q.place loop
    chosen := choose_for(r.task_id, r.reviewers, executor_of(r.task_id, r.cycle), r.seat);
    if chosen is not null then
      update runs set agent_id = chosen, estimate = a.token_estimate, rehearsed = a.backend = 'scripted'
      from agents a where a.id = chosen and runs.id = r.id;
    end if;
  end loop;
end $$;
--> statement-breakpoint
-- Checks go as soon as nothing holds them, in the line's order: nobody waits for an agent by it.
create function admit_checks(p_now timestamptz) returns jsonb language plpgsql as $$
declare r record; v_woken jsonb := '[]';
begin
  for r in select q.id, t.workflow_id from runs q join tasks t on t.id = q.task_id
           where q.state = 'QUEUED' and q.agent_id is null and q.by_checks
             and checks_gate(q.task_id, q.available_at, p_now) is null
           order by q.priority desc, q.place loop
    update runs set state = 'ADMITTED', admitted_at = clock_timestamp(),
      waited_ms = least(waited_ms + extract(epoch from clock_timestamp() - queued_at) * 1000, 2147483647)
    where id = r.id;
    v_woken := v_woken || jsonb_build_object('run', r.id, 'workflowId', r.workflow_id);
  end loop;
  return v_woken;
end $$;
--> statement-breakpoint
-- Promotes the highest-priority, oldest runs that fit and returns whom to wake:
-- [{run, workflowId}]. Touches run rows only. Called by who holds the line.
create or replace function promote_held() returns jsonb language plpgsql as $$
declare
  v_paused boolean; v_queued boolean; v_unseated boolean; v_limits policies; v_now timestamptz;
  v_today date; v_spent bigint; v_head uuid; v_estimate integer; v_rest integer; v_workflow text;
  v_woken jsonb := '[]';
begin
  select i.squad_paused, exists (select 1 from runs where state = 'QUEUED'), exists (
    select 1 from runs where state = 'QUEUED' and agent_id is null and by_person is null)
  into v_paused, v_queued, v_unseated from installation i where i.id = 1;
  if v_paused or not v_queued then return v_woken; end if;
  v_now := clock_timestamp();
  v_limits := policy_now('execution-limits');
  if v_unseated then -- or done by nobody of the roster
    v_woken := admit_checks(v_now);
    perform seat_reviewers();
  end if;
  v_today := day_under(v_limits, v_now);
  loop
    v_head := line_first(v_limits, v_now, v_today);
    exit when v_head is null;
    select r.estimate, greatest(r.estimate - r.work_tokens, 0), t.workflow_id,
      coalesce(v_spent, tokens_of(v_today))
    into v_estimate, v_rest, v_workflow, v_spent
    from runs r join tasks t on t.id = r.task_id where r.id = v_head;
    -- The first in line that does not fit is not overtaken by smaller ones.
    exit when v_spent + v_estimate > limit_of(v_limits, 'maxDailyTokens');
    update runs set
      state = 'ADMITTED', admitted_at = clock_timestamp(), day = coalesce(day, v_today), charged = true,
      waited_ms = least(waited_ms + extract(epoch from clock_timestamp() - queued_at) * 1000, 2147483647)
    where id = v_head;
    v_spent := v_spent + v_rest;
    v_woken := v_woken || jsonb_build_object('run', v_head, 'workflowId', v_workflow);
    exit when not exists (select 1 from runs where state = 'QUEUED');
  end loop;
  return v_woken;
end $$;
--> statement-breakpoint
-- What a queued run waits for, by name alone: the same at any length of the line. Null: it is held.
create or replace function wait_reason(r runs, p_limits policies, p_now timestamptz, p_today date) returns text
language plpgsql stable as $$
declare a agents; v_gate text := run_gate(r, p_now);
begin
  if v_gate is not null then return nullif(v_gate, 'held'); end if;
  if r.by_checks then return 'worker-slot'; end if;
  select * into a from agents where id = r.agent_id;
  return limit_reason(a, r.charged, p_limits, p_now, p_today);
end $$;
--> statement-breakpoint
-- How many tasks in line wait for what, and by which rule: one group after the other, so that it
-- answers as quickly for a long line as for a short one.
create or replace function line_waits() returns jsonb language sql stable as $$
  with l as materialized (
    select policy_now('execution-limits') as limits, clock_timestamp() as instant,
      day_of(clock_timestamp()) as today
  ), queued as materialized (
    select r.task_id, r.agent_id, r.charged, coalesce(run_gate(r, l.instant),
      case when r.by_checks then 'worker-slot' end) as gate
    from l, runs r join tasks t on t.id = r.task_id
    where r.state = 'QUEUED' and r.hold is null and not t.canary
  ), held as (
    select gate, agent_id, charged, array_agg(task_id) as tasks from queued
    group by gate, agent_id, charged
  ), named as (
    select h.tasks, a, coalesce(h.gate, limit_reason(a, h.charged, l.limits, l.instant, l.today))
      as reason from l, held h left join agents a on a.id = h.agent_id
  ), ruled as (
    select n.reason, task, case
      when limit_field(n.a, n.reason) is null then null
      when not (l.limits).enabled then 'execution-limits = disabled'
      else 'execution-limits.' || limit_field(n.a, n.reason) || ' = '
        || limit_of(l.limits, limit_field(n.a, n.reason)) end as rule
    from l, named n, unnest(n.tasks) task
  )
  select coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'rule', rule, 'tasks', tasks)
    order by tasks desc, reason), '[]')
  from (select reason, rule, count(distinct task) as tasks from ruled group by reason, rule) g
$$;
--> statement-breakpoint
-- Where the task stands, with the runs of a list of specs.
create or replace function standing_json(p_task uuid, p_specs jsonb, p_step text) returns jsonb
language plpgsql as $$
begin
  return (
    select jsonb_build_object('asOf', nextval('telling'), 'status', t.status,
      'blocked', t.blocked, 'resolution', case
        when p_step is not null then (select decision from decisions
          where task_id = p_task and question = 'block:' || p_step) end,
      'runs', coalesce(s.every, '[]'), 'opened', coalesce(s.opened, '[]'))
    from tasks t cross join (
      select jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'agentName', coalesce(a.name, r.by_person,
            case when r.by_checks then 'checks' end, '(nobody yet)'),
          'state', r.state, 'summary', coalesce(r.summary, r.error, r.question),
          'verdict', r.verdict_kind, 'superseded', r.superseded, 'byPerson', r.by_person is not null,
          'byChecks', r.by_checks)
          order by r.cycle, r.kind, r.number) as every,
        jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'seat', r.seat, 'state', r.state, 'agent', r.agent_id,
          'agentName', coalesce(a.name, case when r.by_checks then 'checks' end),
          'wait', case when r.state = 'QUEUED' then (
            select wait_reason(q, policy_now('execution-limits'), clock_timestamp(),
              day_of(clock_timestamp())) from runs q where q.id = r.id) end)
          order by r.kind, r.number) filter (where p_specs @> jsonb_build_array(
            jsonb_build_object('kind', r.kind, 'number', r.number))) as opened
      from runs r left join agents a on a.id = r.agent_id where r.task_id = p_task) s
    where t.id = p_task);
end $$;
--> statement-breakpoint
create or replace function open_run(p_task uuid, p_spec jsonb) returns void language plpgsql as $$
declare v_kind run_kind := (p_spec ->> 'kind')::run_kind; v_agent text; v_estimate integer;
  v_number integer := (p_spec ->> 'number')::integer; v_cycle integer := (p_spec ->> 'cycle')::integer;
  v_seat integer := (p_spec ->> 'seat')::integer; v_last integer; v_status task_status;
  v_reviewers text[]; v_priority priority; v_cycles integer; v_scripted boolean; v_rehearsed boolean;
  v_by_checks boolean := coalesce(p_spec ->> 'by' = 'checks', false);
begin
  select t.status, t.reviewers, t.priority, t.cycles, t.assignee, t.rehearsed,
    (select coalesce(max(number), 0) from runs where task_id = t.id and kind = v_kind)
  into v_status, v_reviewers, v_priority, v_cycles, v_agent,
    v_rehearsed, v_last from tasks t where t.id = p_task;
  if is_terminal(v_status) then return; end if;
  if v_kind = 'REVIEW' and v_seat >= greatest(cardinality(v_reviewers), 1) then return; end if;
  if v_number <= v_last then return; end if;
  if v_number <> v_last + 1 then
    raise exception 'task % cannot open % % after %', p_task, v_kind, v_number, v_last;
  end if;
  if v_by_checks then
    v_agent := null;
  elsif v_kind = 'REVIEW' then
    v_agent := choose_for(p_task, v_reviewers, executor_of(p_task, v_cycle), v_seat);
  end if;
  select token_estimate, backend = 'scripted' into v_estimate, v_scripted
  from agents where id = v_agent;
  insert into runs (id, task_id, kind, number, cycle, seat, agent_id, state, priority, estimate,
                    nonce, rehearsed, by_checks)
  values ((p_spec ->> 'id')::uuid, p_task, v_kind, v_number, v_cycle, v_seat, v_agent, 'QUEUED',
          v_priority, coalesce(v_estimate, 0), replace(gen_random_uuid()::text, '-', ''),
          coalesce(v_scripted, v_by_checks and v_rehearsed), v_by_checks);
  if v_cycle > v_cycles then update tasks set cycles = v_cycle where id = p_task; end if;
end $$;
--> statement-breakpoint
-- Closes the attempt that is live, stores its texts, and opens what the workflow named as next.
create or replace function close_run(p jsonb) returns jsonb language plpgsql as $$
declare
  v_run uuid := (p ->> 'run')::uuid; v_attempt integer := (p ->> 'attempt')::integer;
  v_state text := p ->> 'state'; v_course jsonb := p -> 'course'; v_next jsonb := v_course -> 'next';
  v_work integer := coalesce((p ->> 'workTokens')::integer, 0);
  v_cached integer := coalesce((p ->> 'cacheReadTokens')::integer, 0);
  s record; v_task uuid; v_status task_status; v_outcome text; v_step text; v_texts text[];
  v_whole runs; v_woken jsonb;
begin
  v_texts := store_texts(array[p ->> 'report', p ->> 'diff', p ->> 'commands',
    p ->> 'instructions']);
  perform lock_line();
  select t.id as task_id, t.status, r.kind, r.number, r.state, r.attempt, r.agent_id, r.outcome,
    r.rehearsed, r.by_checks
  into s from runs r join tasks t on t.id = r.task_id where r.id = v_run for update of t, r;
  v_task := s.task_id;
  v_status := s.status;
  v_step := s.kind || ' ' || s.number;
  v_outcome := s.outcome;
  if s.state not in ('SUCCEEDED', 'FAILED', 'CANCELLED') then
    if s.attempt <> v_attempt or s.state <> 'RUNNING' then
      return jsonb_build_object('stale', true, 'wake', '[]'::jsonb);
    end if;
    if coalesce(p -> 'events', '[]') <> '[]' then
      insert into run_events (run_id, attempt, event)
      select v_run, v_attempt, e from jsonb_array_elements(p -> 'events') e;
    end if;
    update attempts set ended_at = clock_timestamp(), "end" = lower(v_state)
    where run_id = v_run and number = v_attempt;
    if v_state = 'REQUEUED' then
      update runs set work_tokens = work_tokens + v_work,
        cache_read_tokens = cache_read_tokens + v_cached,
        instructions_sha = coalesce(v_texts[4], instructions_sha)
      where id = v_run returning * into v_whole;
      return requeue_run(v_whole, p);
    end if;
    v_outcome := p ->> 'outcome';
    update runs set work_tokens = work_tokens + v_work,
      cache_read_tokens = cache_read_tokens + v_cached,
      instructions_sha = coalesce(v_texts[4], instructions_sha),
      state = v_state::run_state, ended_at = clock_timestamp(), outcome = v_outcome,
      charged = v_state = 'SUCCEEDED' and not s.by_checks, cause = p ->> 'cause', fault = p ->> 'fault',
      error = p ->> 'error', summary = p ->> 'summary', verdict = nullif(p -> 'verdict', 'null'),
      verdict_kind = (p ->> 'verdictKind')::verdict_kind, report_sha = v_texts[1],
      diff_sha = v_texts[2], commands_sha = v_texts[3],
      bytes_produced = (p ->> 'bytesProduced')::integer,
      bytes_handed_over = (p ->> 'bytesHandedOver')::integer, output_commit = p ->> 'commit',
      reviewed_run_id = (p ->> 'reviewedRun')::uuid, reviewed_commit = p ->> 'reviewedCommit',
      findings = coalesce(p -> 'findings', '[]')
    where id = v_run;
    if p ->> 'fault' = 'agent' then perform pause_failing_agent(s.agent_id); end if;
    if coalesce(v_course, 'null') = 'null' then
      update tasks set rehearsed = rehearsed or s.rehearsed, updated_at = clock_timestamp()
      where id = v_task;
    else
      perform apply_course(v_task, v_status, v_course, v_step,
        coalesce(p ->> 'error', p ->> 'summary'), s.rehearsed);
    end if;
  end if;
  v_woken := promote_held();
  return jsonb_build_object('wake', without_told(v_woken, v_task, v_next),
    'end', jsonb_build_object('kind', 'closed', 'outcome', v_outcome,
      'standing', standing_json(v_task, v_next, v_step)));
end $$;
--> statement-breakpoint
-- Those of agents: a run by checks is no round.
create or replace function review_rounds(p_task uuid) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(size order by round), '[]') from (
    select round, count(*) as size from (
      select sum((r.seat = 0)::integer) over (order by r.number) as round from runs r
      where r.task_id = p_task and r.kind = 'REVIEW' and r.by_person is null
        and not r.by_checks) n
    group by round) s
$$;
--> statement-breakpoint
-- The stored end of a landing, or what is needed to land.
create or replace function begin_landing(p_task uuid, p_number integer) returns jsonb language sql stable as $$
  select case when l.task_id is not null then
    jsonb_build_object('kind', 'closed', 'outcome', l.outcome, 'detail', l.detail)
  else jsonb_build_object('kind', 'go',
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
                    + t.granted_landings)
  end
  from tasks t
  left join landings l on l.task_id = t.id and l.number = p_number
  cross join policy_now('landing') p
  where t.id = p_task
$$;
--> statement-breakpoint
-- Whom a run by checks is done by: no program, and nothing that it could be told.
create function brief_checks() returns jsonb language sql immutable as $$
  select jsonb_build_object('id', 'checks', 'name', 'checks', 'model', null, 'backend', 'scripted',
    'program', null, 'instructions', '', 'timeLimitSeconds', 3600)
$$;
--> statement-breakpoint
-- Everything an attempt is told: whole texts, never cut.
create or replace function brief_of(p_run uuid) returns jsonb language plpgsql stable as $$
declare v_task uuid; v_brief jsonb; d record; v_work record; v_done jsonb; v_cycles jsonb := '[]';
begin
  select t.id, jsonb_build_object(
    'task', jsonb_build_object('id', t.id, 'number', t.number, 'title', t.title,
      'description', t.description, 'acceptance', t.acceptance),
    'agent', case when r.by_checks then brief_checks() else brief_agent(a, t.canary) end,
    'run', jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
      'seat', r.seat, 'nonce', r.nonce, 'byChecks', r.by_checks, 'answers', r.answers, 'workTokens', r.work_tokens),
    'repository', case when p.id is not null then brief_repository(p) end,
    'baseCommit', t.base_commit,
    'guidance', (select coalesce(jsonb_agg(jsonb_build_object('by', g."by", 'text', g.text)
      order by g.id), '[]') from guidance g where g.task_id = t.id),
    -- `answered`: an execution has dealt with it since; its target stays what diffs compare with.
    'landingFeedback', (select l.detail || jsonb_build_object('answered', exists (
        select 1 from runs e where e.task_id = t.id and e.kind = 'EXECUTION'
          and e.state = 'SUCCEEDED' and not e.superseded
          and e.number > (l.detail ->> 'execution')::integer))
      from landings l where l.task_id = t.id and l.outcome in ('conflict', 'atCap')
      order by l.number desc limit 1),
    'cycleBound', case when v.enabled then (v.value ->> 'maxCycles')::integer else 0 end
                  + t.granted_cycles + t.landing_cycles)
  into v_task, v_brief
  from runs r join tasks t on t.id = r.task_id
  left join agents a on a.id = r.agent_id
  left join repositories p on p.id = t.repository_id
  cross join policy_now('review') v
  where r.id = p_run;
  for d in
    select e.id, e.number, e.cycle, e.superseded, w.name as agent, e.diff_sha, e.commands_sha,
      e.output_commit, e.bytes_produced, e.findings, stored_text(e.report_sha) as report,
      (select coalesce(jsonb_agg(jsonb_build_object('number', v.number,
          'agent', coalesce(n.name, v.by_person, 'checks'), 'byChecks', v.by_checks,
          'verdict', v.verdict) order by v.number), '[]')
        from runs v left join agents n on n.id = v.agent_id
        where v.reviewed_run_id = e.id and v.state = 'SUCCEEDED') as reviews
    from runs e join agents w on w.id = e.agent_id
    where e.task_id = v_task and e.kind = 'EXECUTION' and e.state = 'SUCCEEDED'
    order by e.number
  loop
    v_cycles := v_cycles || jsonb_build_object('cycle', d.cycle, 'reviews', d.reviews,
      'execution', jsonb_build_object('number', d.number, 'agent', d.agent, 'report', d.report,
        'superseded', d.superseded));
    if not d.superseded then
      v_done := jsonb_build_object('runId', d.id, 'number', d.number, 'agent', d.agent,
        'report', d.report, 'commit', d.output_commit, 'bytes', d.bytes_produced,
        'findings', d.findings);
      v_work := d;
    end if;
  end loop;
  if v_done is not null then
    v_done := v_done || jsonb_build_object('diff', stored_text(v_work.diff_sha),
      'commands', stored_text(v_work.commands_sha), 'checks', (
        select stored_text(c.report_sha) from runs c where c.reviewed_run_id = v_work.id
          and c.by_checks and c.state = 'SUCCEEDED' order by c.number desc limit 1));
  end if;
  return v_brief || jsonb_build_object('work', v_done, 'cycles', v_cycles);
end $$;
