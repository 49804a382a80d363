-- Coding agents as programs: what an agent was connected with.

alter table agents add column program jsonb;
--> statement-breakpoint
-- Connects agents to one program, after it was tried. Whoever was paused for failures goes on.
create function connect_agents(p jsonb) returns jsonb language plpgsql as $$
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
  v_woken := promote();
  return jsonb_build_object('agents', to_jsonb(v_ids), 'wake', v_woken);
end $$;
--> statement-breakpoint
-- Everything an attempt is told, with the program that it starts.
alter function run_brief(runs) rename to run_brief_without_program;
--> statement-breakpoint
create function run_brief(r runs) returns jsonb language sql stable as $$
  select jsonb_set(run_brief_without_program(r), '{agent,program}', coalesce(
    (select program from agents where id = r.agent_id), 'null'))
$$;
