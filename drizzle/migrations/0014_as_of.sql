-- What one step tells of a task may arrive after what a later one told. A number says which is the
-- later: taken while the task is held, so that it rises in the order of the steps.

create sequence telling;
--> statement-breakpoint
-- Where the task stands, with the runs of a list of specs.
create or replace function standing_json(p_task uuid, p_specs jsonb, p_step text) returns jsonb
language plpgsql as $$
begin
  return (
    select jsonb_build_object('asOf', nextval('telling'), 'status', t.status,
      'blocked', t.blocked, 'resolution', case
        when p_step is not null then (select decision from decisions
          where task_id = p_task and question = 'block:' || p_step) end,
      'runs', coalesce(s.every, '[]'), 'opened', coalesce(s.opened, '[]'))
    from tasks t cross join (
      select jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'agentName', coalesce(a.name, r.by_person, '(nobody yet)'),
          'state', r.state, 'summary', coalesce(r.summary, r.error, r.question),
          'verdict', r.verdict_kind, 'superseded', r.superseded, 'byPerson', r.by_person is not null)
          order by r.cycle, r.kind, r.number) as every,
        jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
          'cycle', r.cycle, 'seat', r.seat, 'state', r.state, 'agent', r.agent_id,
          'agentName', a.name, 'wait', case when r.state = 'QUEUED' then (
            select wait_reason(q, policy_now('execution-limits'), clock_timestamp(),
              day_of(clock_timestamp())) from runs q where q.id = r.id) end)
          order by r.kind, r.number) filter (where p_specs @> jsonb_build_array(
            jsonb_build_object('kind', r.kind, 'number', r.number))) as opened
      from runs r left join agents a on a.id = r.agent_id where r.task_id = p_task) s
    where t.id = p_task);
end $$;
--> statement-breakpoint
create or replace function verb_answer(p_task uuid, p_error text, p_step text, p_resolution text) returns jsonb
language sql as $$
  select jsonb_build_object('asOf', nextval('telling'), 'applied', p_error is null, 'error', p_error, 'status', t.status,
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
