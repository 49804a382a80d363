/** Named reads behind the locked doors: who set what, what a limit holds, which tasks stand. */
import type { Database } from './db.js';

/** A setting that is in force: a figure of a policy, a policy's switch, an agent's, the squad's. */
export interface Setting {
  /** `execution-limits.maxDailyPerAgent`, `auto-approve`, `agent writer`, `squad`. */
  readonly rule: string;
  readonly value: string;
  /** Who set this value, though others may have changed others since. */
  readonly by: string;
  /** ISO time. */
  readonly at: string;
}

export async function readSettings({ sql }: Database): Promise<Setting[]> {
  const rows = await sql<{ row: Setting }[]>`
    select jsonb_build_object('rule', rule, 'value', value, 'by', "by", 'at', at) as row from (
      select p.name || coalesce('.' || f.field, '') as rule, f.value #>> '{}' as value, s."by",
        s.created_at as at
      from (select distinct on (name) * from policies order by name, version desc) p
      cross join lateral (
        select null as field,
          to_jsonb(case when p.enabled then 'enabled' else 'disabled' end) as value
        union all select key, jsonb_each.value from jsonb_each(p.value)) f
      cross join lateral (
        select o."by", o.created_at from policies o where o.name = p.name
          and o.version > coalesce((select max(x.version) from policies x where x.name = p.name
            and case when f.field is null then x.enabled <> p.enabled
                else x.value -> f.field is distinct from f.value end), 0)
        order by o.version limit 1) s
      union all
      select distinct on (subject)
        case when subject = 'squad' then subject else 'agent ' || subject end,
        split_part(action, '.', 2) || 'd', principal, at
      from audit where subject in (select id from agents union all select 'squad')
        and action in ('agent.enable', 'agent.disable', 'agent.pause', 'squad.pause',
          'squad.resume')
      order by 1) set`;
  return rows.map(({ row }) => row);
}

/** What waits behind one figure of `execution-limits`; of one agent, or of the whole line. */
export interface Throttled {
  readonly agent: string | null;
  readonly field: string;
  readonly figure: number;
  /** Runs; of `maxDailyTokens` the tokens that they are estimated to need. */
  readonly waiting: number;
  readonly waitedMs: number | null;
  /** Runs that would wait here, were they not held at another door. */
  readonly behind: number;
  /** How long its runs take, of late; null where none has ended. */
  readonly typicalMs: number | null;
  /** The figure that lets them go. */
  readonly enough: number;
}

export async function readThrottled({ sql }: Database): Promise<Throttled[]> {
  return sql<Throttled[]>`
    select agent, field, figure::float, waiting::float, behind::float, enough::float,
      extract(epoch from waited)::float * 1000 as "waitedMs",
      extract(epoch from typical)::float * 1000 as "typicalMs"
    from throttled() order by waiting + behind desc`;
}

/** An open task that a worker should be at, and whose records have not moved for a while. */
export interface Suspect {
  readonly number: number;
  readonly workflowId: string;
  readonly status: string;
}

/** So many are asked of Temporal, those that have stood longest first. */
const SUSPECTS = 20;

export async function readSuspects({ sql }: Database): Promise<Suspect[]> {
  return sql<Suspect[]>`
    select t.number, t.workflow_id as "workflowId", t.status
    from tasks t cross join lateral (select clock_timestamp() - interval '20 s' as ago) now
    where t.ended_at is null and t.blocked is null and not t.canary and (
      t.first_execution_run_id is null and t.created_at < now.ago
      or t.status = 'LANDING' and t.status_since < now.ago and not t.paused
      or t.status in ('ASSIGNED', 'IN_PROGRESS', 'REVIEW') and t.updated_at < now.ago
         and not exists (select 1 from runs r where r.task_id = t.id
                         and r.state in ('QUEUED', 'ADMITTED', 'RUNNING'))
      or exists (select 1 from runs r where r.task_id = t.id and (r.attempt > 2
           and r.state = 'RUNNING' or r.state = 'ADMITTED' and r.admitted_at < now.ago)))
    order by t.updated_at limit ${SUSPECTS}`;
}

/** Open tasks that a workflow has taken and that have settled, by the ids of their workflows. */
export async function readTaken({ sql }: Database) {
  return sql<{ readonly number: number; readonly workflowId: string }[]>`
    select number, workflow_id as "workflowId" from tasks
    where ended_at is null and first_execution_run_id is not null and not canary
      and created_at < clock_timestamp() - interval '10 s'
    order by number`;
}

/** Those of these workflows that no record knows. */
export async function readUnknown({ sql }: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select asked.id from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) asked (id)
    where not exists (select 1 from tasks t where t.workflow_id = asked.id)`;
  return rows.map(({ id }) => id);
}
