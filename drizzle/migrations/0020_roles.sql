-- Instructions as versions, the sandbox that a run had, and credentials that wait for their provider.

create table roles (
  kind run_kind not null,
  version integer not null,
  text text not null,
  "by" text not null,
  door text not null,
  why text not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (kind, version),
  -- More is skipped by whoever reads it.
  constraint roles_are_short check (text <> '' and cardinality(string_to_array(text, E'\n')) <= 40)
);
--> statement-breakpoint
create trigger append_only before update or delete or truncate on roles
  for each statement execute function refuse_change();
--> statement-breakpoint
-- The account at a provider that programs of agents work on. All runs on it wait together.
create table credentials (
  name text primary key,
  kind text not null,
  why text not null,
  paused_at timestamptz not null default clock_timestamp(),
  paused_until timestamptz,
  -- How often in a row it was paused for the same.
  times integer not null default 0
);
--> statement-breakpoint
-- What each worker runs programs of agents in, as it found when it started.
create table worker_sandboxes (
  worker text primary key,
  level text,
  why text not null,
  fix text,
  at timestamptz not null default clock_timestamp()
);
--> statement-breakpoint
-- The version that its first attempt was given counts for all of its attempts. `delayed` says by
-- name why it waits for `available_at`, where that is not the agent's doing.
alter table runs add column role_version integer, add column sandbox text, add column delayed jsonb;
--> statement-breakpoint
create function role_now(p_kind run_kind) returns roles language plpgsql stable as $$
declare v_role roles;
begin
  select * into v_role from roles where kind = p_kind order by version desc limit 1;
  return v_role;
end $$;
--> statement-breakpoint
-- Who was connected or disconnected while a run stood in line does it as what he is now.
create function note_start() returns trigger language plpgsql as $$
begin
  new.role_version := coalesce(new.role_version, (role_now(new.kind)).version);
  new.rehearsed := new.rehearsed
    or coalesce((select backend = 'scripted' from agents where id = new.agent_id), false);
  new.delayed := null;
  return new;
end $$;
--> statement-breakpoint
create trigger note_start before update on runs for each row
  when (new.state = 'RUNNING' and old.state <> 'RUNNING') execute function note_start();
--> statement-breakpoint
-- Starts an attempt, with the instructions that its run is pinned to.
create function begin_attempt(p_run uuid, p_worker text) returns jsonb language plpgsql as $$
declare v_started jsonb := start_attempt(p_run, p_worker);
begin
  if v_started ->> 'kind' <> 'go' then return v_started; end if;
  return v_started || jsonb_build_object('role', (
    select o.text from runs r join roles o on o.kind = r.kind and o.version = r.role_version
    where r.id = p_run));
end $$;
--> statement-breakpoint
-- Makes the next version of a role; no agent may. What was not looked at is not overwritten.
create function set_role(p jsonb) returns jsonb language plpgsql as $$
declare v_now roles; v_kind run_kind := (p ->> 'kind')::run_kind;
begin
  if p ->> 'by' like 'agent:%' then return jsonb_build_object('kind', 'refused'); end if;
  perform lock_line();
  v_now := role_now(v_kind);
  if (p ->> 'baseVersion')::integer <> v_now.version then
    return jsonb_build_object('kind', 'changed', 'version', v_now.version, 'by', v_now."by");
  end if;
  insert into roles (kind, version, text, "by", door, why)
  values (v_kind, v_now.version + 1, p ->> 'text', p ->> 'by', p ->> 'door', p ->> 'why');
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'role.set', v_kind::text, jsonb_build_object(
    'before', v_now.version, 'after', v_now.version + 1, 'why', p ->> 'why'));
  return jsonb_build_object('kind', 'set', 'version', v_now.version + 1);
end $$;
--> statement-breakpoint
create or replace function seed(p jsonb) returns jsonb language plpgsql as $$
declare v_row jsonb; v_rows jsonb := '[]'; v_new boolean; v_policy policies; v_role roles;
begin
  for v_row in select * from jsonb_array_elements(p -> 'agents') loop
    insert into agents (id, name, type, reviews, model, instructions)
    values (v_row ->> 'id', v_row ->> 'name', (v_row ->> 'type')::agent_type,
      (v_row ->> 'reviews')::boolean, v_row ->> 'model', v_row ->> 'instructions')
    on conflict do nothing;
    v_new := found;
    v_rows := v_rows || jsonb_build_object('table', 'agents', 'id', v_row ->> 'id',
      'outcome', case when v_new then 'inserted' else 'left alone' end, 'version', null, 'tunedBy', null);
  end loop;
  for v_row in select * from jsonb_array_elements(p -> 'policies') loop
    v_new := false;
    if not exists (select 1 from policies where name = v_row ->> 'name') then
      insert into policies (name, version, enabled, value, by, door, why)
      values (v_row ->> 'name', 1, (v_row ->> 'enabled')::boolean, v_row -> 'value',
        'system:seed', 'system', 'first value')
      on conflict do nothing;
      v_new := found;
    end if;
    v_policy := policy_now(v_row ->> 'name');
    v_rows := v_rows || jsonb_build_object('table', 'policies', 'id', v_row ->> 'name',
      'outcome', case when v_new then 'inserted' else 'left alone' end, 'version', v_policy.version,
      'tunedBy', case when v_policy."by" <> 'system:seed' then v_policy."by" end);
  end loop;
  for v_row in select * from jsonb_array_elements(coalesce(p -> 'roles', '[]')) loop
    v_new := false;
    if not exists (select 1 from roles where kind = (v_row ->> 'kind')::run_kind) then
      insert into roles (kind, version, text, "by", door, why)
      values ((v_row ->> 'kind')::run_kind, 1, v_row ->> 'text', 'system:seed', 'system',
        'first text')
      on conflict do nothing;
      v_new := found;
    end if;
    v_role := role_now((v_row ->> 'kind')::run_kind);
    v_rows := v_rows || jsonb_build_object('table', 'roles', 'id', v_row ->> 'kind',
      'outcome', case when v_new then 'inserted' else 'left alone' end, 'version', v_role.version,
      'tunedBy', case when v_role."by" <> 'system:seed' then v_role."by" end);
  end loop;
  return v_rows;
end $$;
--> statement-breakpoint
-- An account, as connecting has named it; of a row from before that, all of its kind of program.
create function credential_of(p_program jsonb) returns text language sql immutable as $$
  select coalesce(p_program ->> 'credential', p_program ->> 'preset')
$$;
--> statement-breakpoint
create function is_credential_paused(p_agent text, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
  return exists (select 1 from agents a join credentials c on c.name = credential_of(a.program)
    where a.id = p_agent and a.backend = 'command' and c.paused_until > p_now);
end $$;
--> statement-breakpoint
alter function run_gate(runs, timestamptz) rename to run_gate_of_task;
--> statement-breakpoint
-- What holds a run besides: its provider, and a delay that has a name.
create function run_gate(r runs, p_now timestamptz) returns text language plpgsql stable as $$
declare v_gate text := run_gate_of_task(r, p_now);
begin
  if v_gate is not null and v_gate <> 'back-off' then return v_gate; end if;
  if is_credential_paused(r.agent_id, p_now) then return 'credential-paused'; end if;
  return case when v_gate = 'back-off' then coalesce(r.delayed ->> 'reason', v_gate) end;
end $$;
--> statement-breakpoint
-- Where the whole agent waits for its provider its queue is not read.
create or replace function first_in_line(p_agent text, p_now timestamptz, p_uncharged boolean)
returns uuid language sql stable as $$
  select r.id from runs r
  where r.agent_id = p_agent and r.state = 'QUEUED' and (p_uncharged or r.charged)
    and not is_credential_paused(p_agent, p_now)
    and run_gate(r, p_now) is null
  order by r.priority desc nulls last, r.place limit 1
$$;
--> statement-breakpoint
alter function run_wait(runs) rename to run_wait_by_rule;
--> statement-breakpoint
-- With what is known of a credential, and of a delay that has a name.
create function run_wait(r runs) returns jsonb language plpgsql stable as $$
declare v_wait jsonb := run_wait_by_rule(r); c record;
begin
  if v_wait ->> 'reason' = 'credential-paused' then
    select k.name, k.kind, k.why,
      to_char(k.paused_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') as until into c
    from agents a join credentials k on k.name = credential_of(a.program) where a.id = r.agent_id;
    return v_wait || jsonb_build_object('rule', 'credential ' || c.name,
      'detail', format(case when c.kind = 'limit' then 'until %s: %s' else 'asked again at %s: %s' end,
        c.until, c.why));
  end if;
  if v_wait ->> 'reason' = r.delayed ->> 'reason' and r.available_at > clock_timestamp() then
    return v_wait || jsonb_build_object('rule', null, 'value', null,
      'detail', r.delayed ->> 'detail');
  end if;
  return v_wait;
end $$;
--> statement-breakpoint
-- All runs on an agent's credential wait. A limit ends when the provider says; where a person has
-- to do something it is asked again, at longer and longer intervals. Called by who holds the line.
create function pause_credential(p_agent text, p jsonb) returns void language plpgsql as $$
declare v_name text := (select credential_of(program) from agents where id = p_agent);
  v_now timestamptz := clock_timestamp(); v_before credentials; v_times integer; v_seconds float;
begin
  if v_name is null then return; end if;
  select * into v_before from credentials where name = v_name for update;
  v_times := case when v_before.kind = p ->> 'kind' and v_before.paused_at > v_now - interval '2 h'
    and v_before.paused_until is not null then v_before.times + 1 else 0 end;
  v_seconds := (p ->> 'seconds')::float
    * case when p ->> 'kind' = 'limit' then 1 else 2 ^ least(v_times, 5) end;
  insert into credentials (name, kind, why, paused_at, paused_until, times)
  values (v_name, p ->> 'kind', p ->> 'why', v_now, v_now + make_interval(secs => v_seconds), v_times)
  on conflict (name) do update set kind = excluded.kind, why = excluded.why,
    paused_at = excluded.paused_at, times = excluded.times,
    paused_until = greatest(excluded.paused_until, credentials.paused_until);
  if coalesce(v_before.paused_until <= v_now, true) and v_times = 0 then
    insert into audit (principal, door, action, subject, detail)
    values ('system:limits', 'system', 'credential.pause', v_name, jsonb_build_object('agent', p_agent) || p);
  end if;
end $$;
--> statement-breakpoint
-- Whatever has made runs of these agents wait by itself is asked again at once.
create function lift_waits(p_agents text[], p_by text, p_door text) returns void
language plpgsql as $$
begin
  with lifted as (
    update credentials set paused_until = null
    where paused_until > clock_timestamp()
      and name in (select credential_of(program) from agents where id = any(p_agents))
    returning name)
  insert into audit (principal, door, action, subject)
  select p_by, p_door, 'credential.resume', name from lifted;
  update runs set available_at = clock_timestamp(), delayed = null
  where agent_id = any(p_agents) and state = 'QUEUED' and delayed is not null;
end $$;
--> statement-breakpoint
create or replace function requeue_run(r runs, p jsonb) returns jsonb language plpgsql as $$
declare v_woken jsonb; v_hold block_reason := (p ->> 'hold')::block_reason;
begin
  update runs set state = 'QUEUED', queued_at = clock_timestamp(), hold = v_hold,
    question = p ->> 'question', delayed = nullif(p -> 'delayed', 'null'),
    available_at = clock_timestamp() + make_interval(secs => coalesce((p ->> 'delaySeconds')::float, 0))
  where id = r.id;
  if coalesce(p -> 'pause', 'null') <> 'null' then
    perform pause_credential(r.agent_id, p -> 'pause');
  end if;
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
-- Enables, disables or un-pauses an agent; enabling asks its provider again.
create or replace function set_agent(p jsonb) returns jsonb language plpgsql as $$
declare v_woken jsonb; v_enabled boolean := (p ->> 'enabled')::boolean;
begin
  perform lock_line();
  update agents set enabled = v_enabled,
    paused_reason = case when v_enabled then null else paused_reason end,
    paused_at = case when v_enabled then null else paused_at end
  where id = p ->> 'agent';
  if not found then return jsonb_build_object('kind', 'unknown', 'wake', '[]'::jsonb); end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', case when v_enabled then 'agent.enable' else 'agent.disable' end,
    p ->> 'agent', jsonb_build_object('why', p ->> 'why'));
  if v_enabled then perform lift_waits(array[p ->> 'agent'], p ->> 'by', p ->> 'door'); end if;
  v_woken := promote();
  return jsonb_build_object('kind', 'set', 'wake', v_woken);
end $$;
--> statement-breakpoint
-- What stands in line and was not begun is done by what its agent is from now on.
create function rehearse_again(p_agents text[], p_rehearsed boolean) returns void
language plpgsql as $$
begin
  update runs set rehearsed = p_rehearsed
  where agent_id = any(p_agents) and state in ('QUEUED', 'ADMITTED') and attempt = 0;
  update tasks t set rehearsed = p_rehearsed
  where t.ended_at is null and not t.canary and t.first_execution_run_id is not null
    and t.assignee = any(p_agents)
    and not exists (select 1 from runs where task_id = t.id and attempt > 0);
end $$;
--> statement-breakpoint
-- Connects agents to one program, after it was tried. Whoever was paused for failures goes on.
create or replace function connect_agents(p jsonb) returns jsonb language plpgsql as $$
declare v_ids text[]; v_woken jsonb;
begin
  perform lock_line();
  with connected as (
    update agents set backend = 'command', program = p -> 'program', connected_at = clock_timestamp(),
      model = case when p ? 'model' then p ->> 'model' else model end,
      paused_reason = null, paused_at = null
    where p -> 'agents' ? id returning id)
  select coalesce(array_agg(id order by id), '{}') into v_ids from connected;
  insert into audit (principal, door, action, subject, detail)
  select p ->> 'by', p ->> 'door', 'agent.connect', id, p - 'by' - 'door' - 'agents'
  from unnest(v_ids) id;
  perform rehearse_again(v_ids, false);
  perform lift_waits(v_ids, p ->> 'by', p ->> 'door');
  v_woken := promote();
  return jsonb_build_object('agents', to_jsonb(v_ids), 'wake', v_woken);
end $$;
--> statement-breakpoint
-- Back to rehearsal. Once nobody is connected all of them rehearse; else these wait to be connected.
create function disconnect_agents(p jsonb) returns jsonb language plpgsql as $$
declare v_ids text[]; v_woken jsonb;
begin
  perform lock_line();
  with gone as (
    update agents set backend = 'scripted', program = null, connected_at = null
    where p -> 'agents' ? id and connected_at is not null returning id)
  select coalesce(array_agg(id order by id), '{}') into v_ids from gone;
  insert into audit (principal, door, action, subject, detail)
  select p ->> 'by', p ->> 'door', 'agent.disconnect', id, jsonb_build_object('why', p ->> 'why')
  from unnest(v_ids) id;
  perform rehearse_again(v_ids, true);
  v_woken := promote();
  return jsonb_build_object('agents', to_jsonb(v_ids), 'wake', v_woken);
end $$;
--> statement-breakpoint
-- A worker tells what it runs programs in. Whoever starts one may have mended what was in the way.
create function note_sandbox(p jsonb) returns void language plpgsql as $$
begin
  perform lock_line();
  insert into worker_sandboxes (worker, level, why, fix)
  values (p ->> 'worker', p ->> 'level', p ->> 'why', p ->> 'fix')
  on conflict (worker) do update set level = excluded.level, why = excluded.why,
    fix = excluded.fix, at = clock_timestamp();
  delete from worker_sandboxes where at < clock_timestamp() - interval '30 days';
  update credentials set paused_until = null where kind = 'login';
  update runs set available_at = clock_timestamp(), delayed = null
  where state = 'QUEUED' and delayed is not null;
end $$;
--> statement-breakpoint
-- What the attempt that is live runs its program in.
create function note_run_sandbox(p_run uuid, p_attempt integer, p_sandbox text) returns void
language sql as $$
  update runs set sandbox = p_sandbox where id = p_run and attempt = p_attempt
$$;
