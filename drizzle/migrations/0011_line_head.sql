-- The line is looked at with every close of a run: agents whom nobody waits for are passed over, and
-- it ends with the last run that waits.

-- The first in line of the whole squad: the day's tokens apart, it would go now. All null: nobody.
create or replace function line_head(p_limits policies, p_now timestamptz, p_today date) returns runs
language sql stable as $$
  select f.*
  from agents a
  cross join lateral first_in_line(a.id, p_now, charged_to(a.id, p_today) < daily_limit(p_limits, a)) f
  where exists (select 1 from runs q where q.agent_id = a.id and q.state = 'QUEUED')
    and f.id is not null and can_work(a)
    and slots_of(a.id) < limit_of(p_limits, 'maxConcurrentPerAgent')
  order by f.priority desc, f.place limit 1
$$;
--> statement-breakpoint
-- Promotes the highest-priority, oldest runs that fit and returns whom to wake:
-- [{run, workflowId}]. Touches run rows only.
create or replace function promote() returns jsonb language plpgsql as $$
declare
  v_limits policies; v_now timestamptz; v_today date; v_spent bigint; v_head runs;
  v_woken jsonb := '[]';
begin
  perform lock_line();
  v_now := clock_timestamp();
  v_limits := policy_now('execution-limits');
  if (select squad_paused from installation where id = 1) then return v_woken; end if;
  if not exists (select 1 from runs where state = 'QUEUED') then return v_woken; end if;
  perform seat_reviewers();
  v_today := day_of(v_now);
  v_spent := tokens_of(v_today);
  while exists (select 1 from runs where state = 'QUEUED') loop
    v_head := line_head(v_limits, v_now, v_today);
    exit when v_head.id is null;
    -- The first in line that does not fit is not overtaken by smaller ones.
    exit when v_spent + v_head.estimate > limit_of(v_limits, 'maxDailyTokens');
    update runs set
      state = 'ADMITTED', admitted_at = clock_timestamp(), day = coalesce(day, v_today), charged = true,
      waited_ms = least(waited_ms + extract(epoch from clock_timestamp() - queued_at) * 1000, 2147483647)
    where id = v_head.id;
    v_spent := v_spent + reserved_by(v_head);
    v_woken := v_woken || jsonb_build_object('run', v_head.id,
      'workflowId', (select workflow_id from tasks where id = v_head.task_id));
  end loop;
  return v_woken;
end $$;
