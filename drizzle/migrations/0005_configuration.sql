-- Configuration: seeded where missing, changed by versions that name who and why.

create function seed(p jsonb) returns jsonb language plpgsql as $$
declare v_row jsonb; v_rows jsonb := '[]'; v_new boolean; v_policy policies;
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
  return v_rows;
end $$;
--> statement-breakpoint
-- Makes the next version. A base version that is no longer in force is refused: nobody overwrites
-- what they have not seen.
create function set_policy(p jsonb) returns jsonb language plpgsql as $$
declare v_now policies; v_woken jsonb;
begin
  perform lock_line();
  v_now := policy_now(p ->> 'name');
  if (p ->> 'baseVersion')::integer <> v_now.version then
    return jsonb_build_object('kind', 'changed', 'version', v_now.version, 'by', v_now."by");
  end if;
  insert into policies (name, version, enabled, value, by, door, why)
  values (v_now.name, v_now.version + 1, coalesce((p ->> 'enabled')::boolean, v_now.enabled),
    coalesce(nullif(p -> 'value', 'null'), v_now.value), p ->> 'by', p ->> 'door', p ->> 'why');
  if v_now.name = 'execution-limits' then
    -- What cannot be read as a day or a figure would stop the line for everyone: refused here.
    perform day_of(clock_timestamp()), limit_of(l, 'maxConcurrentPerAgent'), limit_of(l, 'maxDailyTokens'),
      limit_of(l, 'maxDailyPerAgent'), limit_of(l, 'maxDailyPerReviewer')
    from policy_now('execution-limits') l;
  end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'policy.set', v_now.name, jsonb_build_object(
    'before', v_now.value, 'after', coalesce(nullif(p -> 'value', 'null'), v_now.value), 'wasEnabled', v_now.enabled,
    'enabled', coalesce((p ->> 'enabled')::boolean, v_now.enabled), 'why', p ->> 'why'));
  v_woken := promote();
  return jsonb_build_object('kind', 'set', 'version', v_now.version + 1, 'wake', v_woken);
end $$;
--> statement-breakpoint
-- Enables, disables or un-pauses an agent.
create function set_agent(p jsonb) returns jsonb language plpgsql as $$
declare v_woken jsonb;
begin
  perform lock_line();
  update agents set enabled = (p ->> 'enabled')::boolean,
    paused_reason = case when (p ->> 'enabled')::boolean then null else paused_reason end,
    paused_at = case when (p ->> 'enabled')::boolean then null else paused_at end
  where id = p ->> 'agent';
  if not found then return jsonb_build_object('kind', 'unknown', 'wake', '[]'::jsonb); end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door',
    case when (p ->> 'enabled')::boolean then 'agent.enable' else 'agent.disable' end, p ->> 'agent',
    jsonb_build_object('why', p ->> 'why'));
  v_woken := promote();
  return jsonb_build_object('kind', 'set', 'wake', v_woken);
end $$;
--> statement-breakpoint
create function set_squad_paused(p jsonb) returns jsonb language plpgsql as $$
declare v_woken jsonb;
begin
  perform lock_line();
  update installation set squad_paused = (p ->> 'paused')::boolean,
    squad_paused_by = case when (p ->> 'paused')::boolean then p ->> 'by' end,
    squad_paused_at = case when (p ->> 'paused')::boolean then clock_timestamp() end;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door',
    case when (p ->> 'paused')::boolean then 'squad.pause' else 'squad.resume' end, 'squad',
    jsonb_build_object('why', p ->> 'why'));
  v_woken := promote();
  return jsonb_build_object('wake', v_woken);
end $$;
--> statement-breakpoint
create function add_repository(p jsonb) returns jsonb language plpgsql as $$
begin
  insert into repositories (id, name, location, target, landing, provenance, added_by)
  values ((p ->> 'id')::uuid, p ->> 'name', p ->> 'location', p ->> 'target',
    (p ->> 'landing')::landing_mode, (p ->> 'provenance')::provenance, p ->> 'by')
  on conflict (name) do nothing;
  if not found then return jsonb_build_object('kind', 'exists'); end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'repository.add', p ->> 'name', p - 'by' - 'door');
  return jsonb_build_object('kind', 'added');
end $$;
--> statement-breakpoint
-- Binds the Temporal store that runs this database's workflows; another one is refused.
create function bind_temporal(p jsonb) returns jsonb language plpgsql as $$
declare v_cluster text; v_namespace text;
begin
  select temporal_cluster, temporal_namespace into v_cluster, v_namespace
  from installation where id = 1 for update;
  if v_cluster is null or (p ->> 'rebind')::boolean then
    update installation set temporal_cluster = p ->> 'cluster', temporal_namespace = p ->> 'namespace';
    if v_cluster is not null and (v_cluster, v_namespace) <> (p ->> 'cluster', p ->> 'namespace') then
      insert into audit (principal, door, action, subject, detail)
      values (p ->> 'by', p ->> 'door', 'temporal.bind', 'installation', p || jsonb_build_object(
        'beforeCluster', v_cluster, 'beforeNamespace', v_namespace));
    end if;
    return jsonb_build_object('bound', true);
  end if;
  return jsonb_build_object('cluster', v_cluster, 'namespace', v_namespace,
    'bound', v_cluster = p ->> 'cluster' and v_namespace = p ->> 'namespace');
end $$;
