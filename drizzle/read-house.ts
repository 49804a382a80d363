/** Named reads of the house: agents, policies, repositories, and the figures that status shows. */
import { desc, eq } from 'drizzle-orm';
import type { AgentType, BackendKind } from '../src/domain/agent.js';
import type { PolicyName, PolicyValues } from '../src/domain/policy.js';
import type { AgentProgram } from '../src/domain/program.js';
import type { Priority, TaskStatus, WaitReason } from '../src/domain/task.js';
import type { Database } from './db.js';
import { policies } from './schema.js';
import type { ToStart } from './steps.js';

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly type: AgentType;
  readonly backend: BackendKind;
  readonly model: string | null;
  /** What a `command` agent was connected with. */
  readonly program: AgentProgram | null;
  readonly instructions: string;
  readonly reviews: boolean;
  readonly enabled: boolean;
  readonly connectedAt: string | null;
  readonly pausedReason: string | null;
  /** The account that its program works on; `pausedUntil` is null while that may be used. */
  readonly credential: {
    readonly name: string;
    readonly pausedUntil: string | null;
    readonly why: string | null;
  } | null;
  readonly canWork: boolean;
  readonly running: number;
  readonly queued: number;
  readonly chargedToday: number;
  readonly dailyLimit: number;
}

export async function readAgents({ sql }: Database): Promise<AgentRow[]> {
  const rows = await sql<{ row: AgentRow }[]>`
    select jsonb_build_object('id', a.id, 'name', a.name, 'type', a.type, 'backend', a.backend,
      'model', a.model, 'program', a.program, 'instructions', a.instructions,
      'reviews', a.reviews, 'enabled', a.enabled,
      'connectedAt', a.connected_at, 'pausedReason', a.paused_reason, 'canWork', can_work(a),
      'credential', case when a.backend = 'command' and a.program is not null then
        jsonb_build_object('name', credential_of(a.program), 'pausedUntil', c.paused_until,
          'why', c.why) end,
      'running', slots_of(a.id),
      'queued', (select count(*) from runs where agent_id = a.id and state = 'QUEUED'),
      'chargedToday', charged_to(a.id, day_of(clock_timestamp())),
      'dailyLimit', daily_limit(policy_now('execution-limits'), a)) as row
    from agents a left join credentials c
      on c.name = credential_of(a.program) and c.paused_until > clock_timestamp()
    order by a.type, a.id`;
  return rows.map(({ row }) => row);
}

export interface PolicyRow<N extends PolicyName = PolicyName> {
  readonly name: N;
  readonly version: number;
  readonly enabled: boolean;
  readonly value: PolicyValues[N];
  readonly by: string;
  readonly door: string;
  readonly why: string;
  readonly createdAt: string;
}

/** The version of each policy that is in force. */
export async function readPolicies({ db }: Database): Promise<PolicyRow[]> {
  const rows = await db
    .selectDistinctOn([policies.name])
    .from(policies)
    .orderBy(policies.name, desc(policies.version));
  return rows.map(policyRow);
}

/** Every version of one policy, newest first. */
export async function readPolicyHistory({ db }: Database, name: string): Promise<PolicyRow[]> {
  const rows = await db
    .select()
    .from(policies)
    .where(eq(policies.name, name as PolicyName))
    .orderBy(desc(policies.version));
  return rows.map(policyRow);
}

const policyRow = (row: typeof policies.$inferSelect): PolicyRow => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
});

/** What is asked about the doors that may be locked. */
export interface HouseFacts {
  readonly postgresVersion: string;
  readonly squadPaused: boolean;
  readonly squadPausedBy: string | null;
  readonly squadPausedWhy: string | null;
  readonly rehearsing: boolean;
  /** Of agents that policy may admit, the last twenty: what it would say of them now is asked. */
  readonly lastTasks: readonly {
    readonly priority: Priority;
    readonly agentId: string;
    readonly agentType: AgentType;
    readonly inbox: boolean;
  }[];
  /** Filed for longer than starting takes, and no workflow has taken them. */
  readonly unstarted: number;
  readonly open: number;
  /** Of tasks that wait for theirs, and what keeps some from being looked at. */
  readonly pullRequests: {
    readonly waiting: number;
    readonly refused: string | null;
    readonly trouble: string | null;
  };
  readonly bound: { readonly cluster: string | null; readonly namespace: string | null };
}

export async function readHouse({ sql }: Database): Promise<HouseFacts> {
  const [found] = await sql<{ row: HouseFacts }[]>`
    select jsonb_build_object('postgresVersion', current_setting('server_version'),
      'squadPaused', i.squad_paused, 'squadPausedBy', i.squad_paused_by,
      'squadPausedWhy', squad_pause_why(),
      'rehearsing', rehearsing(),
      'lastTasks', (select coalesce(jsonb_agg(jsonb_build_object('priority', l.priority,
          'agentId', l.assignee, 'agentType', l.type, 'inbox', l.status = 'INBOX')), '[]')
        from (select t.priority, t.assignee, a.type, t.status from tasks t
              join agents a on a.id = t.assignee
              where a.type <> 'LEAD' and not t.canary
              order by t.number desc limit 20) l),
      'unstarted', (select count(*) from tasks where first_execution_run_id is null
        and ended_at is null and not canary
        and created_at < clock_timestamp() - interval '10 seconds'),
      'open', (select count(*) from tasks where ended_at is null and not canary),
      'pullRequests', (select jsonb_build_object('waiting', count(*),
          'refused', min(q.trouble ->> 'says') filter (where q.trouble ->> 'kind' = 'refused'),
          'trouble', min(q.trouble ->> 'says') filter (where q.trouble ->> 'kind' <> 'refused'))
        from pull_requests q join tasks t on t.id = q.task_id where t.status = 'LANDING'),
      'bound', jsonb_build_object('cluster', i.temporal_cluster,
        'namespace', i.temporal_namespace)) as row
    from installation i`;
  if (found === undefined) throw new Error('the installation has no row');
  return found.row;
}

/** A task that does not go on by itself, blocked ones apart, and what it waits for. */
export interface WaitRow {
  readonly number: number;
  readonly assignee: string;
  readonly reviewers: readonly string[];
  readonly reason: WaitReason;
  readonly rule: string | null;
  readonly detail: string | null;
  readonly enough: number | null;
}

/** So many of the oldest are asked what they wait for: each answer looks through the line. */
export const WAITS_READ = 200;

export async function readWaits({ sql }: Database): Promise<WaitRow[]> {
  return sql<WaitRow[]>`
    select t.number, t.assignee, to_jsonb(t.reviewers) as reviewers,
      w.reason, w.rule, w.detail, w.enough
    from (select * from tasks where ended_at is null and status <> 'BLOCKED' and not canary
            and first_execution_run_id is not null and (status = 'INBOX' or paused or exists (
              select 1 from runs where task_id = tasks.id and state = 'QUEUED' and hold is null)
              or status = 'LANDING' and exists (
                select 1 from pull_requests where task_id = tasks.id))
          order by number limit ${WAITS_READ}) t
    cross join lateral (
      select 'approval' as reason, null as rule, null as detail, null::float as enough
      where t.status = 'INBOX'
      union all
      select 'task-paused', null, null, null where t.paused and t.status <> 'INBOX'
        and not exists (select 1 from runs where task_id = t.id
          and state in ('QUEUED', 'ADMITTED', 'RUNNING'))
      union all
      select 'pull-request', null, coalesce(q.trouble ->> 'says', q.url), null
      from pull_requests q where q.task_id = t.id and t.status = 'LANDING' and not t.paused
      union all
      select j ->> 'reason', j ->> 'rule', j ->> 'detail', (j ->> 'enough')::float
      from (select run_wait(r) as j from runs r
            where r.task_id = t.id and r.state = 'QUEUED' and r.hold is null) q) w
    order by t.number`;
}

/** Open tasks, by the ids of their workflows: what `mission repair` looks through. */
export async function readOpenTasks({ sql }: Database) {
  return sql<(ToStart & { readonly number: number })[]>`
    select id, number, workflow_id as "workflowId", title, priority from tasks
    where ended_at is null and not canary order by number`;
}

/**
 * The honest figures of an installation, from its records alone. `tasks` is where all stand; what
 * follows is work that was done, in which nothing rehearsed counts.
 */
export interface Summary {
  readonly tasks: Readonly<Partial<Record<TaskStatus, number>>>;
  readonly rehearsedTasks: number;
  /** Records that are no work: no door files one, and this counts them. */
  readonly housekeepingRecords: number;
  /** By kind and outcome: `EXECUTION SUCCEEDED`, `REVIEW APPROVED`. */
  readonly runs: Readonly<Record<string, number>>;
  readonly cycles: number;
  readonly attempts: number;
  readonly workTokens: number;
  readonly waitedMs: { readonly approval: number; readonly line: number };
}

export async function readSummary({ sql }: Database): Promise<Summary> {
  const work = sql`select * from tasks where not canary and not rehearsed`;
  const worked = sql`
    select * from runs where not rehearsed and task_id in (select id from (${work}) t)`;
  const [found] = await sql<{ row: Summary }[]>`
    select jsonb_build_object(
      'tasks', (select coalesce(jsonb_object_agg(status, n), '{}')
        from (select status, count(*) as n from tasks where not canary group by status) s),
      'rehearsedTasks', (select count(*) from tasks where rehearsed and not canary),
      'housekeepingRecords', (select count(*) from tasks where owner like 'system:%'),
      'runs', (select coalesce(jsonb_object_agg(name, n), '{}') from (
        select concat_ws(' ', case when by_checks then 'CHECKS' else kind::text end,
            coalesce(verdict_kind::text, state::text)) as name,
          count(*) as n
        from (${worked}) w group by 1) r),
      'cycles', (select coalesce(sum(cycles), 0) from (${work}) t),
      'attempts', (select coalesce(sum(attempt), 0) from (${worked}) w),
      'workTokens', (select coalesce(sum(work_tokens), 0) from (${worked}) w),
      'waitedMs', jsonb_build_object(
        'approval', (select coalesce(round(sum(extract(epoch from
            coalesce(d.at, t.ended_at, clock_timestamp()) - t.created_at) * 1000)), 0)
          from (${work}) t left join decisions d on d.task_id = t.id
            and d.question = 'admission:' || t.assignee
          where (d.by is null and t.first_execution_run_id is not null or d.by like 'person:%')),
        'line', (select coalesce(sum(waited_ms + case when state = 'QUEUED' and hold is null
            then extract(epoch from clock_timestamp() - queued_at) * 1000 else 0 end), 0)::bigint
          from (${worked}) w))) as row`;
  if (found === undefined) throw new Error('the summary is no row');
  return found.row;
}
