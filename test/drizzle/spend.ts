import type { Stage } from './stage.js';

/** What the day's spend says otherwise than the runs it is derived from: must be no row. */
export const wrongSpend = ({ sql }: Stage) => sql`
  with told as (
    select day, agent_id, count(*) filter (where charged) as runs, sum(work_tokens) as work_tokens
    from runs where day is not null and agent_id is not null group by day, agent_id
  )
  select coalesce(s.agent_id, t.agent_id) || ' on ' || coalesce(s.day, t.day) as breach
  from spend s full join told t using (day, agent_id)
  where coalesce(s.runs, 0) <> coalesce(t.runs, 0)
    or coalesce(s.work_tokens, 0) <> coalesce(t.work_tokens, 0)`;
