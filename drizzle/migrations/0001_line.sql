-- The line: who may run, and when. The run row is the queue entry, the slot, the counter and the
-- audit trail; figures are counts of rows, taken after the lock.

insert into installation (id) values (1) on conflict do nothing;
--> statement-breakpoint
-- A second open execution is a defect of whoever asks for it, and fails loudly.
create unique index runs_one_execution on runs (task_id)
  where kind = 'EXECUTION' and state in ('QUEUED', 'ADMITTED', 'RUNNING');
--> statement-breakpoint
-- What was decided, configured and said stays as it was written.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed or removed', tg_table_name;
end $$;
--> statement-breakpoint
create trigger append_only before update or delete or truncate on audit
  for each statement execute function refuse_change();
--> statement-breakpoint
create trigger append_only before update or delete or truncate on decisions
  for each statement execute function refuse_change();
--> statement-breakpoint
create trigger append_only before update or delete or truncate on policies
  for each statement execute function refuse_change();
--> statement-breakpoint
-- Whoever changes who may run holds this lock first; order: line, task, run, attempt. Contents are
-- stored before it, in the order of their digests.
create function lock_line() returns void language plpgsql as $$
begin
  perform 1 from installation where id = 1 for update;
end $$;
--> statement-breakpoint
-- The version in force.
create function policy_now(p_name text) returns policies language sql stable as $$
  select * from policies where name = p_name order by version desc limit 1
$$;
--> statement-breakpoint
-- The policy's day at an instant; the instant is an argument so that midnight can be tested.
create function day_of(p_instant timestamptz) returns date language sql stable as $$
  select (p_instant at time zone coalesce((policy_now('execution-limits')).value ->> 'timeZone', 'UTC'))::date
$$;
--> statement-breakpoint
-- Until a real agent is connected everything is a rehearsal.
create function rehearsing() returns boolean language sql stable as $$
  select not exists (select 1 from agents where connected_at is not null)
$$;
--> statement-breakpoint
create function has_backend(a agents) returns boolean language sql stable as $$
  select case when a.backend = 'scripted' then rehearsing() else a.connected_at is not null end
$$;
--> statement-breakpoint
create function can_work(a agents) returns boolean language sql stable as $$
  select a.enabled and a.paused_reason is null and has_backend(a)
$$;
--> statement-breakpoint
-- Who executed what the reviewers will see: never a reviewer of it.
create function executor_of(p_task uuid, p_cycle integer) returns text language sql stable as $$
  select agent_id from runs
  where task_id = p_task and kind = 'EXECUTION' and cycle = p_cycle and state = 'SUCCEEDED'
    and not superseded
  order by number desc limit 1
$$;
--> statement-breakpoint
-- The named reviewer of a seat, else the least loaded of those who may review; null when there is none.
create function choose_reviewer(t tasks, p_executor text, p_seat integer) returns text
language sql stable as $$
  select a.id from agents a
  where a.reviews and a.id <> p_executor and can_work(a)
    and (cardinality(t.reviewers) = 0 or a.id = t.reviewers[p_seat + 1])
  order by
    (select count(*) from runs r where r.agent_id = a.id and r.state in ('QUEUED', 'ADMITTED', 'RUNNING')),
    -- Whoever knows the task goes on with it; the others of the squad stand by.
    (select count(*) from runs r where r.task_id = t.id and r.agent_id = a.id) desc,
    a.id
  limit 1
$$;
--> statement-breakpoint
create function seats_of(t tasks) returns integer language sql immutable as $$
  select greatest(cardinality(t.reviewers), 1)
$$;
--> statement-breakpoint
-- Every seat can be filled: asked before anything is executed.
create function has_reviewers(t tasks, p_executor text) returns boolean language sql stable as $$
  select bool_and(choose_reviewer(t, p_executor, seat) is not null)
  from generate_series(0, seats_of(t) - 1) seat
$$;
--> statement-breakpoint
-- A LEAD executes only what a person admitted for that agent.
create function may_execute(t tasks, a agents) returns boolean language sql stable as $$
  select exists (
    select 1 from decisions d
    where d.task_id = t.id and d.question = 'admission:' || a.id and d.decision = 'admitted'
      and (a.type <> 'LEAD' or d.by like 'person:%')
  )
$$;
--> statement-breakpoint
-- Why a queued run may not go, limits apart; null when nothing holds it. Read by promotion and by
-- everyone who asks what a task waits for, so that both say the same.
create function run_gate(r runs, p_now timestamptz) returns text language plpgsql stable as $$
declare t tasks; a agents;
begin
  if r.hold is not null then return 'held'; end if;
  if (select squad_paused from installation where id = 1) then return 'squad-paused'; end if;
  select * into t from tasks where id = r.task_id;
  if t.paused then return 'task-paused'; end if;
  if r.agent_id is null then return 'no-reviewer'; end if;
  select * into a from agents where id = r.agent_id;
  if not a.enabled or a.paused_reason is not null then return 'agent-disabled'; end if;
  if not has_backend(a) then return 'no-backend'; end if;
  if r.kind = 'EXECUTION' then
    if not may_execute(t, a) then return 'approval'; end if;
    if not has_reviewers(t, a.id) then return 'no-reviewer'; end if;
  elsif executor_of(t.id, r.cycle) is not distinct from a.id then return 'no-reviewer';
  end if;
  if r.available_at > p_now then return 'back-off'; end if;
  return null;
end $$;
--> statement-breakpoint
create function slots_of(p_agent text) returns bigint language sql stable as $$
  select count(*) from runs where agent_id = p_agent and state in ('ADMITTED', 'RUNNING')
$$;
--> statement-breakpoint
create function charged_to(p_agent text, p_day date) returns bigint language sql stable as $$
  select count(*) from runs where agent_id = p_agent and day = p_day and charged
$$;
--> statement-breakpoint
-- What an open run may still spend of what was reserved for it.
create function reserved_by(r runs) returns bigint language sql immutable as $$
  select greatest(r.estimate - r.work_tokens, 0)::bigint
$$;
--> statement-breakpoint
-- Work tokens of a day: spent on it, plus what open runs of whatever day have reserved.
create function tokens_of(p_day date) returns bigint language sql stable as $$
  select coalesce((select sum(work_tokens) from runs where day = p_day), 0)::bigint
       + coalesce((select sum(reserved_by(r)) from runs r where state in ('ADMITTED', 'RUNNING')), 0)::bigint
$$;
--> statement-breakpoint
-- One figure of the limits; a disabled policy lets nothing run, nor does a figure that is missing.
create function limit_of(p_limits policies, p_figure text) returns bigint language sql immutable as $$
  select coalesce(case when p_limits.enabled then (p_limits.value ->> p_figure)::bigint end, 0)
$$;
--> statement-breakpoint
create function daily_limit(p_limits policies, a agents) returns bigint language sql immutable as $$
  select limit_of(p_limits, case when a.reviews then 'maxDailyPerReviewer' else 'maxDailyPerAgent' end)
$$;
--> statement-breakpoint
-- Gives waiting reviews a reviewer as soon as there is one.
create function seat_reviewers() returns void language plpgsql as $$
declare r record; chosen text;
begin
  for r in select runs.id, runs.task_id, runs.cycle, runs.seat from runs
           where state = 'QUEUED' and agent_id is null and by_person is null order by place loop
    select choose_reviewer(t, executor_of(t.id, r.cycle), r.seat) into chosen
    from tasks t where t.id = r.task_id;
    if chosen is not null then
      update runs set agent_id = chosen, estimate = a.token_estimate, rehearsed = a.backend = 'scripted'
      from agents a where a.id = chosen and runs.id = r.id;
    end if;
  end loop;
end $$;
--> statement-breakpoint
-- The best queued run of an agent that may go now. The order is the index's own, so that it reads
-- one row and not the whole queue.
create function first_in_line(p_agent text, p_now timestamptz, p_uncharged boolean) returns runs
language sql stable as $$
  select * from runs r
  where r.agent_id = p_agent and r.state = 'QUEUED' and (p_uncharged or r.charged)
    and run_gate(r, p_now) is null
  order by r.priority desc nulls last, r.place limit 1
$$;
--> statement-breakpoint
-- The first in line of the whole squad: the day's tokens apart, it would go now. All null: nobody.
create function line_head(p_limits policies, p_now timestamptz, p_today date) returns runs
language sql stable as $$
  select f.*
  from agents a
  cross join lateral first_in_line(a.id, p_now, charged_to(a.id, p_today) < daily_limit(p_limits, a)) f
  where f.id is not null and can_work(a)
    and slots_of(a.id) < limit_of(p_limits, 'maxConcurrentPerAgent')
  order by f.priority desc, f.place limit 1
$$;
--> statement-breakpoint
-- Promotes the highest-priority, oldest runs that fit and returns whom to wake:
-- [{run, workflowId}]. Touches run rows only.
create function promote() returns jsonb language plpgsql as $$
declare
  v_limits policies; v_now timestamptz; v_today date; v_spent bigint; v_head runs;
  v_woken jsonb := '[]';
begin
  perform lock_line();
  v_now := clock_timestamp();
  v_limits := policy_now('execution-limits');
  if (select squad_paused from installation where id = 1) then return v_woken; end if;
  perform seat_reviewers();
  if not exists (select 1 from runs where state = 'QUEUED') then return v_woken; end if;
  v_today := day_of(v_now);
  v_spent := tokens_of(v_today);
  loop
    v_head := line_head(v_limits, v_now, v_today);
    exit when v_head.id is null;
    -- The first in line that does not fit is not overtaken by smaller ones.
    exit when v_spent + v_head.estimate > limit_of(v_limits, 'maxDailyTokens');
    update runs set
      state = 'ADMITTED', admitted_at = clock_timestamp(), day = coalesce(day, v_today), charged = true,
      waited_ms = least(waited_ms + extract(epoch from clock_timestamp() - queued_at) * 1000, 2147483647)
    where id = v_head.id;
    v_spent := v_spent + reserved_by(v_head);
    v_woken := v_woken || jsonb_build_object('run', v_head.id,
      'workflowId', (select workflow_id from tasks where id = v_head.task_id));
  end loop;
  return v_woken;
end $$;
--> statement-breakpoint
-- The figure of a limit that lets a queued run go, those before it in line included.
create function limit_enough(r runs, p_reason text, p_today date) returns bigint language sql stable as $$
  select case p_reason
    when 'slot' then slots_of(r.agent_id) + (count(*) filter (where q.agent_id = r.agent_id))
    when 'daily-runs' then charged_to(r.agent_id, p_today)
      + (count(*) filter (where q.agent_id = r.agent_id and not q.charged))
    when 'daily-tokens' then tokens_of(p_today) + coalesce(sum(q.estimate), 0) end::bigint
  from runs q where q.state = 'QUEUED' and q.hold is null
    and (q.priority, -q.place) >= (r.priority, -r.place)
$$;
--> statement-breakpoint
-- Why the squad was paused, as whoever did it said.
create function squad_pause_why() returns text language sql stable as $$
  select nullif(detail ->> 'why', '') from audit
  where subject = 'squad' and action = 'squad.pause' order by id desc limit 1
$$;
--> statement-breakpoint
-- What a queued run waits for, with rule, value and place in line; computed from its cause.
create function run_wait(r runs) returns jsonb language plpgsql stable as $$
declare
  v_limits policies; a agents; v_now timestamptz := clock_timestamp(); v_today date;
  v_reason text; v_rule text; v_value text; v_detail text; v_place jsonb; v_head runs;
  v_enough bigint;
begin
  if r.state <> 'QUEUED' then return null; end if;
  v_reason := run_gate(r, v_now);
  if v_reason = 'held' then return null; end if;
  select * into a from agents where id = r.agent_id;
  v_limits := policy_now('execution-limits');
  v_today := day_of(v_now);
  if v_reason is null then
    if slots_of(a.id) >= limit_of(v_limits, 'maxConcurrentPerAgent') then
      v_reason := 'slot'; v_rule := 'execution-limits.maxConcurrentPerAgent';
      v_value := limit_of(v_limits, 'maxConcurrentPerAgent');
      v_detail := format('%s runs %s', a.id, slots_of(a.id));
    elsif not r.charged and charged_to(a.id, v_today) >= daily_limit(v_limits, a) then
      v_reason := 'daily-runs';
      v_rule := 'execution-limits.' || case when a.reviews then 'maxDailyPerReviewer' else 'maxDailyPerAgent' end;
      v_value := daily_limit(v_limits, a);
      v_detail := format('%s has started %s today (%s)', a.id, charged_to(a.id, v_today), v_today);
    else
      -- Only the first in line is measured; whoever stands behind it waits for the same.
      v_head := line_head(v_limits, v_now, v_today);
      if tokens_of(v_today) + v_head.estimate > limit_of(v_limits, 'maxDailyTokens') then
        v_reason := 'daily-tokens'; v_rule := 'execution-limits.maxDailyTokens';
        v_value := limit_of(v_limits, 'maxDailyTokens');
        v_detail := format('%s of today (%s) are spent or reserved and %s needs %s', tokens_of(v_today),
          v_today, case when v_head.id = r.id then 'this run' else 'the first in line' end, v_head.estimate);
      else
        v_reason := 'slot'; v_detail := 'promotion is due';
      end if;
    end if;
    if not v_limits.enabled then -- its figures count for nothing: no other one would help
      v_rule := 'execution-limits'; v_value := 'disabled';
      v_detail := 'the policy execution-limits is disabled, so nothing runs';
    elsif v_rule is not null then
      v_enough := limit_enough(r, v_reason, v_today);
    end if;
    select jsonb_build_object('position', count(*) filter (where (q.priority, -q.place) >= (r.priority, -r.place)),
                              'of', count(*)) into v_place
    from runs q where (q.agent_id = r.agent_id or v_reason = 'daily-tokens') and q.state = 'QUEUED'
      and q.hold is null;
  elsif v_reason = 'agent-disabled' then
    v_rule := 'agent ' || a.id;
    v_detail := coalesce(a.paused_reason, 'disabled');
    v_value := case when a.enabled then 'paused' else 'disabled' end;
  elsif v_reason = 'no-backend' then
    v_rule := 'agent ' || a.id; v_value := a.backend::text;
  elsif v_reason = 'squad-paused' then
    select 'squad', squad_paused_by, squad_pause_why() into v_rule, v_value, v_detail
    from installation where id = 1;
  elsif v_reason = 'back-off' then
    v_detail := to_char(r.available_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
  end if;
  return jsonb_build_object('reason', v_reason, 'rule', v_rule, 'value', v_value,
    'since', r.queued_at, 'place', v_place, 'detail', v_detail,
    'policyVersion', v_limits.version, 'agent', r.agent_id, 'enough', v_enough);
end $$;
