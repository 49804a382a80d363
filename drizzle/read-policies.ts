/** What a dry run of a policy asks of the records. Canaries are in none of it. */
import type { AgentType } from '../src/domain/agent.js';
import type { DayFigures, Told, WeekTask, WeekVerdict } from '../src/domain/hindsight.js';
import type { Priority } from '../src/domain/task.js';
import type { Database } from './db.js';

/** A task whose admission is not decided. */
export interface InboxTask {
  readonly id: string;
  readonly number: number;
  readonly priority: Priority;
  readonly agentId: string;
  readonly agentType: AgentType;
}

/** As a new version would find them: the first to be decided first. */
export async function readInboxTasks({ sql }: Database): Promise<InboxTask[]> {
  return sql<InboxTask[]>`
    select t.id, t.number, t.priority, a.id as "agentId", a.type as "agentType"
    from tasks t join agents a on a.id = t.assignee
    where t.status = 'INBOX' and t.ended_at is null and t.first_execution_run_id is not null
      and not t.canary and not was_rejected(t.id)
    order by t.priority desc, t.number`;
}

/** The tasks that were filed in the last seven days. */
export async function readWeekTasks({ sql }: Database): Promise<WeekTask[]> {
  return sql<WeekTask[]>`
    select t.priority, a.id as "agentId", a.type as "agentType", t.rehearsed,
      t.landing_cycles as "landingCycles",
      coalesce((select max(r.cycle) from runs r where r.task_id = t.id and r.kind = 'REVIEW'
        and r.state = 'SUCCEEDED' and r.verdict_kind in ('REVISION', 'REVISION+SPAWN')), 0)
        as "revisedIn"
    from tasks t join agents a on a.id = t.assignee
    where t.created_at > clock_timestamp() - interval '7 days' and not t.canary`;
}

/** Verdicts of the last seven days that asked for follow-ups, with the tree that each found. */
export async function readWeekVerdicts({ sql }: Database): Promise<WeekVerdict[]> {
  return sql<WeekVerdict[]>`
    select r.rehearsed, t.depth, r.verdict -> 'followUps' as "followUps",
      jsonb_array_length(r.spawned -> 'filed') as filed,
      (select coalesce(jsonb_agg(o.title order by o.number), '[]') from tasks o
       where o.root_id = t.root_id and o.origin_run_id is distinct from r.id
         and o.created_at <= coalesce(
           (select min(c.created_at) from tasks c where c.origin_run_id = r.id), r.ended_at)
      ) as titles
    from runs r join tasks t on t.id = r.task_id
    where r.spawned is not null and r.ended_at > clock_timestamp() - interval '7 days'
      and not t.canary`;
}

/** What figures of the limits would have met in the last seven days. */
export async function readLimitsInHindsight(
  { sql }: Database,
  figures: object,
): Promise<Told<DayFigures>> {
  const [row] = await sql<{ told: Told<DayFigures> }[]>`
    select limits_in_hindsight(${JSON.stringify(figures)}::jsonb) as told`;
  if (row === undefined) throw new Error('limits_in_hindsight returned no row');
  return row.told;
}

/** How many runs have a transcript although their task ended longer ago than so many days. */
export async function countKeptTranscripts({ sql }: Database, days: number): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from kept_transcripts(${days}::integer)`;
  return row?.count ?? 0;
}
