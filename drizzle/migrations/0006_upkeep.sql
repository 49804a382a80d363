-- What upkeep looks for in a pass. It makes nothing where there is nothing to do.

-- Filed and not started, for longer than the door that filed it needs to start it.
create function unstarted_tasks() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'workflowId', workflow_id, 'title', title,
    'priority', priority) order by number), '[]')
  from tasks where first_execution_run_id is null and ended_at is null
    and created_at < clock_timestamp() - interval '2 seconds'
$$;
--> statement-breakpoint
-- Admitted, yet nobody has started it: the grant may have been lost.
create function unheard_grants() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('run', r.id, 'workflowId', t.workflow_id)), '[]')
  from runs r join tasks t on t.id = r.task_id
  where r.state = 'ADMITTED' and r.admitted_at < clock_timestamp() - interval '7 seconds'
$$;
--> statement-breakpoint
-- Decided under a policy version or a roster that is no longer in force.
create function outdated_inbox() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(workflow_id), '[]') from tasks
  where status = 'INBOX' and first_execution_run_id is not null
    and admission_policy_version is distinct from (policy_now('auto-approve')).version
$$;
--> statement-breakpoint
create function open_task_of(p_workflow_id text) returns uuid language sql stable as $$
  select id from tasks where workflow_id = p_workflow_id and ended_at is null
    and first_execution_run_id is not null
$$;
--> statement-breakpoint
-- Ended tasks whose working copies and refs are still there.
create function unclean_tasks() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', id, 'repositoryId', repository_id)), '[]')
  from tasks where ended_at is not null and cleaned_at is null
$$;
--> statement-breakpoint
create function mark_cleaned(p_task uuid) returns void language sql as $$
  update tasks set cleaned_at = clock_timestamp() where id = p_task
$$;
--> statement-breakpoint
-- Which of these runs are being worked on, in which attempt: everything else may be removed.
create function live_attempts() returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('run', id, 'attempt', attempt)), '[]')
  from runs where state = 'RUNNING'
$$;
--> statement-breakpoint
-- What was told and kept between turns is let go when retention says so; reports, work, verdicts
-- and decisions stay for ever. Answers how many runs it was.
create function forget_transcripts() returns bigint language sql as $$
  with due as (
    select r.id from tasks t join runs r on r.task_id = t.id cross join policy_now('retention') p
    where p.enabled and t.ended_at < clock_timestamp()
      - make_interval(days => (p.value ->> 'transcriptDays')::integer)
  ), told as (
    delete from run_events where run_id in (select id from due) returning run_id
  ), kept as (
    update attempts set checkpoint = null
    where run_id in (select id from due) and checkpoint is not null returning run_id
  )
  select count(distinct run_id) from (select run_id from told union all select run_id from kept) f
$$;
