-- What a reassignment leaves behind: rounds of reviews of their own size, and executions by whoever
-- had the task, even where the same agent gets it anew.

create function review_rounds(p_task uuid) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(size order by round), '[]') from (
    select round, count(*) as size from (
      select sum((r.seat = 0)::integer) over (order by r.number) as round from runs r
      where r.task_id = p_task and r.kind = 'REVIEW' and r.by_person is null) n
    group by round) s
$$;
--> statement-breakpoint
create or replace function read_for_begin(p_workflow_id text) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'record', (select jsonb_build_object('id', t.id, 'number', t.number, 'status', t.status,
        'registered', t.first_execution_run_id is not null, 'title', t.title,
        'priority', t.priority, 'assignee', t.assignee, 'reviewers', to_jsonb(t.reviewers),
        'rounds', review_rounds(t.id))
      from tasks t where t.workflow_id = p_workflow_id),
    'roster', (select jsonb_agg(jsonb_build_object('id', id, 'type', type, 'reviews', reviews) order by id)
               from agents),
    'repositories', (select coalesce(jsonb_agg(name order by name), '[]') from repositories),
    'policy', to_jsonb(policy_now('auto-approve')))
$$;
--> statement-breakpoint
create or replace function reassign_executor(t tasks, p jsonb) returns text language plpgsql as $$
declare v_new agents; v_resolution text; v_admitted boolean;
begin
  select * into v_new from agents where id = p ->> 'executor';
  update tasks set assignee = v_new.id, admission = null, admission_policy_version = null,
    rehearsed = rehearsed or v_new.backend = 'scripted' where id = t.id;
  perform cancel_queued(t.id, 'EXECUTION');
  if t.status = 'BLOCKED' then
    perform cancel_open(t.id); -- a review that runs would judge what is superseded
    update runs set superseded = true where task_id = t.id and kind = 'EXECUTION'
      and state = 'SUCCEEDED'; -- also of whoever gets it again: it is executed anew
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
