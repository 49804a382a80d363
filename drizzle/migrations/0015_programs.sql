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
-- Whom an attempt is done by, with the program that it starts. A canary is scripted whoever plays it:
-- it spends nothing.
create function brief_agent(a agents, p_canary boolean) returns jsonb language sql stable as $$
  select jsonb_build_object('id', a.id, 'name', a.name, 'model', a.model,
    'backend', case when p_canary then 'scripted' else a.backend end, 'program', a.program,
    'instructions', a.instructions, 'timeLimitSeconds', a.time_limit_seconds)
$$;
--> statement-breakpoint
create function brief_repository(p repositories) returns jsonb language sql stable as $$
  select jsonb_build_object('id', p.id, 'name', p.name, 'location', p.location, 'target', p.target)
$$;
--> statement-breakpoint
-- Everything an attempt is told: whole texts, never cut.
create or replace function brief_of(p_run uuid) returns jsonb language plpgsql stable as $$
declare v_task uuid; v_brief jsonb; d record; v_work record; v_done jsonb; v_cycles jsonb := '[]';
begin
  select t.id, jsonb_build_object(
    'task', jsonb_build_object('id', t.id, 'number', t.number, 'title', t.title,
      'description', t.description, 'acceptance', t.acceptance),
    'agent', brief_agent(a, t.canary),
    'run', jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
      'seat', r.seat, 'nonce', r.nonce, 'answers', r.answers, 'workTokens', r.work_tokens),
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
