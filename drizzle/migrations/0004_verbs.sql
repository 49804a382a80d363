-- The verbs that people apply to a task. What is legal comes as data from the one vocabulary; here
-- it is checked under the lock, applied, and answered. A second delivery gets the first answer.

create function verb_answer(p_task uuid, p_error text, p_step text, p_resolution text) returns jsonb
language sql stable as $$
  select jsonb_build_object('applied', p_error is null, 'error', p_error, 'status', t.status,
    'blocked', t.blocked, 'resolved', case when p_resolution is not null then
      jsonb_build_object('step', p_step, 'resolution', p_resolution) end,
    'admission', admission_json(t), 'assignee', t.assignee, 'assigneeName', a.name,
    'reviewers', to_jsonb(t.reviewers), 'priority', t.priority, 'paused', t.paused,
    'runs', runs_json(t.id),
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
-- The held run that blocks the task goes on: the answer is with it, and no cycle is charged. When
-- another reviewer is held too, the task waits for a person on.
create function release_held(t tasks, p jsonb) returns void language plpgsql as $$
declare r runs; v_next runs;
begin
  update runs set hold = null, available_at = clock_timestamp(), queued_at = clock_timestamp(),
    answers = case when p ->> 'verb' = 'answer' then answers || jsonb_build_object(
      'question', question, 'answer', p ->> 'text', 'by', p ->> 'by') else answers end,
    question = null
  where task_id = t.id and hold is not null and kind || ' ' || number = t.blocked_step
  returning * into r;
  select * into v_next from runs where task_id = t.id and hold is not null order by number limit 1;
  if found then
    perform set_status(t.id, 'BLOCKED', v_next.hold, v_next.kind || ' ' || v_next.number, v_next.question);
    return;
  end if;
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
    when t.blocked_step like 'REVIEW%' and t.blocked <> 'revision-cap' then 'REVIEW'
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
  update tasks set reviewers = array(select jsonb_array_elements_text(p -> 'reviewers')) where id = t.id;
  v_held := exists (select 1 from runs where task_id = t.id and kind = 'REVIEW' and hold is not null);
  perform cancel_queued(t.id, 'REVIEW');
  if v_held and not p ? 'executor' then perform set_status(t.id, 'REVIEW', null, null, null); end if;
  -- With another reviewer the failed step is tried again, unless the executor changes as well.
  if t.blocked = 'review-failed' and not p ? 'executor' then
    perform resolve_block(t, p, 'retry', 'REVIEW');
    return 'retry';
  end if;
  return null;
end $$;
--> statement-breakpoint
-- Another executor. Policy decides again where the task is in the inbox; elsewhere the person who
-- reassigns admits it, except to a LEAD, which needs an approval of its own.
create function reassign_executor(t tasks, p jsonb) returns text language plpgsql as $$
declare v_new agents; v_resolution text; v_admitted boolean;
begin
  select * into v_new from agents where id = p ->> 'executor';
  update tasks set assignee = v_new.id, admission = null, admission_policy_version = null,
    rehearsed = rehearsed or v_new.backend = 'scripted' where id = t.id;
  perform cancel_queued(t.id, 'EXECUTION');
  if t.status = 'BLOCKED' then
    perform cancel_open(t.id); -- a review that runs would judge what is superseded
    update runs set superseded = true where task_id = t.id and kind = 'EXECUTION'
      and state = 'SUCCEEDED' and agent_id <> v_new.id;
  end if;
  if t.status <> 'INBOX' and v_new.type <> 'LEAD' then
    insert into decisions (task_id, question, decision, by, door, reason)
    values (t.id, 'admission:' || v_new.id, 'admitted', p ->> 'by', p ->> 'door', 'reassigned by a person')
    on conflict do nothing;
  end if;
  if t.status = 'BLOCKED' then
    v_resolution := 'reassign';
    insert into decisions (task_id, question, decision, by, door, reason)
    values (t.id, 'block:' || t.blocked_step, 'reassign', p ->> 'by', p ->> 'door',
      coalesce(p ->> 'reason', '')) on conflict do nothing;
  end if;
  v_admitted := may_execute(t, v_new);
  perform set_status(t.id, case when not v_admitted then 'INBOX' when t.status = 'INBOX' then 'ASSIGNED'
    when t.status = 'BLOCKED' then 'IN_PROGRESS' else t.status end::task_status, null, null, null);
  return v_resolution;
end $$;
--> statement-breakpoint
-- Whom a message names must be there; a person's right is checked again, whatever the door thought.
create function verb_error(t tasks, p jsonb) returns text language plpgsql stable as $$
declare v_verb text := p ->> 'verb';
begin
  if p ->> 'by' !~ '^person:\S' then return 'NotPermitted'; end if;
  if v_verb in ('approve', 'reject') and admission_json(t) ->> 'kind' <> 'waits'
     or v_verb in ('approve', 'reject', 'reassign') and t.status = 'INBOX' and was_rejected(t.id) then
    return 'AlreadyDecided';
  end if;
  if not coalesce(p -> 'legalIn' ? t.status::text, false)
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
create function apply_verb(p jsonb) returns jsonb language plpgsql as $$
declare t tasks; v_error text; v_resolution text; v_answer jsonb; v_woken jsonb;
  v_verb text := p ->> 'verb'; v_given jsonb;
begin
  perform lock_line();
  select * into t from tasks where id = (p ->> 'task')::uuid for update;
  select answer into v_given from messages where task_id = t.id and message_id = p ->> 'messageId';
  if found then -- the same decision again, told with where the task stands now
    v_answer := verb_answer(t.id, v_given ->> 'error', v_given -> 'resolved' ->> 'step',
      v_given -> 'resolved' ->> 'resolution');
    return jsonb_build_object('answer', v_answer, 'wake', '[]'::jsonb);
  end if;
  v_error := coalesce(p ->> 'refused', verb_error(t, p));
  if v_error is null then
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
        if p ? 'reviewers' then v_resolution := reassign_reviewers(t, p); end if;
        if p ? 'executor' then v_resolution := reassign_executor(t, p); end if;
      when 'reprioritise' then
        update tasks set priority = (p ->> 'priority')::priority,
          admission_policy_version = null where id = t.id;
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
  v_woken := promote(); -- the task's own are in the answer
  select coalesce(jsonb_agg(w), '[]') into v_woken from jsonb_array_elements(v_woken) w
  where (select task_id from runs where id = (w ->> 'run')::uuid) <> t.id;
  v_answer := verb_answer(t.id, v_error, t.blocked_step, v_resolution);
  insert into messages (task_id, message_id, answer) values (t.id, p ->> 'messageId',
    jsonb_build_object('error', v_error, 'resolved', v_answer -> 'resolved'));
  return jsonb_build_object('answer', v_answer, 'wake', v_woken);
end $$;
