-- A task's life around its runs: filed, registered or re-entered, admitted, landed, ended.

-- Everything an attempt is told: whole texts, never cut.
create function run_brief(r runs) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'task', jsonb_build_object('id', t.id, 'number', t.number, 'title', t.title,
      'description', t.description, 'acceptance', t.acceptance),
    'agent', jsonb_build_object('id', a.id, 'name', a.name, 'backend', a.backend, 'model', a.model,
      'instructions', a.instructions, 'timeLimitSeconds', a.time_limit_seconds),
    'run', jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle,
      'seat', r.seat, 'nonce', r.nonce, 'answers', r.answers, 'workTokens', r.work_tokens),
    'repository', (select jsonb_build_object('id', p.id, 'name', p.name, 'location', p.location,
                     'target', p.target) from repositories p where p.id = t.repository_id),
    'baseCommit', t.base_commit,
    'work', (select jsonb_build_object('runId', e.id, 'number', e.number, 'agent', w.name,
               'report', stored_text(e.report_sha), 'diff', stored_text(e.diff_sha),
               'commands', stored_text(e.commands_sha), 'commit', e.output_commit,
               'bytes', e.bytes_produced)
             from runs e join agents w on w.id = e.agent_id
             where e.task_id = t.id and e.kind = 'EXECUTION' and e.state = 'SUCCEEDED'
               and not e.superseded
             order by e.number desc limit 1),
    'guidance', (select coalesce(jsonb_agg(jsonb_build_object('by', g.by, 'text', g.text) order by g.id), '[]')
                 from guidance g where g.task_id = t.id),
    -- `answered`: an execution has dealt with it since; its target stays what diffs compare with.
    'landingFeedback', (select l.detail || jsonb_build_object('answered', exists (
                          select 1 from runs e where e.task_id = t.id and e.kind = 'EXECUTION'
                            and e.state = 'SUCCEEDED' and not e.superseded
                            and e.number > (l.detail ->> 'execution')::integer))
                        from landings l where l.task_id = t.id and l.outcome in ('conflict', 'atCap')
                        order by l.number desc limit 1),
    'cycles', (select coalesce(jsonb_agg(jsonb_build_object(
                 'cycle', e.cycle,
                 'execution', jsonb_build_object('number', e.number, 'agent', w.name,
                   'report', stored_text(e.report_sha), 'superseded', e.superseded),
                 'reviews', (select coalesce(jsonb_agg(jsonb_build_object('number', v.number,
                     'agent', coalesce(n.name, v.by_person), 'verdict', v.verdict) order by v.number), '[]')
                   from runs v left join agents n on n.id = v.agent_id
                   where v.reviewed_run_id = e.id and v.state = 'SUCCEEDED')) order by e.number), '[]')
               from runs e join agents w on w.id = e.agent_id
               where e.task_id = t.id and e.kind = 'EXECUTION' and e.state = 'SUCCEEDED'),
    'cycleBound', case when p.enabled then (p.value ->> 'maxCycles')::integer else 0 end
                  + t.granted_cycles + t.landing_cycles)
  from tasks t
  left join agents a on a.id = r.agent_id
  cross join policy_now('review') p
  where t.id = r.task_id
$$;
--> statement-breakpoint
-- What the first step needs to check a request and decide about it.
create function read_for_begin(p_workflow_id text) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'record', (select jsonb_build_object('id', t.id, 'number', t.number, 'status', t.status,
        'registered', t.first_execution_run_id is not null, 'title', t.title,
        'priority', t.priority, 'assignee', t.assignee, 'reviewers', to_jsonb(t.reviewers))
      from tasks t where t.workflow_id = p_workflow_id),
    'roster', (select jsonb_agg(jsonb_build_object('id', id, 'type', type, 'reviews', reviews) order by id)
               from agents),
    'repositories', (select coalesce(jsonb_agg(name order by name), '[]') from repositories),
    'policy', to_jsonb(policy_now('auto-approve')))
$$;
--> statement-breakpoint
create function insert_task(p jsonb) returns uuid language plpgsql as $$
declare q jsonb := p -> 'request'; v_parent tasks; v_id uuid := (p ->> 'id')::uuid;
begin
  perform lock_line(); -- numbers are for people: a sequence would leave gaps that look like losses
  select * into v_parent from tasks
  where id = (select task_id from runs where id = (p ->> 'originRun')::uuid);
  insert into tasks (id, number, workflow_id, title, description, acceptance, priority, assignee, reviewers,
    repository_id, owner, door, source, key, status, parent_id, root_id, depth, origin_run_id,
    origin_index)
  values (v_id, (select coalesce(max(number), 0) + 1 from tasks), p ->> 'workflowId', q ->> 'title', q ->> 'description', q -> 'acceptance',
    (q ->> 'priority')::priority, q ->> 'assignee',
    (select coalesce(array_agg(x), '{}') from jsonb_array_elements_text(q -> 'reviewers') x),
    coalesce(v_parent.repository_id, (select id from repositories where name = q ->> 'repository')),
    q ->> 'owner', p ->> 'door', q ->> 'source', q ->> 'key', 'INBOX', v_parent.id,
    coalesce(v_parent.root_id, v_id), coalesce(v_parent.depth + 1, 0), (p ->> 'originRun')::uuid,
    (p ->> 'originIndex')::integer)
  on conflict do nothing;
  if found then
    insert into audit (principal, door, action, subject, detail)
    values (q ->> 'owner', p ->> 'door', 'task.file', v_id::text, jsonb_build_object('title', q ->> 'title'));
  end if;
  return v_id;
end $$;
--> statement-breakpoint
-- Files a task with its intent to start; the same (source, key) is the same task.
create function file_task(p jsonb) returns jsonb language plpgsql as $$
declare t tasks; v_created boolean;
begin
  perform insert_task(p);
  select * into t from tasks where id = (p ->> 'id')::uuid;
  v_created := found;
  if not found then
    select * into t from tasks where workflow_id = p ->> 'workflowId'
      or source = p -> 'request' ->> 'source' and key = p -> 'request' ->> 'key';
  end if;
  return jsonb_build_object('id', t.id, 'number', t.number, 'workflowId', t.workflow_id,
    'title', t.title, 'created', v_created, 'status', t.status);
end $$;
--> statement-breakpoint
create function was_rejected(p_task uuid) returns boolean language sql stable as $$
  select exists (select 1 from decisions where task_id = p_task and question like 'admission:%'
                 and decision = 'rejected')
$$;
--> statement-breakpoint
create function admission_json(t tasks) returns jsonb language sql stable as $$
  select coalesce(
    (select jsonb_build_object('kind', decision, 'by', by, 'reason', reason) from decisions
     where task_id = t.id and question = 'admission:' || t.assignee),
    jsonb_build_object('kind', 'waits', 'reason', coalesce(t.admission ->> 'reason', 'policy decides in a moment')))
$$;
--> statement-breakpoint
-- Whether the policy in force admits the task as it is now: asked under the lock, since the rule
-- that decided and worded it read the task before. A LEAD is admitted by a person only.
create function policy_admits(t tasks) returns boolean language sql stable as $$
  select coalesce((
    select p.enabled and a.type <> 'LEAD' and jsonb_typeof(p.value -> 'allowedAgentTypes') = 'array'
      and p.value -> 'allowedAgentTypes' ? a.type::text
      and array_position(enum_range(null::priority)::text[], t.priority::text)
          <= array_position(enum_range(null::priority)::text[], p.value ->> 'maxPriority')
    from agents a cross join policy_now('auto-approve') p where a.id = t.assignee), false)
$$;
--> statement-breakpoint
-- Records what the policy came to; the first decision of a question stands, and a task that was
-- rejected stays so. What was decided about an older task or policy is left to be decided again.
create function apply_admission(p_task uuid, p_admission jsonb) returns void language plpgsql as $$
declare t tasks; v_admits boolean; v_agrees boolean;
begin
  select * into t from tasks where id = p_task for update;
  if not found or t.status <> 'INBOX' or was_rejected(p_task) then return; end if;
  v_admits := p_admission ->> 'kind' = 'admitted';
  v_agrees := v_admits = policy_admits(t);
  update tasks set admission = case when v_agrees or not v_admits then p_admission end,
    admission_policy_version = case when v_agrees then (p_admission ->> 'policyVersion')::integer end
  where id = p_task;
  if not (v_admits and v_agrees) then return; end if;
  insert into decisions (task_id, question, decision, by, door, reason, policy_version)
  values (p_task, 'admission:' || t.assignee, 'admitted', 'policy:auto-approve', 'policy',
    p_admission ->> 'reason', (p_admission ->> 'policyVersion')::integer)
  on conflict do nothing;
  if found then
    insert into audit (principal, door, action, subject, detail)
    values ('policy:auto-approve', 'policy', 'task.admit', p_task::text,
      jsonb_build_object('agent', t.assignee, 'reason', p_admission ->> 'reason'));
  end if;
  perform set_status(p_task, 'ASSIGNED', null, null, null);
end $$;
--> statement-breakpoint
create function begun_json(t tasks, p_specs jsonb) returns jsonb language sql stable as $$
  select jsonb_build_object('taskId', t.id, 'number', t.number, 'title', t.title,
    'priority', t.priority, 'assignee', t.assignee, 'assigneeName', a.name,
    'reviewers', to_jsonb(t.reviewers), 'rehearsed', a.backend = 'scripted', 'paused', t.paused,
    'seats', seats_of(t), 'admission', admission_json(t),
    'standing', standing_json(t.id, p_specs, null))
  from agents a where a.id = t.assignee
$$;
--> statement-breakpoint
-- Registers the task, or finds the open record to re-enter; decides admission; opens Execution 1.
create function begin_task(p jsonb) returns jsonb language plpgsql as $$
declare t tasks; v_woken jsonb := '[]'; v_twin tasks;
begin
  perform lock_line();
  select * into t from tasks where workflow_id = p ->> 'workflowId' for update;
  if not found then
    select * into v_twin from tasks where source = p -> 'request' ->> 'source'
      and key = p -> 'request' ->> 'key';
    if found then
      return jsonb_build_object('error', 'DuplicateKey', 'number', v_twin.number,
        'workflowId', v_twin.workflow_id);
    end if;
    perform insert_task(p);
    -- Filed by a door at this very moment, under the same key: its row is visible now.
    if not exists (select 1 from tasks where workflow_id = p ->> 'workflowId') then
      return begin_task(p);
    end if;
  elsif is_terminal(t.status) then
    return jsonb_build_object('error', 'TaskEnded', 'number', t.number, 'status', t.status);
  end if;
  update tasks set first_execution_run_id = p ->> 'firstExecutionRunId',
    rehearsed = rehearsed or (select backend = 'scripted' from agents where id = assignee)
  where workflow_id = p ->> 'workflowId' returning * into t;
  perform apply_admission(t.id, p -> 'admission');
  select * into t from tasks where id = t.id;
  if t.status <> 'INBOX' and admission_json(t) ->> 'kind' = 'admitted' then
    perform open_run(t.id, p -> 'first');
    v_woken := without_told(promote(), t.id, jsonb_build_array(p -> 'first'));
  end if;
  return jsonb_build_object('begun', begun_json(t, jsonb_build_array(p -> 'first')), 'wake', v_woken);
end $$;
--> statement-breakpoint
create function decide_again(p_task uuid, p_admission jsonb) returns jsonb language plpgsql as $$
declare t tasks;
begin
  perform lock_line();
  perform apply_admission(p_task, p_admission);
  select * into t from tasks where id = p_task;
  return admission_json(t);
end $$;
--> statement-breakpoint
-- The stored end of a landing, or what is needed to land.
create function begin_landing(p_task uuid, p_number integer) returns jsonb language sql stable as $$
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
        'agent', coalesce(a.name, v.by_person), 'kind', v.verdict_kind, 'summary', v.summary)
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
create function landing_end(p_task uuid, p_number integer, p_specs jsonb) returns jsonb
language sql stable as $$
  select jsonb_build_object('kind', outcome, 'summary', detail ->> 'summary',
    'standing', standing_json(task_id, p_specs, 'LANDING ' || number))
  from landings where task_id = p_task and number = p_number
$$;
--> statement-breakpoint
create function close_landing(p jsonb) returns jsonb language plpgsql as $$
declare v_task uuid := (p ->> 'task')::uuid; v_number integer := (p ->> 'number')::integer;
  v_woken jsonb; t tasks;
begin
  perform lock_line();
  select * into t from tasks where id = v_task for update;
  if t.status = 'LANDING' and p ->> 'outcome' is not null
     and not exists (select 1 from landings where task_id = v_task and number = v_number) then
    insert into landings (task_id, number, kind, detail, outcome)
    values (v_task, v_number, p ->> 'kind', p -> 'detail', p ->> 'outcome');
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
--> statement-breakpoint
-- The verdicts of a task whose follow-ups are not filed yet, and the tree they would join.
create function read_followups(p_task uuid) returns jsonb language sql stable as $$
  select jsonb_build_object('depth', t.depth, 'cycles', t.cycles, 'status', t.status, 'policy', to_jsonb(policy_now('spawn')),
    'assignee', t.assignee,
    'titles', (select jsonb_agg(title order by number) from tasks where root_id = t.root_id),
    'roster', (select jsonb_agg(id order by id) from agents),
    'runs', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id,
        'cycle', r.cycle, 'agent', r.agent_id, 'kind', r.verdict_kind,
        'followUps', r.verdict -> 'followUps') order by r.number), '[]')
      from runs r where r.task_id = t.id and r.state = 'SUCCEEDED' and r.spawned is null
        and r.verdict_kind in ('SPAWN', 'REVISION+SPAWN')))
  from tasks t where t.id = p_task
$$;
--> statement-breakpoint
-- Files a verdict's follow-ups once. Decided elsewhere, on a tree of a certain size: when it has
-- grown meanwhile, nothing is filed and the caller decides again. They join the tree of the task
-- whose verdict asked, so that its caps hold.
create function file_followups(p jsonb) returns jsonb language plpgsql as $$
declare r runs; v_root uuid; v_task jsonb;
begin
  perform lock_line();
  select * into r from runs where id = (p ->> 'run')::uuid for update;
  if r.spawned is not null then return jsonb_build_object('kind', 'filed'); end if;
  select root_id into v_root from tasks where id = r.task_id;
  if (select count(*) from tasks where root_id = v_root) <> (p ->> 'treeSize')::integer then
    return jsonb_build_object('kind', 'changed');
  end if;
  for v_task in select * from jsonb_array_elements(p -> 'tasks') loop
    perform insert_task(v_task || jsonb_build_object('originRun', r.id));
  end loop;
  update runs set spawned = jsonb_build_object('refused', p -> 'refused', 'notes', p -> 'notes', 'filed', (
      select coalesce(jsonb_agg(jsonb_build_object('number', number, 'title', title) order by number), '[]')
      from tasks where origin_run_id = r.id))
  where id = r.id;
  return jsonb_build_object('kind', 'filed', 'start', (
    select coalesce(jsonb_agg(jsonb_build_object('id', id, 'workflowId', workflow_id, 'title', title,
      'priority', priority)), '[]') from tasks where origin_run_id = r.id));
end $$;
--> statement-breakpoint
-- Ends a task that did not land. Its open runs end with it; what it held goes to others.
create function end_task(p jsonb) returns jsonb language plpgsql as $$
declare t tasks;
begin
  perform lock_line();
  select * into t from tasks where id = (p ->> 'task')::uuid for update;
  if is_terminal(t.status) then
    return jsonb_build_object('wake', '[]'::jsonb, 'standing', standing_json(t.id, null, null));
  end if;
  perform set_status(t.id, (p ->> 'status')::task_status, null, null, null);
  update tasks set ended_by = p ->> 'by', ended_reason = p ->> 'reason' where id = t.id;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'task.' || lower(p ->> 'status'), t.id::text,
          jsonb_build_object('reason', p ->> 'reason'));
  return jsonb_build_object('wake', promote(), 'standing', standing_json(t.id, null, null));
end $$;
