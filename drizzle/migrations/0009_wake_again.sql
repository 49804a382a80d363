-- A step that is repeated says its wake list again: whoever was killed between the commit and the
-- signals may have lost them, and those who were promoted would wait for upkeep.

-- Runs that were promoted since, and have not begun. One that is woken twice begins once.
create function wake_again(p_since timestamptz) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('run', r.id, 'workflowId', t.workflow_id)
    order by r.admitted_at), '[]')
  from runs r join tasks t on t.id = r.task_id
  where r.state = 'ADMITTED' and r.admitted_at >= p_since
$$;
--> statement-breakpoint
-- Hands out the attempt number. A run that is still queued goes back to wait; a closed one answers
-- with its end and its wake list; ten lost workers in a row without progress are too many.
create or replace function start_attempt(p_run uuid, p_worker text) returns jsonb
language plpgsql as $$
declare r runs; t tasks; v_checkpoint jsonb;
begin
  select * into t from tasks where id = (select task_id from runs where id = p_run) for update;
  select * into r from runs where id = p_run for update;
  if r.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') then
    return jsonb_build_object('kind', 'closed', 'end', run_end(r, null),
      'wake', wake_again(r.ended_at));
  end if;
  if r.state = 'QUEUED' then
    return jsonb_build_object('kind', 'queued', 'wait', run_wait(r) ->> 'reason',
      'standing', standing_json(t.id, null, null), 'wake', wake_again(r.queued_at));
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
-- Ends a task that did not land. Its open runs end with it; what it held goes to others.
create or replace function end_task(p jsonb) returns jsonb language plpgsql as $$
declare t tasks;
begin
  perform lock_line();
  select * into t from tasks where id = (p ->> 'task')::uuid for update;
  if is_terminal(t.status) then
    return jsonb_build_object('wake', wake_again(t.ended_at),
      'standing', standing_json(t.id, null, null));
  end if;
  perform set_status(t.id, (p ->> 'status')::task_status, null, null, null);
  update tasks set ended_by = p ->> 'by', ended_reason = p ->> 'reason' where id = t.id;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'task.' || lower(p ->> 'status'), t.id::text,
          jsonb_build_object('reason', p ->> 'reason'));
  return jsonb_build_object('wake', promote(), 'standing', standing_json(t.id, null, null));
end $$;
