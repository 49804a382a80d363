-- A run's life: opened, attempted, checkpointed, closed. Each function is one statement from
-- outside and can be repeated: a run that is closed answers with its stored end.

create function digest_of(p_text text) returns text language sql immutable as $$
  select encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
$$;
--> statement-breakpoint
-- Stores texts and answers their digests. In one order and before any other lock, so that two who
-- store the same texts never wait for each other in a circle.
create function store_texts(p_texts text[]) returns text[] language plpgsql as $$
declare v_text text;
begin
  for v_text in select x from unnest(p_texts) x where x is not null order by digest_of(x) loop
    insert into contents (sha256, body) values (digest_of(v_text), convert_to(v_text, 'UTF8'))
    on conflict do nothing;
  end loop;
  return array(select digest_of(x) from unnest(p_texts) with ordinality u (x, n) order by n);
end $$;
--> statement-breakpoint
create function stored_text(p_sha text) returns text language sql stable as $$
  select convert_from(body, 'UTF8') from contents where sha256 = p_sha
$$;
--> statement-breakpoint
create function is_terminal(p_status task_status) returns boolean language sql immutable as $$
  select p_status in ('DONE', 'REJECTED', 'CANCELLED')
$$;
--> statement-breakpoint
create function may_move(p_from task_status, p_to task_status) returns boolean
language sql immutable as $$
  select case p_from
    when 'INBOX' then p_to in ('ASSIGNED', 'REJECTED', 'CANCELLED')
    when 'ASSIGNED' then p_to in ('IN_PROGRESS', 'INBOX', 'CANCELLED')
    when 'IN_PROGRESS' then p_to in ('REVIEW', 'BLOCKED', 'CANCELLED')
    when 'REVIEW' then p_to in ('IN_PROGRESS', 'LANDING', 'BLOCKED', 'CANCELLED')
    when 'LANDING' then p_to in ('DONE', 'IN_PROGRESS', 'BLOCKED', 'CANCELLED')
    when 'BLOCKED' then p_to in ('INBOX', 'IN_PROGRESS', 'REVIEW', 'LANDING', 'CANCELLED')
    else false end
$$;
--> statement-breakpoint
-- What is still open of a task ends with it: no run outlives its task.
create function cancel_open(p_task uuid) returns void language plpgsql as $$
begin
  update runs set state = 'CANCELLED', ended_at = clock_timestamp(), outcome = 'cancelled',
    charged = false, hold = null
  where task_id = p_task and state in ('QUEUED', 'ADMITTED', 'RUNNING');
  update attempts set ended_at = clock_timestamp(), "end" = 'cancelled'
  where ended_at is null and run_id in (select id from runs where task_id = p_task);
end $$;
--> statement-breakpoint
-- The only place that moves a status. Ends absorb; an impossible move is a defect and fails loudly.
create function set_status(p_task uuid, p_status task_status, p_blocked block_reason, p_step text,
  p_detail text) returns void language plpgsql as $$
declare v_from task_status;
begin
  select status into v_from from tasks where id = p_task for update;
  if v_from <> p_status and not may_move(v_from, p_status) then
    raise exception 'task % cannot move from % to %', p_task, v_from, p_status;
  end if;
  update tasks set
    status = p_status, blocked = p_blocked,
    blocked_step = case when p_blocked is null then null else p_step end,
    blocked_detail = case when p_blocked is null then null else p_detail end,
    status_since = case when v_from = p_status then status_since else clock_timestamp() end,
    ended_at = case when is_terminal(p_status) then coalesce(ended_at, clock_timestamp()) end,
    updated_at = clock_timestamp()
  where id = p_task;
  if is_terminal(p_status) and v_from <> p_status then perform cancel_open(p_task); end if;
end $$;
--> statement-breakpoint
create function opened_json(r runs) returns jsonb language sql stable as $$
  select jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
    'seat', r.seat, 'state', r.state, 'agent', r.agent_id,
    'agentName', (select name from agents where id = r.agent_id),
    'wait', case when r.state = 'QUEUED' then run_wait(r) ->> 'reason' end)
$$;
--> statement-breakpoint
create function run_json(r runs) returns jsonb language sql stable as $$
  select jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
    'agentName', coalesce((select name from agents where id = r.agent_id), r.by_person, '(nobody yet)'),
    'state', r.state, 'summary', coalesce(r.summary, r.error, r.question), 'verdict', r.verdict_kind,
    'superseded', r.superseded, 'byPerson', r.by_person is not null)
$$;
--> statement-breakpoint
create function runs_json(p_task uuid) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(run_json(r) order by r.cycle, r.kind, r.number), '[]')
  from runs r where r.task_id = p_task
$$;
--> statement-breakpoint
-- Where the task stands, with the runs of a list of specs.
create function standing_json(p_task uuid, p_specs jsonb, p_step text) returns jsonb
language sql stable as $$
  select jsonb_build_object('status', t.status, 'blocked', t.blocked,
    'opened', coalesce((
      select jsonb_agg(opened_json(r) order by r.kind, r.number)
      from runs r join jsonb_array_elements(coalesce(p_specs, '[]')) s
        on r.kind = (s ->> 'kind')::run_kind and r.number = (s ->> 'number')::integer
      where r.task_id = t.id), '[]'),
    'runs', runs_json(t.id),
    'resolution', (select decision from decisions
                   where task_id = t.id and question = 'block:' || p_step))
  from tasks t where t.id = p_task
$$;
--> statement-breakpoint
-- Opens a run, or leaves the one that is there. Ids are made by the application. A task that has
-- ended opens none, nor does a seat that a person has taken away meanwhile.
create function open_run(p_task uuid, p_spec jsonb) returns void language plpgsql as $$
declare t tasks; v_kind run_kind := (p_spec ->> 'kind')::run_kind; v_agent text;
  v_number integer := (p_spec ->> 'number')::integer; v_last integer;
begin
  select * into t from tasks where id = p_task;
  if is_terminal(t.status) then return; end if;
  if v_kind = 'REVIEW' and (p_spec ->> 'seat')::integer >= seats_of(t) then return; end if;
  select coalesce(max(number), 0) into v_last from runs where task_id = p_task and kind = v_kind;
  if v_number <= v_last then return; end if;
  if v_number <> v_last + 1 then
    raise exception 'task % cannot open % % after %', p_task, v_kind, v_number, v_last;
  end if;
  v_agent := case when v_kind = 'EXECUTION' then t.assignee
    else choose_reviewer(t, executor_of(t.id, (p_spec ->> 'cycle')::integer), (p_spec ->> 'seat')::integer) end;
  insert into runs (id, task_id, kind, number, cycle, seat, agent_id, state, priority, estimate,
                    nonce, rehearsed)
  values ((p_spec ->> 'id')::uuid, p_task, v_kind, v_number,
          (p_spec ->> 'cycle')::integer, (p_spec ->> 'seat')::integer, v_agent, 'QUEUED', t.priority,
          coalesce((select token_estimate from agents where id = v_agent), 0),
          replace(gen_random_uuid()::text, '-', ''),
          coalesce((select backend = 'scripted' from agents where id = v_agent), false));
  update tasks set cycles = greatest(cycles, (p_spec ->> 'cycle')::integer) where id = p_task;
end $$;
--> statement-breakpoint
-- Without the runs of which the caller is told by the answer itself.
create function without_told(p_woken jsonb, p_task uuid, p_specs jsonb) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(w), '[]') from jsonb_array_elements(p_woken) w
  where not exists (select 1 from runs r join jsonb_array_elements(coalesce(p_specs, '[]')) s
    on r.kind = (s ->> 'kind')::run_kind and r.number = (s ->> 'number')::integer
    where r.task_id = p_task and r.id = (w ->> 'run')::uuid)
$$;
--> statement-breakpoint
-- Applies the row of the workflow's table that the outcome named: status, block, next runs.
create function apply_then(p_task uuid, p_then jsonb, p_step text, p_detail text) returns void
language plpgsql as $$
declare v_spec jsonb;
begin
  if coalesce(p_then, 'null') = 'null' then return; end if;
  for v_spec in select * from jsonb_array_elements(coalesce(p_then -> 'next', '[]')) loop
    perform open_run(p_task, v_spec);
  end loop;
  perform set_status(p_task, (p_then ->> 'status')::task_status,
    (p_then ->> 'blocked')::block_reason, p_step, p_detail);
end $$;
--> statement-breakpoint
create function open_runs(p_task uuid, p_specs jsonb) returns jsonb
language plpgsql as $$
declare v_spec jsonb; v_woken jsonb;
begin
  perform lock_line();
  perform 1 from tasks where id = p_task for update;
  for v_spec in select * from jsonb_array_elements(p_specs) loop
    perform open_run(p_task, v_spec);
  end loop;
  v_woken := without_told(promote(), p_task, p_specs);
  return jsonb_build_object('standing', standing_json(p_task, p_specs, null), 'wake', v_woken);
end $$;
--> statement-breakpoint
-- The stored end of a closed run, as the workflow takes it.
create function run_end(r runs, p_specs jsonb) returns jsonb language sql stable as $$
  select jsonb_build_object('kind', 'closed', 'outcome', r.outcome, 'standing', standing_json(r.task_id, p_specs, r.kind || ' ' || r.number))
$$;
--> statement-breakpoint
create function lost_in_a_row(p_run uuid) returns bigint language sql stable as $$
  select count(*) from attempts a
  where a.run_id = p_run and a.end = 'lost'
    and not exists (select 1 from attempts b where b.run_id = p_run and b.number >= a.number
                    and b.checkpoint is not null
                    and (b.checkpoint ->> 'turn')::integer > coalesce((
                      select max((c.checkpoint ->> 'turn')::integer) from attempts c
                      where c.run_id = p_run and c.number < b.number), 0))
$$;
--> statement-breakpoint
-- Hands out the attempt number. A run that is still queued goes back to wait; a closed one answers
-- with its end; ten lost workers in a row without progress are too many.
create function start_attempt(p_run uuid, p_worker text) returns jsonb language plpgsql as $$
declare r runs; t tasks; v_checkpoint jsonb;
begin
  select * into t from tasks where id = (select task_id from runs where id = p_run) for update;
  select * into r from runs where id = p_run for update;
  if r.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') then
    return jsonb_build_object('kind', 'closed', 'end', run_end(r, null));
  end if;
  if r.state = 'QUEUED' then
    return jsonb_build_object('kind', 'queued', 'wait', run_wait(r) ->> 'reason',
      'standing', standing_json(t.id, null, null));
  end if;
  update attempts set ended_at = clock_timestamp(), "end" = 'lost'
  where run_id = p_run and ended_at is null;
  update runs set attempt = attempt + 1, state = 'RUNNING',
    started_at = coalesce(started_at, clock_timestamp())
  where id = p_run returning * into r;
  insert into attempts (run_id, number, worker) values (p_run, r.attempt, p_worker);
  if r.kind = 'EXECUTION' and t.status = 'ASSIGNED' then
    perform set_status(t.id, 'IN_PROGRESS', null, null, null);
  end if;
  select checkpoint into v_checkpoint from attempts
  where run_id = p_run and checkpoint is not null order by number desc limit 1;
  return jsonb_build_object('kind', 'go', 'attempt', r.attempt, 'checkpoint', v_checkpoint,
    'lostInARow', lost_in_a_row(p_run), 'brief', run_brief(r));
end $$;
--> statement-breakpoint
-- An attempt that ended by a shutdown is not counted as a lost worker.
-- Answers how many attempts in a row have ended like this.
create function leave_attempt(p_run uuid, p_attempt integer, p_end text) returns integer
language plpgsql as $$
begin
  update attempts set ended_at = clock_timestamp(), "end" = p_end
  where run_id = p_run and number = p_attempt and ended_at is null;
  return (select count(*) from attempts where run_id = p_run and number > coalesce((
    select max(number) from attempts where run_id = p_run and "end" is distinct from p_end), 0));
end $$;
--> statement-breakpoint
-- The commit that all work of the task starts from; the first one stands.
create function set_base(p_task uuid, p_commit text) returns text language sql as $$
  update tasks set base_commit = coalesce(base_commit, p_commit) where id = p_task
  returning base_commit
$$;
--> statement-breakpoint
-- After a turn: checkpoint, events and tokens in one statement. Answers whether to go on.
create function save_progress(p jsonb) returns text language plpgsql as $$
declare r runs; v_texts text[];
begin
  v_texts := store_texts(array[p ->> 'instructions']);
  update runs set
    work_tokens = work_tokens + (p ->> 'workTokens')::integer,
    cache_read_tokens = cache_read_tokens + (p ->> 'cacheReadTokens')::integer,
    instructions_sha = coalesce(v_texts[1], instructions_sha)
  where id = (p ->> 'run')::uuid and attempt = (p ->> 'attempt')::integer and state = 'RUNNING'
  returning * into r;
  if not found then return 'lost'; end if;
  if p -> 'checkpoint' <> 'null' then
    update attempts set checkpoint = p -> 'checkpoint' where run_id = r.id and number = r.attempt;
  end if;
  insert into run_events (run_id, attempt, event)
  select r.id, r.attempt, e from jsonb_array_elements(p -> 'events') e;
  if (select squad_paused from installation where id = 1)
     or (select paused from tasks where id = r.task_id) then return 'paused'; end if;
  return 'go';
end $$;
--> statement-breakpoint
-- Three failures in a row that are the agent's own fault pause it by name. A system's fault says
-- nothing about the agent; whoever enables it again gives it three more.
create function pause_failing_agent(p_agent text) returns void language plpgsql as $$
begin
  if (select count(*) filter (where fault = 'agent') = 3 from (
        select fault from runs where agent_id = p_agent
          and (state = 'SUCCEEDED' or state = 'FAILED' and fault = 'agent')
          and ended_at > coalesce((select max(at) from audit where subject = p_agent
                                   and action = 'agent.enable'), '-infinity')
        order by ended_at desc nulls last limit 3) last) then
    update agents set paused_at = clock_timestamp(),
      paused_reason = 'three runs in a row failed by its own fault'
    where id = p_agent and paused_reason is null;
    if found then
      insert into audit (principal, door, action, subject)
      values ('system:limits', 'system', 'agent.pause', p_agent);
    end if;
  end if;
end $$;
--> statement-breakpoint
-- Back in the queue: number, day, place and checkpoint stay; the slot is free.
create function requeue_run(r runs, p jsonb) returns jsonb language plpgsql as $$
declare v_woken jsonb; v_hold block_reason := (p ->> 'hold')::block_reason;
begin
  update runs set state = 'QUEUED', queued_at = clock_timestamp(), hold = v_hold,
    question = p ->> 'question',
    available_at = clock_timestamp() + make_interval(secs => coalesce((p ->> 'delaySeconds')::float, 0))
  where id = r.id;
  if v_hold is not null then
    perform set_status(r.task_id, 'BLOCKED', v_hold, r.kind || ' ' || r.number, p ->> 'question');
  end if;
  v_woken := promote();
  select * into r from runs where id = r.id;
  v_woken := without_told(v_woken, r.task_id, jsonb_build_array(to_jsonb(r)));
  return jsonb_build_object('wake', v_woken, 'end', jsonb_build_object(
    'kind', 'requeued', 'admitted', r.state = 'ADMITTED', 'wait', run_wait(r) ->> 'reason',
    'standing', standing_json(r.task_id, null, null)));
end $$;
--> statement-breakpoint
-- Closes the attempt that is live, stores its texts, and opens what the workflow named as next.
create function close_run(p jsonb) returns jsonb language plpgsql as $$
declare
  r runs; v_task uuid; v_woken jsonb; v_step text; v_texts text[];
begin
  v_texts := store_texts(array[p ->> 'report', p ->> 'diff', p ->> 'commands',
    p ->> 'instructions']);
  perform lock_line();
  select task_id into v_task from runs where id = (p ->> 'run')::uuid;
  perform 1 from tasks where id = v_task for update;
  select * into r from runs where id = (p ->> 'run')::uuid for update;
  v_step := r.kind || ' ' || r.number;
  if r.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') then
    return jsonb_build_object('end', run_end(r, p -> 'course' -> 'next'),
                              'wake', without_told(promote(), v_task, p -> 'course' -> 'next'));
  end if;
  if r.attempt <> (p ->> 'attempt')::integer or r.state <> 'RUNNING' then
    return jsonb_build_object('stale', true, 'wake', '[]'::jsonb);
  end if;
  insert into run_events (run_id, attempt, event)
  select r.id, r.attempt, e from jsonb_array_elements(coalesce(p -> 'events', '[]')) e;
  update attempts set ended_at = clock_timestamp(), "end" = lower(p ->> 'state')
  where run_id = r.id and number = r.attempt;
  update runs set work_tokens = work_tokens + coalesce((p ->> 'workTokens')::integer, 0),
    cache_read_tokens = cache_read_tokens + coalesce((p ->> 'cacheReadTokens')::integer, 0),
    instructions_sha = coalesce(v_texts[4], instructions_sha)
  where id = r.id;
  if p ->> 'state' = 'REQUEUED' then return requeue_run(r, p); end if;
  update runs set
    state = (p ->> 'state')::run_state, ended_at = clock_timestamp(), outcome = p ->> 'outcome',
    charged = p ->> 'state' = 'SUCCEEDED', cause = p ->> 'cause', fault = p ->> 'fault',
    error = p ->> 'error', summary = p ->> 'summary', verdict = nullif(p -> 'verdict', 'null'),
    verdict_kind = (p ->> 'verdictKind')::verdict_kind, report_sha = v_texts[1], diff_sha = v_texts[2],
    commands_sha = v_texts[3], bytes_produced = (p ->> 'bytesProduced')::integer,
    bytes_handed_over = (p ->> 'bytesHandedOver')::integer, output_commit = p ->> 'commit',
    reviewed_run_id = (p ->> 'reviewedRun')::uuid, reviewed_commit = p ->> 'reviewedCommit'
  where id = r.id returning * into r;
  update tasks set rehearsed = rehearsed or r.rehearsed, updated_at = clock_timestamp()
  where id = v_task;
  if r.fault = 'agent' then perform pause_failing_agent(r.agent_id); end if;
  perform apply_then(v_task, p -> 'course', v_step, coalesce(r.error, r.summary));
  v_woken := promote();
  return jsonb_build_object('end', run_end(r, p -> 'course' -> 'next'),
                            'wake', without_told(v_woken, v_task, p -> 'course' -> 'next'));
end $$;
--> statement-breakpoint
-- With several reviewers: applies what their verdicts came to, once. The round is a list of specs,
-- the last of which names the step; what it came to is kept with its reviews. A record that is
-- re-entered comes by here again for cycles that are over, and for blocks that a person has ended.
create function settle_cycle(p jsonb) returns jsonb language plpgsql as $$
declare
  v_task uuid := (p ->> 'task')::uuid; v_last integer := (p -> 'specs' -> -1 ->> 'number')::integer;
  v_step text := 'REVIEW ' || v_last; v_woken jsonb;
begin
  perform lock_line();
  if (select status from tasks where id = v_task for update) = 'REVIEW'
     and v_last = (select max(number) from runs where task_id = v_task and kind = 'REVIEW')
     and not exists (select 1 from decisions where task_id = v_task and question = 'block:' || v_step) then
    update runs set outcome = p ->> 'outcome' where task_id = v_task and kind = 'REVIEW'
      and outcome = 'reviewed'
      and number in (select (s ->> 'number')::integer from jsonb_array_elements(p -> 'specs') s);
    perform apply_then(v_task, p -> 'course', v_step, p ->> 'detail');
  end if;
  v_woken := without_told(promote(), v_task, p -> 'course' -> 'next');
  return jsonb_build_object('standing', standing_json(v_task, p -> 'course' -> 'next', v_step),
    'wake', v_woken);
end $$;
