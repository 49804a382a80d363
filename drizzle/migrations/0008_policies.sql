-- Policies: what a change would do, asked of the functions that do it; and what a day has spent, one
-- row an agent, so that no step grows dearer with the runs of today.

-- The one figure that is derived: kept by the triggers below from the runs, and compared with them
-- by an invariant. The last lock that is taken, after line, task and run.
create table spend (
  day date not null,
  agent_id text not null references agents (id),
  runs integer not null,
  work_tokens bigint not null,
  primary key (day, agent_id)
);
--> statement-breakpoint
create function spend_again(p_day date, p_agent text, p_runs bigint, p_tokens bigint) returns void
language sql as $$
  insert into spend as s (day, agent_id, runs, work_tokens) values (p_day, p_agent, p_runs, p_tokens)
  on conflict (day, agent_id) do update
    set runs = s.runs + excluded.runs, work_tokens = s.work_tokens + excluded.work_tokens
$$;
--> statement-breakpoint
create function spend_of_change() returns trigger language plpgsql as $$
begin
  perform spend_again(c.day, c.agent, sum(c.runs)::bigint, sum(c.tokens)::bigint)
  from (values (old.day, old.agent_id, -old.charged::integer, -old.work_tokens),
               (new.day, new.agent_id, new.charged::integer, new.work_tokens))
    as c (day, agent, runs, tokens)
  where c.day is not null and c.agent is not null
  group by c.day, c.agent;
  return null;
end $$;
--> statement-breakpoint
create function spend_of_rows() returns trigger language plpgsql as $$
declare v_sign integer := case tg_op when 'DELETE' then -1 else 1 end;
begin
  perform spend_again(r.day, r.agent_id, v_sign * count(*) filter (where r.charged),
    v_sign * sum(r.work_tokens))
  from changed r where r.day is not null and r.agent_id is not null group by r.day, r.agent_id;
  return null;
end $$;
--> statement-breakpoint
create trigger spend_of_change after update on runs for each row
  when ((old.day, old.agent_id, old.charged, old.work_tokens)
        is distinct from (new.day, new.agent_id, new.charged, new.work_tokens))
  execute function spend_of_change();
--> statement-breakpoint
create trigger spend_of_new after insert on runs referencing new table as changed
  for each statement execute function spend_of_rows();
--> statement-breakpoint
create trigger spend_of_gone after delete on runs referencing old table as changed
  for each statement execute function spend_of_rows();
--> statement-breakpoint
insert into spend (day, agent_id, runs, work_tokens)
select day, agent_id, count(*) filter (where charged), sum(work_tokens) from runs
where day is not null and agent_id is not null group by day, agent_id;
--> statement-breakpoint
create or replace function charged_to(p_agent text, p_day date) returns bigint
language sql stable as $$
  select coalesce((select runs from spend where agent_id = p_agent and day = p_day), 0)::bigint
$$;
--> statement-breakpoint
-- Work tokens of a day: spent on it, plus what open runs of whatever day have reserved.
create or replace function tokens_of(p_day date) returns bigint language sql stable as $$
  select coalesce((select sum(work_tokens) from spend where day = p_day), 0)::bigint
       + coalesce((select sum(reserved_by(r)) from runs r where state in ('ADMITTED', 'RUNNING')), 0)::bigint
$$;
--> statement-breakpoint
-- A brief asks what was said about each execution, and an invariant of every task that landed.
create index if not exists runs_reviewed on runs (reviewed_run_id) where reviewed_run_id is not null;
--> statement-breakpoint
-- Decided under a policy version or a roster that is no longer in force.
create or replace function outdated_inbox() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(workflow_id), '[]') from tasks
  where status = 'INBOX' and ended_at is null and first_execution_run_id is not null
    and admission_policy_version is distinct from (policy_now('auto-approve')).version
$$;
--> statement-breakpoint
create function may_review(a agents, t tasks, p_executor text, p_seat integer) returns boolean
language sql stable as $$
  select a.reviews and a.id <> p_executor and can_work(a)
    and (cardinality(t.reviewers) = 0 or a.id = t.reviewers[p_seat + 1])
$$;
--> statement-breakpoint
-- The named reviewer of a seat, else the least loaded of those who may review; null when there is
-- none. Queued and running ones are counted apart: each has its own index.
create or replace function choose_reviewer(t tasks, p_executor text, p_seat integer) returns text
language sql stable as $$
  select a.id from agents a where may_review(a, t, p_executor, p_seat)
  order by
    (select count(*) from runs r where r.agent_id = a.id and r.state = 'QUEUED') + slots_of(a.id),
    -- Whoever knows the task goes on with it; the others of the squad stand by.
    (select count(*) from runs r where r.task_id = t.id and r.agent_id = a.id) desc,
    a.id
  limit 1
$$;
--> statement-breakpoint
-- Every seat can be filled: asked before anything is executed, of each run in line.
create or replace function has_reviewers(t tasks, p_executor text) returns boolean
language sql stable as $$
  select bool_and(exists (select 1 from agents a where may_review(a, t, p_executor, seat)))
  from generate_series(0, seats_of(t) - 1) seat
$$;
--> statement-breakpoint
-- Which limit holds a run that may go otherwise; `slot` also where promotion is only due.
create function limit_reason(a agents, p_charged boolean, p_limits policies, p_now timestamptz,
  p_today date) returns text language plpgsql stable as $$
begin
  if slots_of(a.id) >= limit_of(p_limits, 'maxConcurrentPerAgent') then return 'slot'; end if;
  if not p_charged and charged_to(a.id, p_today) >= daily_limit(p_limits, a) then
    return 'daily-runs';
  end if;
  -- Only the first in line is measured; whoever stands behind it waits for the same.
  if tokens_of(p_today) + (line_head(p_limits, p_now, p_today)).estimate
     > limit_of(p_limits, 'maxDailyTokens') then return 'daily-tokens'; end if;
  return 'slot';
end $$;
--> statement-breakpoint
create function limit_field(a agents, p_reason text) returns text language sql immutable as $$
  select case p_reason when 'slot' then 'maxConcurrentPerAgent'
    when 'daily-runs' then case when a.reviews then 'maxDailyPerReviewer' else 'maxDailyPerAgent' end
    when 'daily-tokens' then 'maxDailyTokens' end
$$;
--> statement-breakpoint
-- What a queued run waits for, by name alone: the same at any length of the line. Null: it is held.
create function wait_reason(r runs, p_limits policies, p_now timestamptz, p_today date) returns text
language plpgsql stable as $$
declare a agents; v_gate text := run_gate(r, p_now);
begin
  if v_gate is not null then return nullif(v_gate, 'held'); end if;
  select * into a from agents where id = r.agent_id;
  return limit_reason(a, r.charged, p_limits, p_now, p_today);
end $$;
--> statement-breakpoint
create or replace function opened_json(r runs) returns jsonb language sql stable as $$
  select jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
    'seat', r.seat, 'state', r.state, 'agent', r.agent_id,
    'agentName', (select name from agents where id = r.agent_id),
    'wait', case when r.state = 'QUEUED' then wait_reason(r, policy_now('execution-limits'),
      clock_timestamp(), day_of(clock_timestamp())) end)
$$;
--> statement-breakpoint
-- The same with rule, value and place in line, for who asks.
create or replace function run_wait(r runs) returns jsonb language plpgsql stable as $$
declare
  v_limits policies := policy_now('execution-limits'); v_now timestamptz := clock_timestamp();
  v_today date := day_of(v_now); v_reason text; v_rule text; v_value text; v_detail text;
  v_place jsonb; v_head runs; v_enough bigint; v_field text; a agents;
begin
  if r.state <> 'QUEUED' then return null; end if;
  v_reason := wait_reason(r, v_limits, v_now, v_today);
  if v_reason is null then return null; end if;
  select * into a from agents where id = r.agent_id;
  case v_reason
    when 'slot' then
      if slots_of(a.id) >= limit_of(v_limits, 'maxConcurrentPerAgent') then
        v_field := limit_field(a, v_reason);
        v_detail := format('%s runs %s', a.id, slots_of(a.id));
      else
        v_detail := 'promotion is due';
      end if;
    when 'daily-runs' then
      v_field := limit_field(a, v_reason);
      v_detail := format('%s has started %s today (%s)', a.id, charged_to(a.id, v_today), v_today);
    when 'daily-tokens' then
      v_head := line_head(v_limits, v_now, v_today);
      v_field := limit_field(a, v_reason);
      v_detail := format('%s of today (%s) are spent or reserved and %s needs %s', tokens_of(v_today),
        v_today, case when v_head.id = r.id then 'this run' else 'the first in line' end, v_head.estimate);
    when 'agent-disabled' then
      v_rule := 'agent ' || a.id;
      v_detail := coalesce(a.paused_reason, 'disabled');
      v_value := case when a.enabled then 'paused' else 'disabled' end;
    when 'no-backend' then
      v_rule := 'agent ' || a.id; v_value := a.backend::text;
    when 'squad-paused' then
      select 'squad', squad_paused_by, squad_pause_why() into v_rule, v_value, v_detail
      from installation where id = 1;
    when 'back-off' then
      v_detail := to_char(r.available_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
    else null;
  end case;
  if v_reason in ('slot', 'daily-runs', 'daily-tokens') then
    if not v_limits.enabled then -- its figures count for nothing: no other one would help
      v_rule := 'execution-limits'; v_value := 'disabled';
      v_detail := 'the policy execution-limits is disabled, so nothing runs';
    elsif v_field is not null then
      v_rule := 'execution-limits.' || v_field;
      v_value := limit_of(v_limits, v_field);
      v_enough := limit_enough(r, v_reason, v_today);
    end if;
    select jsonb_build_object('position', count(*) filter (where (q.priority, -q.place) >= (r.priority, -r.place)),
                              'of', count(*)) into v_place
    from runs q where (q.agent_id = r.agent_id or v_reason = 'daily-tokens') and q.state = 'QUEUED'
      and q.hold is null;
  end if;
  return jsonb_build_object('reason', v_reason, 'rule', v_rule, 'value', v_value,
    'since', r.queued_at, 'place', v_place, 'detail', v_detail,
    'policyVersion', v_limits.version, 'agent', r.agent_id, 'enough', v_enough);
end $$;
--> statement-breakpoint
-- How many tasks in line wait for what, and by which rule: one group after the other, so that it
-- answers as quickly for a long line as for a short one.
create function line_waits() returns jsonb language sql stable as $$
  with l as materialized (
    select policy_now('execution-limits') as limits, clock_timestamp() as instant,
      day_of(clock_timestamp()) as today
  ), queued as materialized (
    select r.task_id, r.agent_id, r.charged, run_gate(r, l.instant) as gate
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
-- What a version would do now: it is set, the inbox is decided and the line promoted by the very
-- functions that do so, looked at, and undone. Admissions come as the rule has worded them.
create function what_if(p jsonb) returns jsonb language plpgsql as $$
declare v_answer jsonb; v_since timestamptz; v_one jsonb; t tasks;
begin
  perform lock_line();
  begin
    v_since := clock_timestamp();
    v_answer := set_policy(p);
    if v_answer ->> 'kind' = 'set' then
      for v_one in select * from jsonb_array_elements(p -> 'admissions') loop
        perform apply_admission((v_one ->> 'task')::uuid, v_one -> 'admission');
        select * into t from tasks where id = (v_one ->> 'task')::uuid;
        continue when t.status <> 'ASSIGNED';
        perform open_run(t.id, jsonb_build_object('id', gen_random_uuid(), 'kind', 'EXECUTION',
          'seat', 0, 'cycle', greatest(t.cycles, 1), 'number', (
            select coalesce(max(number), 0) + 1 from runs
            where task_id = t.id and kind = 'EXECUTION')));
      end loop;
      perform promote();
      v_answer := jsonb_build_object('kind', 'set', 'waits', line_waits(),
        'started', (
          select coalesce(jsonb_agg(distinct s.number), '[]') from runs r
          join tasks s on s.id = r.task_id
          where r.state = 'ADMITTED' and r.admitted_at >= v_since and not s.canary),
        'admitted', (
          select coalesce(jsonb_agg(s.number order by s.number), '[]')
          from tasks s join jsonb_array_elements(p -> 'admissions') e
            on s.id = (e ->> 'task')::uuid
          where s.status <> 'INBOX'));
    end if;
    raise exception 'undone' using errcode = 'MC001';
  exception when sqlstate 'MC001' then null;
  end;
  return v_answer;
end $$;
--> statement-breakpoint
-- What a value of the limits would have met in the last seven days: runs that began while their
-- agent held as many as it may, runs beyond a day's, and days that would have run out of tokens.
create function limits_in_hindsight(p_value jsonb) returns jsonb language sql stable as $$
  with l as (
    select clock_timestamp() - interval '7 days' as since,
      (p_value ->> 'maxConcurrentPerAgent')::bigint as slots,
      (p_value ->> 'maxDailyTokens')::bigint as tokens
  ), week as (
    select r.rehearsed, r.agent_id, r.admitted_at, r.ended_at, r.day, r.charged, r.work_tokens,
      r.admitted_at >= l.since as counts,
      case when a.reviews then p_value ->> 'maxDailyPerReviewer' else p_value ->> 'maxDailyPerAgent'
        end::bigint as daily
    from l, runs r join agents a on a.id = r.agent_id join tasks t on t.id = r.task_id
    where r.admitted_at is not null and coalesce(r.ended_at, 'infinity') >= l.since and not t.canary
  ), steps as (
    select rehearsed, agent_id, admitted_at as at, 1 as step, counts from week
    union all select rehearsed, agent_id, ended_at, -1, false from week where ended_at is not null
  ), held as (
    select rehearsed, counts, sum(step) over (partition by rehearsed, agent_id order by at, step
      rows unbounded preceding) as slots from steps
  ), ranked as (
    select rehearsed, counts, daily, row_number() over (partition by rehearsed, agent_id, day
      order by admitted_at) as nth from week where charged and day is not null
  ), spent as (
    select rehearsed, day, sum(work_tokens) as tokens from week where day is not null
    group by rehearsed, day
  )
  select jsonb_object_agg(case when each then 'rehearsed' else 'real' end, jsonb_build_object(
    'runs', (select count(*) from week where rehearsed = each and counts),
    'beyondSlots', (select count(*) from l, held h
      where h.rehearsed = each and h.counts and h.slots > l.slots),
    'beyondDay', (select count(*) from ranked where rehearsed = each and counts and nth > daily),
    'daysOutOfTokens', (select count(*) from l, spent s
      where s.rehearsed = each and s.tokens > l.tokens)))
  from unnest(array[false, true]) each
$$;
--> statement-breakpoint
-- Runs whose transcript is still there, of tasks that ended longer ago than so many days.
create function kept_transcripts(p_days integer) returns setof uuid language sql stable as $$
  select r.id from tasks t join runs r on r.task_id = t.id
  where t.ended_at < clock_timestamp() - make_interval(days => p_days)
    and (exists (select 1 from run_events where run_id = r.id)
      or exists (select 1 from attempts where run_id = r.id and checkpoint is not null))
$$;
--> statement-breakpoint
create or replace function forget_transcripts() returns bigint language sql as $$
  with due as (
    select kept_transcripts((p.value ->> 'transcriptDays')::integer) as id
    from policy_now('retention') p where p.enabled
  ), told as (
    delete from run_events where run_id in (select id from due) returning run_id
  ), kept as (
    update attempts set checkpoint = null
    where run_id in (select id from due) and checkpoint is not null returning run_id
  )
  select count(distinct run_id) from (select run_id from told union all select run_id from kept) f
$$;
--> statement-breakpoint
-- What an agent did before it became a LEAD needed no person. Null: it has always been what it is.
alter table agents add column lead_since timestamptz;
--> statement-breakpoint
create function note_lead() returns trigger language plpgsql as $$
begin
  new.lead_since := case when new.type = 'LEAD' then clock_timestamp() end;
  return new;
end $$;
--> statement-breakpoint
create trigger note_lead before update on agents for each row
  when (old.type is distinct from new.type) execute function note_lead();
--> statement-breakpoint
-- A change of the roster decides again for every task that waits, as a new policy version does.
create function decide_inbox_again() returns trigger language plpgsql as $$
begin
  update tasks set admission_policy_version = null
  where status = 'INBOX' and ended_at is null and first_execution_run_id is not null;
  return null;
end $$;
--> statement-breakpoint
create trigger roster_grew after insert on agents for each row
  execute function decide_inbox_again();
--> statement-breakpoint
create trigger roster_changed after update on agents for each row
  when ((old.type, old.enabled) is distinct from (new.type, new.enabled))
  execute function decide_inbox_again();
--> statement-breakpoint
-- What is asked about a task's admission. Whom a policy has admitted and who became a LEAD since is
-- asked about again, by a question of its own: the decision that stands never flips.
create function admission_question(t tasks) returns text language sql stable as $$
  select 'admission:' || t.assignee || case when
    (select type from agents where id = t.assignee) = 'LEAD' and exists (
      select 1 from decisions where task_id = t.id and question = 'admission:' || t.assignee
        and decision = 'admitted' and by not like 'person:%')
    then ' as LEAD' else '' end
$$;
--> statement-breakpoint
create or replace function admission_json(t tasks) returns jsonb language sql stable as $$
  select coalesce(
    (select jsonb_build_object('kind', decision, 'by', by, 'reason', reason) from decisions
     where task_id = t.id and question = admission_question(t)),
    jsonb_build_object('kind', 'waits', 'reason', coalesce(t.admission ->> 'reason', 'policy decides in a moment')))
$$;
--> statement-breakpoint
-- A LEAD executes only what a person admitted for that agent.
create or replace function may_execute(t tasks, a agents) returns boolean language sql stable as $$
  select exists (
    select 1 from decisions d
    where d.task_id = t.id and d.decision = 'admitted'
      and d.question in ('admission:' || a.id, 'admission:' || a.id || ' as LEAD')
      and (a.type <> 'LEAD' or d.by like 'person:%')
  )
$$;
--> statement-breakpoint
-- Its next execution stands in line and lacks a person's approval, whatever the status.
create function waits_for_approval(t tasks) returns boolean language sql stable as $$
  select t.ended_at is null and exists (
    select 1 from runs r join agents a on a.id = r.agent_id
    where r.task_id = t.id and r.kind = 'EXECUTION' and r.state = 'QUEUED' and r.hold is null
      and not may_execute(t, a))
$$;
--> statement-breakpoint
create or replace function decide_admission(t tasks, p jsonb, p_decision text) returns text
language plpgsql as $$
begin
  insert into decisions (task_id, question, decision, by, door, reason, policy_version)
  values (t.id, admission_question(t), p_decision, p ->> 'by', p ->> 'door',
    coalesce(p ->> 'reason', ''), t.admission_policy_version)
  on conflict do nothing;
  if not found then return 'AlreadyDecided'; end if;
  if p_decision = 'admitted' and t.status = 'INBOX' then
    perform set_status(t.id, 'ASSIGNED', null, null, null);
  end if;
  return null;
end $$;
--> statement-breakpoint
-- Whom a message names must be there; a person's right is checked again, whatever the door thought.
create or replace function verb_error(t tasks, p jsonb) returns text language plpgsql stable as $$
declare v_verb text := p ->> 'verb';
begin
  if p ->> 'by' !~ '^person:\S' then return 'NotPermitted'; end if;
  if v_verb in ('approve', 'reject') and admission_json(t) ->> 'kind' <> 'waits'
     or v_verb in ('approve', 'reject', 'reassign') and t.status = 'INBOX' and was_rejected(t.id) then
    return 'AlreadyDecided';
  end if;
  if not coalesce(p -> 'legalIn' ? t.status::text, false)
       and not (v_verb = 'approve' and waits_for_approval(t))
     or v_verb = 'answer' and t.blocked is distinct from 'question'
     or v_verb = 'retry' and t.blocked = 'question' then return 'WrongState'; end if;
  if v_verb = 'reassign' and (
       p ? 'executor' and not exists (select 1 from agents where id = p ->> 'executor')
       or exists (select 1 from jsonb_array_elements_text(p -> 'reviewers') x
                  where not exists (select 1 from agents where id = x and reviews))) then
    return 'InvalidMessage';
  end if;
  return null;
end $$;
--> statement-breakpoint
-- Records what a landing came to; the files of a deliverable with it, and of no other task.
create or replace function close_landing(p jsonb) returns jsonb language plpgsql as $$
declare v_task uuid := (p ->> 'task')::uuid; v_number integer := (p ->> 'number')::integer;
  v_woken jsonb; t tasks;
begin
  perform lock_line();
  select * into t from tasks where id = v_task for update;
  if t.status = 'LANDING' and p ->> 'outcome' is not null
     and not exists (select 1 from landings where task_id = v_task and number = v_number) then
    insert into landings (task_id, number, kind, detail, outcome)
    values (v_task, v_number, p ->> 'kind', p -> 'detail', p ->> 'outcome');
    insert into deliverables (task_id, path, mode, sha256)
    select v_task, f ->> 'path', f ->> 'mode', f ->> 'sha256'
    from jsonb_array_elements(coalesce(p -> 'files', '[]')) f
    on conflict (task_id, path) do update set mode = excluded.mode, sha256 = excluded.sha256;
    update tasks set
      landing_cycles = landing_cycles + case when p ->> 'outcome' in ('conflict', 'atCap') then 1 else 0 end,
      landed_from = case when p ->> 'outcome' = 'landed' then p ->> 'landedFrom' end,
      landed_commit = p ->> 'landedCommit',
      landed_ref = p ->> 'landedRef', landing_withheld = p ->> 'withheld'
    where id = v_task;
    perform apply_then(v_task, p -> 'course', 'LANDING ' || v_number, p -> 'detail' ->> 'summary');
    v_woken := without_told(promote(), v_task, p -> 'course' -> 'next');
  end if;
  return jsonb_build_object('end', landing_end(v_task, v_number, p -> 'course' -> 'next'),
    'wake', coalesce(v_woken, '[]'));
end $$;
