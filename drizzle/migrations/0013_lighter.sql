-- The same steps for less: what is asked under the line's lock is asked once, of the columns it needs
-- and not of whole rows, and small questions are functions whose plans are kept. An SQL function
-- that looks something up is planned anew at each call before Postgres 18.

create or replace function rehearsing() returns boolean language plpgsql stable as $$
begin
  return not exists (select 1 from agents where connected_at is not null);
end $$;
--> statement-breakpoint
create or replace function policy_now(p_name text) returns policies language plpgsql stable as $$
declare v_policy policies;
begin
  select * into v_policy from policies where name = p_name order by version desc limit 1;
  return v_policy;
end $$;
--> statement-breakpoint
create function day_under(p_limits policies, p_instant timestamptz) returns date
language sql immutable as $$
  select (p_instant at time zone coalesce(p_limits.value ->> 'timeZone', 'UTC'))::date
$$;
--> statement-breakpoint
create or replace function day_of(p_instant timestamptz) returns date language plpgsql stable as $$
declare v_limits policies := policy_now('execution-limits');
begin
  return day_under(v_limits, p_instant);
end $$;
--> statement-breakpoint
create or replace function slots_of(p_agent text) returns bigint language plpgsql stable as $$
begin
  return (select count(*) from runs where agent_id = p_agent and state in ('ADMITTED', 'RUNNING'));
end $$;
--> statement-breakpoint
create or replace function charged_to(p_agent text, p_day date) returns bigint
language plpgsql stable as $$
begin
  return coalesce((select runs from spend where agent_id = p_agent and day = p_day), 0);
end $$;
--> statement-breakpoint
create or replace function tokens_of(p_day date) returns bigint language plpgsql stable as $$
begin
  return coalesce((select sum(work_tokens) from spend where day = p_day), 0)
    + coalesce((select sum(greatest(estimate - work_tokens, 0)) from runs
                where state in ('ADMITTED', 'RUNNING')), 0);
end $$;
--> statement-breakpoint
create or replace function executor_of(p_task uuid, p_cycle integer) returns text
language plpgsql stable as $$
begin
  return (select agent_id from runs
    where task_id = p_task and kind = 'EXECUTION' and cycle = p_cycle and state = 'SUCCEEDED'
      and not superseded
    order by number desc limit 1);
end $$;
--> statement-breakpoint
create or replace function stored_text(p_sha text) returns text language plpgsql stable strict as $$
begin
  return (select convert_from(body, 'UTF8') from contents where sha256 = p_sha);
end $$;
--> statement-breakpoint
-- Stores texts and answers their digests. In one order and before any other lock, so that two who
-- store the same texts never wait for each other in a circle.
create or replace function store_texts(p_texts text[]) returns text[] language plpgsql as $$
declare v_digests text[];
begin
  with given as materialized (
    select n, convert_to(x, 'UTF8') as body from unnest(p_texts) with ordinality u (x, n)
  ), named as materialized (
    select n, body, encode(sha256(body), 'hex') as digest from given
  ), stored as (
    insert into contents (sha256, body)
    select digest, body from named where digest is not null order by digest
    on conflict do nothing
  )
  select array_agg(digest order by n) into v_digests from named;
  return v_digests;
end $$;
--> statement-breakpoint
drop function digest_of(text);
--> statement-breakpoint
-- `p_rehearsal` is what `rehearsing` answers: asked once, and not of each agent.
create function is_backed(a agents, p_rehearsal boolean) returns boolean language sql stable as $$
  select case when a.backend = 'scripted' then p_rehearsal else a.connected_at is not null end
$$;
--> statement-breakpoint
create or replace function has_backend(a agents) returns boolean language sql stable as $$
  select is_backed(a, rehearsing())
$$;
--> statement-breakpoint
create function is_able(a agents, p_rehearsal boolean) returns boolean language sql stable as $$
  select a.enabled and a.paused_reason is null and is_backed(a, p_rehearsal)
$$;
--> statement-breakpoint
create or replace function can_work(a agents) returns boolean language sql stable as $$
  select is_able(a, rehearsing())
$$;
--> statement-breakpoint
create function may_sit(a agents, p_reviewers text[], p_executor text, p_seat integer,
  p_rehearsal boolean) returns boolean language sql stable as $$
  select a.reviews and a.id <> p_executor and is_able(a, p_rehearsal)
    and (cardinality(p_reviewers) = 0 or p_seat is null or a.id = p_reviewers[p_seat + 1])
$$;
--> statement-breakpoint
-- The named reviewer of a seat, else the least loaded of those who may review; null when there is
-- none. Queued and running ones are counted apart: each has its own index.
create function choose_for(p_task uuid, p_reviewers text[], p_executor text, p_seat integer)
returns text language plpgsql stable as $$
declare v_few text[];
begin
  v_few := array(select a.id from agents a
    where may_sit(a, p_reviewers, p_executor, p_seat, (select rehearsing())));
  if cardinality(v_few) < 2 then return v_few[1]; end if;
  return (select a.id from unnest(v_few) a (id)
    order by
      (select count(*) from runs r where r.agent_id = a.id and r.state = 'QUEUED')
        + (select count(*) from runs r where r.agent_id = a.id and r.state in ('ADMITTED', 'RUNNING')),
      -- Whoever knows the task goes on with it; the others of the squad stand by.
      (select count(*) from runs r where r.task_id = p_task and r.agent_id = a.id) desc,
      a.id
    limit 1);
end $$;
--> statement-breakpoint
create or replace function choose_reviewer(t tasks, p_executor text, p_seat integer) returns text
language sql stable as $$
  select choose_for(t.id, t.reviewers, p_executor, p_seat)
$$;
--> statement-breakpoint
-- Every seat can be filled: asked before anything is executed, of each run in line.
create function seats_filled(p_reviewers text[], p_executor text) returns boolean
language plpgsql stable as $$
declare v_few text[];
begin
  v_few := array(select a.id from agents a
    where may_sit(a, p_reviewers, p_executor, null, (select rehearsing())));
  if cardinality(p_reviewers) = 0 then return cardinality(v_few) > 0; end if;
  return p_reviewers <@ v_few;
end $$;
--> statement-breakpoint
drop function has_reviewers(tasks, text);
--> statement-breakpoint
drop function may_review(agents, tasks, text, integer);
--> statement-breakpoint
-- A LEAD executes only what a person admitted for that agent.
create function is_admitted(p_task uuid, p_agent text, p_lead boolean) returns boolean
language plpgsql stable as $$
begin
  return exists (
    select 1 from decisions d
    where d.task_id = p_task and d.decision = 'admitted'
      and d.question in ('admission:' || p_agent, 'admission:' || p_agent || ' as LEAD')
      and (not p_lead or d."by" like 'person:%'));
end $$;
--> statement-breakpoint
create or replace function may_execute(t tasks, a agents) returns boolean language sql stable as $$
  select is_admitted(t.id, a.id, a.type = 'LEAD')
$$;
--> statement-breakpoint
-- Why a queued run may not go, limits apart; null when nothing holds it. Read by promotion and by
-- everyone who asks what a task waits for, so that both say the same.
create function gate_of(p_task uuid, p_kind run_kind, p_cycle integer, p_agent text,
  p_hold block_reason, p_available timestamptz, p_now timestamptz) returns text
language plpgsql stable as $$
declare
  v_squad boolean; v_task boolean; v_reviewers text[]; v_on boolean; v_backed boolean;
  v_admitted boolean; v_executor text;
begin
  if p_hold is not null then return 'held'; end if;
  select i.squad_paused, t.paused, t.reviewers, a.enabled and a.paused_reason is null,
    has_backend(a),
    case when p_kind = 'EXECUTION' then may_execute(t, a) end,
    case when p_kind = 'REVIEW' then executor_of(t.id, p_cycle) end
  into v_squad, v_task, v_reviewers, v_on, v_backed, v_admitted, v_executor
  from installation i join tasks t on t.id = p_task left join agents a on a.id = p_agent
  where i.id = 1;
  if v_squad then return 'squad-paused'; end if;
  if v_task then return 'task-paused'; end if;
  if p_agent is null then return 'no-reviewer'; end if;
  if not v_on then return 'agent-disabled'; end if;
  if not v_backed then return 'no-backend'; end if;
  if p_kind = 'EXECUTION' then
    if not v_admitted then return 'approval'; end if;
    if not seats_filled(v_reviewers, p_agent) then return 'no-reviewer'; end if;
  elsif v_executor is not distinct from p_agent then return 'no-reviewer';
  end if;
  if p_available > p_now then return 'back-off'; end if;
  return null;
end $$;
--> statement-breakpoint
create or replace function run_gate(r runs, p_now timestamptz) returns text language sql stable as $$
  select gate_of(r.task_id, r.kind, r.cycle, r.agent_id, r.hold, r.available_at, p_now)
$$;
--> statement-breakpoint
drop function first_in_line(text, timestamptz, boolean);
--> statement-breakpoint
-- The best queued run of an agent that may go now. The order is the index's own, so that it reads
-- one row and not the whole queue.
create function first_in_line(p_agent text, p_now timestamptz, p_uncharged boolean) returns uuid
language sql stable as $$
  select r.id from runs r
  where r.agent_id = p_agent and r.state = 'QUEUED' and (p_uncharged or r.charged)
    and run_gate(r, p_now) is null
  order by r.priority desc nulls last, r.place limit 1
$$;
--> statement-breakpoint
create function line_first(p_limits policies, p_now timestamptz, p_today date) returns uuid
language plpgsql stable as $$
declare v_slots bigint := limit_of(p_limits, 'maxConcurrentPerAgent');
begin
  return (
    select r.id from agents a
    cross join lateral first_in_line(a.id, p_now, charged_to(a.id, p_today) < daily_limit(p_limits, a)) f (id)
    join runs r on r.id = f.id
    where exists (select 1 from runs q where q.agent_id = a.id and q.state = 'QUEUED')
      and is_able(a, (select rehearsing()))
      and slots_of(a.id) < v_slots
    order by r.priority desc, r.place limit 1);
end $$;
--> statement-breakpoint
-- The first in line of the whole squad: the day's tokens apart, it would go now. All null: nobody.
create or replace function line_head(p_limits policies, p_now timestamptz, p_today date) returns runs
language plpgsql stable as $$
declare r runs; v_first uuid := line_first(p_limits, p_now, p_today);
begin
  select * into r from runs where id = v_first;
  return r;
end $$;
--> statement-breakpoint
create or replace function seat_reviewers() returns void language plpgsql as $$
declare r record; chosen text;
begin
  for r in select q.id, q.task_id, q.cycle, q.seat, t.reviewers
           from runs q join tasks t on t.id = q.task_id
           where q.state = 'QUEUED' and q.agent_id is null and q.by_person is null
           order by q.place loop
    chosen := choose_for(r.task_id, r.reviewers, executor_of(r.task_id, r.cycle), r.seat);
    if chosen is not null then
      update runs set agent_id = chosen, estimate = a.token_estimate, rehearsed = a.backend = 'scripted'
      from agents a where a.id = chosen and runs.id = r.id;
    end if;
  end loop;
end $$;
--> statement-breakpoint
-- Promotes the highest-priority, oldest runs that fit and returns whom to wake:
-- [{run, workflowId}]. Touches run rows only. Called by who holds the line.
create function promote_held() returns jsonb language plpgsql as $$
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
  if v_unseated then perform seat_reviewers(); end if;
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
create or replace function promote() returns jsonb language plpgsql as $$
begin
  perform lock_line();
  return promote_held();
end $$;
--> statement-breakpoint
-- The only place that moves a status; who calls it has read it under the task's lock. Ends absorb; an
-- impossible move is a defect and fails loudly.
create function move_status(p_task uuid, p_from task_status, p_status task_status,
  p_blocked block_reason, p_step text, p_detail text, p_rehearsed boolean) returns void
language plpgsql as $$
begin
  if p_from <> p_status and not may_move(p_from, p_status) then
    raise exception 'task % cannot move from % to %', p_task, p_from, p_status;
  end if;
  update tasks set
    status = p_status, blocked = p_blocked,
    blocked_step = case when p_blocked is null then null else p_step end,
    blocked_detail = case when p_blocked is null then null else p_detail end,
    status_since = case when p_from = p_status then status_since else clock_timestamp() end,
    ended_at = case when is_terminal(p_status) then coalesce(ended_at, clock_timestamp()) end,
    updated_at = clock_timestamp(), rehearsed = rehearsed or p_rehearsed
  where id = p_task;
  if is_terminal(p_status) and p_from <> p_status then perform cancel_open(p_task); end if;
end $$;
--> statement-breakpoint
create or replace function set_status(p_task uuid, p_status task_status, p_blocked block_reason,
  p_step text, p_detail text) returns void language plpgsql as $$
declare v_from task_status;
begin
  select status into v_from from tasks where id = p_task for update;
  perform move_status(p_task, v_from, p_status, p_blocked, p_step, p_detail, false);
end $$;
--> statement-breakpoint
-- Where the task stands, with the runs of a list of specs.
create or replace function standing_json(p_task uuid, p_specs jsonb, p_step text) returns jsonb
language plpgsql stable as $$
begin
  return (
    select jsonb_build_object('status', t.status, 'blocked', t.blocked, 'resolution', case
        when p_step is not null then (select decision from decisions
          where task_id = p_task and question = 'block:' || p_step) end,
      'runs', coalesce(s.every, '[]'), 'opened', coalesce(s.opened, '[]'))
    from tasks t cross join (
      select jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'agentName', coalesce(a.name, r.by_person, '(nobody yet)'),
          'state', r.state, 'summary', coalesce(r.summary, r.error, r.question),
          'verdict', r.verdict_kind, 'superseded', r.superseded, 'byPerson', r.by_person is not null)
          order by r.cycle, r.kind, r.number) as every,
        jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'seat', r.seat, 'state', r.state, 'agent', r.agent_id,
          'agentName', a.name, 'wait', case when r.state = 'QUEUED' then (
            select wait_reason(q, policy_now('execution-limits'), clock_timestamp(),
              day_of(clock_timestamp())) from runs q where q.id = r.id) end)
          order by r.kind, r.number) filter (where p_specs @> jsonb_build_array(
            jsonb_build_object('kind', r.kind, 'number', r.number))) as opened
      from runs r left join agents a on a.id = r.agent_id where r.task_id = p_task) s
    where t.id = p_task);
end $$;
--> statement-breakpoint
create or replace function runs_json(p_task uuid) returns jsonb language sql stable as $$
  select standing_json(p_task, null, null) -> 'runs'
$$;
--> statement-breakpoint
drop function run_json(runs);
--> statement-breakpoint
drop function opened_json(runs);
--> statement-breakpoint
create or replace function without_told(p_woken jsonb, p_task uuid, p_specs jsonb) returns jsonb
language plpgsql stable as $$
begin
  if p_woken = '[]' or coalesce(p_specs, '[]') in ('[]', 'null') then return p_woken; end if;
  if jsonb_array_length(p_woken) = 1
     and p_specs @> jsonb_build_array(jsonb_build_object('id', p_woken -> 0 -> 'run')) then
    return '[]';
  end if;
  return (
    select coalesce(jsonb_agg(w), '[]') from jsonb_array_elements(p_woken) w
    where not exists (select 1 from runs r
      where r.id = (w ->> 'run')::uuid and r.task_id = p_task and p_specs @> jsonb_build_array(
        jsonb_build_object('kind', r.kind, 'number', r.number))));
end $$;
--> statement-breakpoint
create or replace function open_run(p_task uuid, p_spec jsonb) returns void language plpgsql as $$
declare v_kind run_kind := (p_spec ->> 'kind')::run_kind; v_agent text; v_estimate integer;
  v_number integer := (p_spec ->> 'number')::integer; v_cycle integer := (p_spec ->> 'cycle')::integer;
  v_seat integer := (p_spec ->> 'seat')::integer; v_last integer; v_status task_status;
  v_reviewers text[]; v_priority priority; v_cycles integer; v_scripted boolean;
begin
  select t.status, t.reviewers, t.priority, t.cycles, t.assignee,
    (select coalesce(max(number), 0) from runs where task_id = t.id and kind = v_kind)
  into v_status, v_reviewers, v_priority, v_cycles, v_agent, v_last from tasks t where t.id = p_task;
  if is_terminal(v_status) then return; end if;
  if v_kind = 'REVIEW' and v_seat >= greatest(cardinality(v_reviewers), 1) then return; end if;
  if v_number <= v_last then return; end if;
  if v_number <> v_last + 1 then
    raise exception 'task % cannot open % % after %', p_task, v_kind, v_number, v_last;
  end if;
  if v_kind = 'REVIEW' then
    v_agent := choose_for(p_task, v_reviewers, executor_of(p_task, v_cycle), v_seat);
  end if;
  select token_estimate, backend = 'scripted' into v_estimate, v_scripted
  from agents where id = v_agent;
  insert into runs (id, task_id, kind, number, cycle, seat, agent_id, state, priority, estimate,
                    nonce, rehearsed)
  values ((p_spec ->> 'id')::uuid, p_task, v_kind, v_number, v_cycle, v_seat, v_agent, 'QUEUED',
          v_priority, coalesce(v_estimate, 0), replace(gen_random_uuid()::text, '-', ''),
          coalesce(v_scripted, false));
  if v_cycle > v_cycles then update tasks set cycles = v_cycle where id = p_task; end if;
end $$;
--> statement-breakpoint
-- Applies the row of the workflow's table that the outcome named: status, block, next runs. Called by
-- who holds the task and knows its status.
create function apply_course(p_task uuid, p_from task_status, p_then jsonb, p_step text,
  p_detail text, p_rehearsed boolean) returns void language plpgsql as $$
declare v_spec jsonb;
begin
  if coalesce(p_then -> 'next', '[]') <> '[]' then
    for v_spec in select * from jsonb_array_elements(p_then -> 'next') loop
      perform open_run(p_task, v_spec);
    end loop;
  end if;
  perform move_status(p_task, p_from, (p_then ->> 'status')::task_status,
    (p_then ->> 'blocked')::block_reason, p_step, p_detail, p_rehearsed);
end $$;
--> statement-breakpoint
create or replace function apply_then(p_task uuid, p_then jsonb, p_step text, p_detail text)
returns void language plpgsql as $$
declare v_from task_status;
begin
  if coalesce(p_then, 'null') = 'null' then return; end if;
  select status into v_from from tasks where id = p_task for update;
  perform apply_course(p_task, v_from, p_then, p_step, p_detail, false);
end $$;
--> statement-breakpoint
-- Everything an attempt is told: whole texts, never cut. A canary is scripted whoever plays it: it
-- spends nothing.
create function brief_of(p_run uuid) returns jsonb language plpgsql stable as $$
declare v_task uuid; v_brief jsonb; d record; v_work record; v_done jsonb; v_cycles jsonb := '[]';
begin
  select t.id, jsonb_build_object(
    'task', jsonb_build_object('id', t.id, 'number', t.number, 'title', t.title,
      'description', t.description, 'acceptance', t.acceptance),
    'agent', jsonb_build_object('id', a.id, 'name', a.name, 'model', a.model,
      'backend', case when t.canary then 'scripted' else a.backend end,
      'instructions', a.instructions, 'timeLimitSeconds', a.time_limit_seconds),
    'run', jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
      'seat', r.seat, 'nonce', r.nonce, 'answers', r.answers, 'workTokens', r.work_tokens),
    'repository', case when p.id is not null then jsonb_build_object('id', p.id, 'name', p.name,
      'location', p.location, 'target', p.target) end,
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
      e.output_commit, e.bytes_produced, stored_text(e.report_sha) as report,
      (select coalesce(jsonb_agg(jsonb_build_object('number', v.number,
          'agent', coalesce(n.name, v.by_person), 'verdict', v.verdict) order by v.number), '[]')
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
        'report', d.report, 'commit', d.output_commit, 'bytes', d.bytes_produced);
      v_work := d;
    end if;
  end loop;
  if v_done is not null then
    v_done := v_done || jsonb_build_object('diff', stored_text(v_work.diff_sha),
      'commands', stored_text(v_work.commands_sha));
  end if;
  return v_brief || jsonb_build_object('work', v_done, 'cycles', v_cycles);
end $$;
--> statement-breakpoint
create or replace function run_brief(r runs) returns jsonb language sql stable as $$
  select brief_of(r.id)
$$;
--> statement-breakpoint
drop function run_brief_of_agent(runs);
--> statement-breakpoint
-- Hands out the attempt number. A run that is still queued goes back to wait; a closed one answers
-- with its end and its wake list; ten lost workers in a row without progress are too many.
create or replace function start_attempt(p_run uuid, p_worker text) returns jsonb
language plpgsql as $$
declare v_task uuid; v_status task_status; s record; v_checkpoint jsonb; v_lost bigint := 0;
  v_number integer;
begin
  select t.id as task_id, t.status, r.kind, r.number, r.state, r.attempt, r.outcome, r.queued_at,
    r.ended_at
  into s from runs r join tasks t on t.id = r.task_id where r.id = p_run for update of t, r;
  v_task := s.task_id;
  v_status := s.status;
  if s.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') then
    return jsonb_build_object('kind', 'closed', 'end', jsonb_build_object('kind', 'closed',
        'outcome', s.outcome, 'standing', standing_json(v_task, null, s.kind || ' ' || s.number)),
      'wake', wake_again(s.ended_at));
  end if;
  if s.state = 'QUEUED' then
    return jsonb_build_object('kind', 'queued',
      'wait', (select run_wait(q) ->> 'reason' from runs q where q.id = p_run),
      'standing', standing_json(v_task, null, null), 'wake', wake_again(s.queued_at));
  end if;
  if s.attempt > 0 then
    update attempts set ended_at = clock_timestamp(), "end" = 'lost'
    where run_id = p_run and ended_at is null;
  end if;
  update runs set attempt = attempt + 1, state = 'RUNNING',
    started_at = coalesce(started_at, clock_timestamp())
  where id = p_run returning attempt into v_number;
  insert into attempts (run_id, number, worker) values (p_run, v_number, p_worker);
  if s.kind = 'EXECUTION' and v_status = 'ASSIGNED' then
    perform move_status(v_task, v_status, 'IN_PROGRESS', null, null, null, false);
  end if;
  if v_number > 1 then
    select checkpoint into v_checkpoint from attempts
    where run_id = p_run and checkpoint is not null order by number desc limit 1;
    v_lost := lost_in_a_row(p_run);
  end if;
  return jsonb_build_object('kind', 'go', 'attempt', v_number, 'checkpoint', v_checkpoint,
    'lostInARow', v_lost, 'brief', brief_of(p_run));
end $$;
--> statement-breakpoint
-- After a turn: checkpoint, events and tokens in one statement. Answers whether to go on.
create or replace function save_progress(p jsonb) returns text language plpgsql as $$
declare v_run uuid := (p ->> 'run')::uuid; v_attempt integer := (p ->> 'attempt')::integer;
  v_task uuid; v_texts text[];
begin
  if p ->> 'instructions' is not null then v_texts := store_texts(array[p ->> 'instructions']); end if;
  update runs set
    work_tokens = work_tokens + (p ->> 'workTokens')::integer,
    cache_read_tokens = cache_read_tokens + (p ->> 'cacheReadTokens')::integer,
    instructions_sha = coalesce(v_texts[1], instructions_sha)
  where id = v_run and attempt = v_attempt and state = 'RUNNING' returning task_id into v_task;
  if not found then return 'lost'; end if;
  if p -> 'checkpoint' <> 'null' then
    update attempts set checkpoint = p -> 'checkpoint' where run_id = v_run and number = v_attempt;
  end if;
  insert into run_events (run_id, attempt, event)
  select v_run, v_attempt, e from jsonb_array_elements(p -> 'events') e;
  if (select squad_paused from installation where id = 1)
     or (select paused from tasks where id = v_task) then return 'paused'; end if;
  return 'go';
end $$;
--> statement-breakpoint
drop function run_end(runs, jsonb);
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
    r.rehearsed
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
      charged = v_state = 'SUCCEEDED', cause = p ->> 'cause', fault = p ->> 'fault',
      error = p ->> 'error', summary = p ->> 'summary', verdict = nullif(p -> 'verdict', 'null'),
      verdict_kind = (p ->> 'verdictKind')::verdict_kind, report_sha = v_texts[1],
      diff_sha = v_texts[2], commands_sha = v_texts[3],
      bytes_produced = (p ->> 'bytesProduced')::integer,
      bytes_handed_over = (p ->> 'bytesHandedOver')::integer, output_commit = p ->> 'commit',
      reviewed_run_id = (p ->> 'reviewedRun')::uuid, reviewed_commit = p ->> 'reviewedCommit'
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
-- What the first step needs to check a request and decide about it.
create or replace function read_for_begin(p_workflow_id text) returns jsonb
language plpgsql stable as $$
declare v_record jsonb; v_roster jsonb; v_repositories jsonb;
begin
  select jsonb_build_object('id', t.id, 'number', t.number, 'status', t.status,
    'registered', t.first_execution_run_id is not null, 'title', t.title,
    'priority', t.priority, 'assignee', t.assignee, 'reviewers', to_jsonb(t.reviewers),
    'rounds', review_rounds(t.id))
  into v_record from tasks t where t.workflow_id = p_workflow_id;
  select jsonb_agg(jsonb_build_object('id', id, 'type', type, 'reviews', reviews) order by id)
  into v_roster from agents;
  select coalesce(jsonb_agg(name order by name), '[]') into v_repositories from repositories;
  return jsonb_build_object('record', v_record, 'roster', v_roster,
    'repositories', v_repositories, 'policy', to_jsonb(policy_now('auto-approve')));
end $$;
--> statement-breakpoint
-- Whether a row was made, by who holds the line: numbers are for people, and a sequence would leave
-- gaps that look like losses.
create function insert_held(p jsonb) returns boolean language plpgsql as $$
declare q jsonb := p -> 'request'; v_id uuid := (p ->> 'id')::uuid;
  v_origin uuid := (p ->> 'originRun')::uuid; v_parent uuid; v_root uuid; v_depth integer;
  v_repository uuid; v_canary boolean := coalesce((p ->> 'canary')::boolean, false);
begin
  if v_origin is not null then
    select id, root_id, depth, repository_id into v_parent, v_root, v_depth, v_repository
    from tasks where id = (select task_id from runs where id = v_origin);
  end if;
  if v_repository is null and q ->> 'repository' is not null then
    select id into v_repository from repositories where name = q ->> 'repository';
  end if;
  insert into tasks (id, number, workflow_id, title, description, acceptance, priority, assignee, reviewers,
    repository_id, owner, door, source, key, status, parent_id, root_id, depth, origin_run_id,
    origin_index, canary, first_execution_run_id, rehearsed)
  values (v_id,
    (select coalesce(max(number), case when v_canary then 2000000000 else 0 end) + 1
     from tasks where canary = v_canary),
    p ->> 'workflowId', q ->> 'title', q ->> 'description', q -> 'acceptance',
    (q ->> 'priority')::priority, q ->> 'assignee',
    array(select jsonb_array_elements_text(q -> 'reviewers')),
    v_repository, q ->> 'owner', p ->> 'door', q ->> 'source', q ->> 'key', 'INBOX', v_parent,
    coalesce(v_root, v_id), coalesce(v_depth + 1, 0), v_origin,
    (p ->> 'originIndex')::integer, v_canary, p ->> 'firstExecutionRunId',
    p ? 'firstExecutionRunId' and (select backend = 'scripted' from agents where id = q ->> 'assignee'))
  on conflict do nothing;
  if not found then return false; end if;
  insert into audit (principal, door, action, subject, detail)
  values (q ->> 'owner', p ->> 'door', case when v_canary then 'canary.file' else 'task.file' end,
    v_id::text, jsonb_build_object('title', q ->> 'title'));
  return true;
end $$;
--> statement-breakpoint
create or replace function insert_task(p jsonb) returns uuid language plpgsql as $$
begin
  perform lock_line();
  perform insert_held(p);
  return (p ->> 'id')::uuid;
end $$;
--> statement-breakpoint
create or replace function was_rejected(p_task uuid) returns boolean language plpgsql stable as $$
begin
  return exists (select 1 from decisions where task_id = p_task and question like 'admission:%'
                 and decision = 'rejected');
end $$;
--> statement-breakpoint
-- What is asked about a task's admission. Whom a policy has admitted and who became a LEAD since is
-- asked about again, by a question of its own: the decision that stands never flips.
create function question_of(p_task uuid, p_assignee text) returns text language plpgsql stable as $$
declare v_question text := 'admission:' || p_assignee;
begin
  if (select type from agents where id = p_assignee) = 'LEAD' and exists (
    select 1 from decisions where task_id = p_task and question = v_question
      and decision = 'admitted' and "by" not like 'person:%') then return v_question || ' as LEAD';
  end if;
  return v_question;
end $$;
--> statement-breakpoint
create or replace function admission_question(t tasks) returns text language sql stable as $$
  select question_of(t.id, t.assignee)
$$;
--> statement-breakpoint
create function admission_of(p_task uuid, p_assignee text, p_admission jsonb) returns jsonb
language plpgsql stable as $$
declare d record; v_question text := question_of(p_task, p_assignee);
begin
  select decision, "by", reason into d from decisions
  where task_id = p_task and question = v_question;
  if found then
    return jsonb_build_object('kind', d.decision, 'by', d."by", 'reason', d.reason);
  end if;
  return jsonb_build_object('kind', 'waits',
    'reason', coalesce(p_admission ->> 'reason', 'policy decides in a moment'));
end $$;
--> statement-breakpoint
create or replace function admission_json(t tasks) returns jsonb language sql stable as $$
  select admission_of(t.id, t.assignee, t.admission)
$$;
--> statement-breakpoint
-- Whether the policy in force admits the task as it is now: asked under the lock, since the rule
-- that decided and worded it read the task before. A LEAD is admitted by a person only.
create function policy_admits_to(p_assignee text, p_priority priority) returns boolean
language plpgsql stable as $$
declare p policies := policy_now('auto-approve');
begin
  return coalesce((
    select p.enabled and a.type <> 'LEAD' and jsonb_typeof(p.value -> 'allowedAgentTypes') = 'array'
      and p.value -> 'allowedAgentTypes' ? a.type::text
      and array_position(enum_range(null::priority)::text[], p_priority::text)
          <= array_position(enum_range(null::priority)::text[], p.value ->> 'maxPriority')
    from agents a where a.id = p_assignee), false);
end $$;
--> statement-breakpoint
create or replace function policy_admits(t tasks) returns boolean language sql stable as $$
  select policy_admits_to(t.assignee, t.priority)
$$;
--> statement-breakpoint
-- Records what the policy came to; the first decision of a question stands, and a task that was
-- rejected stays so. What was decided about an older task or policy is left to be decided again.
create or replace function apply_admission(p_task uuid, p_admission jsonb) returns void
language plpgsql as $$
declare v_status task_status; v_assignee text; v_admits boolean := p_admission ->> 'kind' = 'admitted';
  v_agrees boolean; v_rejected boolean;
begin
  select status, assignee, was_rejected(id), v_admits = policy_admits_to(assignee, priority)
  into v_status, v_assignee, v_rejected, v_agrees from tasks where id = p_task for update;
  if not found or v_status <> 'INBOX' or v_rejected then return; end if;
  update tasks set admission = case when v_agrees or not v_admits then p_admission end,
    admission_policy_version = case when v_agrees then (p_admission ->> 'policyVersion')::integer end
  where id = p_task;
  if not (v_admits and v_agrees) then return; end if;
  insert into decisions (task_id, question, decision, by, door, reason, policy_version)
  values (p_task, 'admission:' || v_assignee, 'admitted', 'policy:auto-approve', 'policy',
    p_admission ->> 'reason', (p_admission ->> 'policyVersion')::integer)
  on conflict do nothing;
  if found then
    insert into audit (principal, door, action, subject, detail)
    values ('policy:auto-approve', 'policy', 'task.admit', p_task::text,
      jsonb_build_object('agent', v_assignee, 'reason', p_admission ->> 'reason'));
  end if;
  perform move_status(p_task, v_status, 'ASSIGNED', null, null, null, false);
end $$;
--> statement-breakpoint
drop function begun_json(tasks, jsonb);
--> statement-breakpoint
-- Registers the task, or finds the open record to re-enter; decides admission; opens Execution 1.
create or replace function begin_task(p jsonb) returns jsonb language plpgsql as $$
declare v_id uuid; v_status task_status; v_number integer; v_workflow text := p ->> 'workflowId';
  v_firsts jsonb := jsonb_build_array(p -> 'first'); v_woken jsonb := '[]'; v_admission jsonb;
  v_begun record;
begin
  perform lock_line();
  select id, number, status into v_id, v_number, v_status
  from tasks where workflow_id = v_workflow for update;
  if not found then
    if p -> 'request' ->> 'key' is not null then
      select number, workflow_id into v_begun from tasks
      where source = p -> 'request' ->> 'source' and key = p -> 'request' ->> 'key';
      if found then
        return jsonb_build_object('error', 'DuplicateKey', 'number', v_begun.number,
          'workflowId', v_begun.workflow_id);
      end if;
    end if;
    -- Filed by a door at this very moment, under the same key: its row is visible now.
    if not insert_held(p) then return begin_task(p); end if;
    v_id := (p ->> 'id')::uuid;
  elsif is_terminal(v_status) then
    return jsonb_build_object('error', 'TaskEnded', 'number', v_number, 'status', v_status);
  else
    update tasks set first_execution_run_id = p ->> 'firstExecutionRunId',
      rehearsed = rehearsed or (select backend = 'scripted' from agents where id = assignee)
    where id = v_id;
  end if;
  perform apply_admission(v_id, p -> 'admission');
  select t.number, t.title, t.priority, t.assignee, a.name, t.reviewers, t.paused, t.status,
    t.admission, a.backend = 'scripted' as scripted
  into v_begun from tasks t join agents a on a.id = t.assignee where t.id = v_id;
  v_admission := admission_of(v_id, v_begun.assignee, v_begun.admission);
  if v_begun.status <> 'INBOX' and v_admission ->> 'kind' = 'admitted' then
    perform open_run(v_id, p -> 'first');
    v_woken := without_told(promote_held(), v_id, v_firsts);
  end if;
  return jsonb_build_object('wake', v_woken, 'begun', jsonb_build_object('taskId', v_id,
    'number', v_begun.number, 'title', v_begun.title, 'priority', v_begun.priority,
    'assignee', v_begun.assignee, 'assigneeName', v_begun.name,
    'reviewers', to_jsonb(v_begun.reviewers), 'rehearsed', v_begun.scripted,
    'paused', v_begun.paused, 'seats', greatest(cardinality(v_begun.reviewers), 1),
    'admission', v_admission, 'standing', standing_json(v_id, v_firsts, null)));
end $$;
--> statement-breakpoint
-- Records what a landing came to; the files of a deliverable with it, and of no other task.
create or replace function close_landing(p jsonb) returns jsonb language plpgsql as $$
declare v_task uuid := (p ->> 'task')::uuid; v_number integer := (p ->> 'number')::integer;
  v_outcome text := p ->> 'outcome'; v_course jsonb := p -> 'course'; v_woken jsonb;
  v_status task_status;
begin
  perform lock_line();
  select status into v_status from tasks where id = v_task for update;
  if v_status = 'LANDING' and v_outcome is not null
     and not exists (select 1 from landings where task_id = v_task and number = v_number) then
    insert into landings (task_id, number, kind, detail, outcome)
    values (v_task, v_number, p ->> 'kind', p -> 'detail', v_outcome);
    if coalesce(p -> 'files', '[]') <> '[]' then
      insert into deliverables (task_id, path, mode, sha256)
      select v_task, f ->> 'path', f ->> 'mode', f ->> 'sha256' from jsonb_array_elements(p -> 'files') f
      on conflict (task_id, path) do update set mode = excluded.mode, sha256 = excluded.sha256;
    end if;
    update tasks set
      landing_cycles = landing_cycles + case when v_outcome in ('conflict', 'atCap') then 1 else 0 end,
      landed_from = case when v_outcome = 'landed' then p ->> 'landedFrom' end,
      landed_commit = p ->> 'landedCommit',
      landed_ref = p ->> 'landedRef', landing_withheld = p ->> 'withheld'
    where id = v_task;
    if coalesce(v_course, 'null') <> 'null' then
      perform apply_course(v_task, v_status, v_course, 'LANDING ' || v_number,
        p -> 'detail' ->> 'summary', false);
    end if;
    v_woken := without_told(promote_held(), v_task, v_course -> 'next');
  end if;
  return jsonb_build_object('end', landing_end(v_task, v_number, v_course -> 'next'),
    'wake', coalesce(v_woken, '[]'));
end $$;
--> statement-breakpoint
-- The triggers' own: a row that is there is changed in place, without an attempt to insert it.
create or replace function spend_again(p_day date, p_agent text, p_runs bigint, p_tokens bigint)
returns void language plpgsql as $$
begin
  update spend set runs = runs + p_runs, work_tokens = work_tokens + p_tokens
  where day = p_day and agent_id = p_agent;
  if found then return; end if;
  insert into spend as s (day, agent_id, runs, work_tokens) values (p_day, p_agent, p_runs, p_tokens)
  on conflict (day, agent_id) do update
    set runs = s.runs + excluded.runs, work_tokens = s.work_tokens + excluded.work_tokens;
end $$;
--> statement-breakpoint
create or replace function spend_of_change() returns trigger language plpgsql as $$
begin
  if (old.day, old.agent_id) = (new.day, new.agent_id) then
    perform spend_again(new.day, new.agent_id, new.charged::integer - old.charged::integer,
      new.work_tokens - old.work_tokens);
    return null;
  end if;
  perform spend_again(c.day, c.agent, c.runs, c.tokens)
  from (values (old.day, old.agent_id, -old.charged::integer, -old.work_tokens),
               (new.day, new.agent_id, new.charged::integer, new.work_tokens))
    as c (day, agent, runs, tokens)
  where c.day is not null and c.agent is not null order by c.day, c.agent;
  return null;
end $$;
--> statement-breakpoint
-- Once nothing of it is left on disk a canary is removed; the record of any other task stays, and
-- is marked without holding up the line.
create or replace function mark_cleaned(p_task uuid) returns void language plpgsql as $$
begin
  update tasks set cleaned_at = clock_timestamp() where id = p_task and not canary;
  if found then return; end if;
  perform remove_canary(p_task);
  update tasks set cleaned_at = clock_timestamp() where id = p_task;
end $$;
