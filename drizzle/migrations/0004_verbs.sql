-- The verbs that people apply to a task. What is legal comes as data from the one vocabulary; here
-- it is checked under the lock, applied, and answered. A second delivery gets the first answer.

create function verb_answer(p_task uuid, p_error text, p_step text, p_resolution text) returns jsonb
language sql stable as $$
  select jsonb_build_object('applied', p_error is null, 'error', p_error, 'status', t.status,
    'blocked', t.blocked, 'resolved', case when p_resolution is not null then
      jsonb_build_object('step', p_step, 'resolution', p_resolution) end,
    'admission', admission_json(t), 'assignee', t.assignee, 'assigneeName', a.name,
    'reviewers', to_jsonb(t.reviewers), 'priority', t.priority, 'paused', t.paused,
    'admitted', (select coalesce(jsonb_agg(id), '[]') from runs
                 where task_id = t.id and state = 'ADMITTED'),
    'cancelled', (select coalesce(jsonb_agg(id), '[]') from runs
                  where task_id = t.id and state = 'CANCELLED'))
  from tasks t join agents a on a.id = t.assignee where t.id = p_task
$$;
--> statement-breakpoint
create function decide_admission(t tasks, p jsonb, p_decision text) returns text language plpgsql as $$
begin
  insert into decisions (task_id, question, decision, by, door, reason, policy_version)
  values (t.id, 'admission:' || t.assignee, p_decision, p ->> 'by', p ->> 'door',
    coalesce(p ->> 'reason', ''), t.admission_policy_version)
  on conflict do nothing;
  if not found then return 'AlreadyDecided'; end if;
  if p_decision = 'admitted' then perform set_status(t.id, 'ASSIGNED', null, null, null); end if;
  return null;
end $$;
--> statement-breakpoint
-- A held run goes on: the answer is with it, and no cycle is charged.
create function release_held(t tasks, p jsonb) returns void language plpgsql as $$
declare r runs;
begin
  update runs set hold = null, available_at = clock_timestamp(), queued_at = clock_timestamp(),
    answers = case when p ->> 'verb' = 'answer' then answers || jsonb_build_object(
      'question', question, 'answer', p ->> 'text', 'by', p ->> 'by') else answers end,
    question = null
  where task_id = t.id and hold is not null returning * into r;
  perform set_status(t.id, case when r.kind = 'EXECUTION' then 'IN_PROGRESS' else 'REVIEW' end::task_status,
    null, null, null);
end $$;
--> statement-breakpoint
create function resolve_block(t tasks, p jsonb, p_resolution text, p_status task_status) returns void
language plpgsql as $$
begin
  insert into decisions (task_id, question, decision, by, door, reason)
  values (t.id, 'block:' || t.blocked_step, p_resolution, p ->> 'by', p ->> 'door',
    coalesce(p ->> 'reason', '')) on conflict do nothing;
  perform set_status(t.id, p_status, null, null, null);
end $$;
--> statement-breakpoint
create function retry_block(t tasks, p jsonb) returns text language plpgsql as $$
begin
  if exists (select 1 from runs where task_id = t.id and hold is not null) then
    perform release_held(t, p);
    return null;
  end if;
  update tasks set
    granted_cycles = granted_cycles + case when t.blocked = 'revision-cap' then 1 else 0 end,
    granted_landings = granted_landings + case when t.blocked = 'landing-cap' then 1 else 0 end
  where id = t.id;
  perform resolve_block(t, p, 'retry', case
    when t.blocked_step like 'LANDING%' and t.blocked <> 'landing-cap' then 'LANDING'
    when t.blocked = 'review-failed' then 'REVIEW'
    else 'IN_PROGRESS' end::task_status);
  return 'retry';
end $$;
--> statement-breakpoint
-- A person's acceptance is a review run on the last successful execution; it stands for all.
create function accept_work(t tasks, p jsonb) returns text language plpgsql as $$
declare e runs;
begin
  select * into e from runs where task_id = t.id and kind = 'EXECUTION' and state = 'SUCCEEDED'
    and not superseded order by number desc limit 1;
  if not found or exists (select 1 from runs where task_id = t.id
                          and state in ('QUEUED', 'ADMITTED', 'RUNNING')) then
    return 'WrongState';
  end if;
  insert into runs (id, task_id, kind, number, cycle, seat, by_person, state, priority, started_at,
    ended_at, outcome, summary, verdict_kind, verdict, reviewed_run_id, reviewed_commit, bytes_produced,
    bytes_handed_over)
  values ((p ->> 'freshId')::uuid, t.id, 'REVIEW',
    (select coalesce(max(number), 0) + 1 from runs where task_id = t.id and kind = 'REVIEW'),
    e.cycle, 0, p ->> 'by', 'SUCCEEDED', t.priority, clock_timestamp(), clock_timestamp(), 'accepted',
    coalesce(p ->> 'reason', 'accepted by a person'), 'APPROVED', jsonb_build_object('kind', 'APPROVED',
      'summary', coalesce(p ->> 'reason', 'accepted by a person'), 'issues', '[]'::jsonb,
      'criteria', '[]'::jsonb, 'earlier', '[]'::jsonb, 'followUps', '[]'::jsonb),
    e.id, e.output_commit, e.bytes_produced, e.bytes_produced);
  perform resolve_block(t, p, 'accept', 'LANDING');
  return null;
end $$;
--> statement-breakpoint
create function cancel_queued(p_task uuid, p_kind run_kind) returns void language sql as $$
  update runs set state = 'CANCELLED', ended_at = clock_timestamp(), outcome = 'cancelled',
    charged = false, hold = null, error = 'reassigned'
  where task_id = p_task and kind = p_kind and state in ('QUEUED', 'ADMITTED') and attempt = 0
     or task_id = p_task and kind = p_kind and state = 'QUEUED'
$$;
--> statement-breakpoint
create function reassign_reviewers(t tasks, p jsonb) returns text language plpgsql as $$
declare v_held boolean;
begin
  update tasks set reviewers = (select array_agg(x) from jsonb_array_elements_text(p -> 'reviewers') x)
  where id = t.id;
  v_held := exists (select 1 from runs where task_id = t.id and kind = 'REVIEW' and hold is not null);
  perform cancel_queued(t.id, 'REVIEW');
  if v_held then perform set_status(t.id, 'REVIEW', null, null, null); end if;
  return null;
end $$;
--> statement-breakpoint
create function reassign_executor(t tasks, p jsonb) returns text language plpgsql as $$
declare v_new agents; v_held boolean; v_resolution text;
begin
  select * into v_new from agents where id = p ->> 'executor';
  v_held := exists (select 1 from runs where task_id = t.id and hold is not null);
  update tasks set assignee = v_new.id, admission = null where id = t.id;
  perform cancel_queued(t.id, 'EXECUTION');
  if t.status = 'BLOCKED' then
    perform cancel_queued(t.id, 'REVIEW');
    update runs set superseded = true where task_id = t.id and kind = 'EXECUTION'
      and state = 'SUCCEEDED' and agent_id <> v_new.id;
  end if;
  if t.status = 'INBOX' then return null; end if;
  if v_new.type <> 'LEAD' then
    insert into decisions (task_id, question, decision, by, door, reason)
    values (t.id, 'admission:' || v_new.id, 'admitted', p ->> 'by', p ->> 'door', 'reassigned by a person')
    on conflict do nothing;
  end if;
  if t.status = 'BLOCKED' and not v_held then v_resolution := 'reassign'; end if;
  if v_resolution is not null then
    insert into decisions (task_id, question, decision, by, door, reason)
    values (t.id, 'block:' || t.blocked_step, 'reassign', p ->> 'by', p ->> 'door',
      coalesce(p ->> 'reason', '')) on conflict do nothing;
  end if;
  perform set_status(t.id, case
    when not exists (select 1 from decisions where task_id = t.id
                     and question = 'admission:' || v_new.id and decision = 'admitted') then 'INBOX'
    when t.status = 'BLOCKED' then 'IN_PROGRESS' else t.status end::task_status, null, null, null);
  return v_resolution;
end $$;
--> statement-breakpoint
create function apply_verb(p jsonb) returns jsonb language plpgsql as $$
declare t tasks; v_error text; v_resolution text; v_answer jsonb; v_woken jsonb;
  v_verb text := p ->> 'verb';
begin
  perform lock_line();
  select * into t from tasks where id = (p ->> 'task')::uuid for update;
  select answer into v_answer from messages where task_id = t.id and message_id = p ->> 'messageId';
  if found then return jsonb_build_object('answer', v_answer, 'wake', '[]'::jsonb); end if;
  if not p -> 'legalIn' ? t.status::text
     or v_verb = 'answer' and t.blocked is distinct from 'question'
     or v_verb = 'retry' and t.blocked = 'question' then
    v_error := case when v_verb in ('approve', 'reject') and admission_json(t) ->> 'kind' <> 'waits'
                    then 'AlreadyDecided' else 'WrongState' end;
  else
    case v_verb
      when 'approve' then v_error := decide_admission(t, p, 'admitted');
      when 'reject' then v_error := decide_admission(t, p, 'rejected');
      when 'guide' then
        insert into guidance (task_id, message_id, by, text)
        values (t.id, p ->> 'messageId', p ->> 'by', p ->> 'text') on conflict do nothing;
      when 'answer' then perform release_held(t, p);
      when 'retry' then v_resolution := retry_block(t, p);
      when 'accept' then
        v_error := accept_work(t, p);
        if v_error is null then v_resolution := 'accept'; end if;
      when 'reassign' then
        if p ? 'reviewers' then perform reassign_reviewers(t, p); end if;
        if p ? 'executor' then v_resolution := reassign_executor(t, p); end if;
      when 'reprioritise' then
        update tasks set priority = (p ->> 'priority')::priority where id = t.id;
        update runs set priority = (p ->> 'priority')::priority where task_id = t.id and state = 'QUEUED';
      when 'pause' then update tasks set paused = true where id = t.id;
      when 'resume' then update tasks set paused = false where id = t.id;
      when 'cancel' then null;
    end case;
  end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'task.' || v_verb || case when v_error is null then '' else '.refused' end,
    t.id::text, jsonb_strip_nulls(jsonb_build_object('error', v_error, 'reason', p ->> 'reason',
      'text', p ->> 'text', 'executor', p ->> 'executor', 'reviewers', p -> 'reviewers',
      'priority', p ->> 'priority')));
  v_woken := without_task(promote(), t.id);
  v_answer := verb_answer(t.id, v_error, t.blocked_step, v_resolution);
  insert into messages (task_id, message_id, answer) values (t.id, p ->> 'messageId', v_answer);
  return jsonb_build_object('answer', v_answer, 'wake', v_woken);
end $$;
