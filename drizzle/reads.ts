/** Named reads of tasks: what every door shows. Each is one statement. */
import type { AdmissionRule } from '../src/domain/admission.js';
import type { RunKind, RunState } from '../src/domain/run.js';
import type { BlockReason, Priority, TaskStatus, WaitReason } from '../src/domain/task.js';
import type { VerdictKind } from '../src/domain/verdict.js';
import type { Database } from './db.js';

/** What `run_wait` says of a run that stands in line. */
export interface RunWait {
  readonly reason: WaitReason;
  readonly rule: string | null;
  readonly value: string | null;
  readonly since: string;
  readonly place: { readonly position: number; readonly of: number } | null;
  readonly detail: string | null;
  readonly policyVersion: number;
  readonly agent: string | null;
  /** What the rule's figure has to be for this run to go. */
  readonly enough: number | null;
}

/** What a pull request says of itself. */
interface PullRequestSaid {
  readonly number: number | null;
  readonly url: string | null;
  readonly state: 'opening' | 'open' | 'closed' | 'merged';
  readonly detail: string | null;
  /** What keeps it from being looked at. */
  readonly trouble: { readonly kind: string; readonly says: string; readonly since: string } | null;
}

/** A task as lists show it. Times are ISO text. */
export interface TaskRow {
  readonly id: string;
  readonly number: number;
  readonly workflowId: string;
  readonly title: string;
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  readonly blockedDetail: string | null;
  readonly paused: boolean;
  readonly priority: Priority;
  readonly assignee: string;
  readonly reviewers: readonly string[];
  readonly repository: string | null;
  readonly owner: string;
  readonly door: string;
  readonly cycles: number;
  readonly rehearsed: boolean;
  /** False while it is filed and no workflow has taken it. */
  readonly started: boolean;
  readonly admission: { readonly kind: string; readonly by?: string; readonly reason: string };
  readonly admissionRule: AdmissionRule | null;
  readonly queued: readonly RunWait[];
  /** Runs that hold a slot. */
  readonly active: number;
  /** What the checks of its result are doing, while they run. */
  readonly doing: string | null;
  /** Since when a run has its slot and no worker has taken it; null when none has waited long. */
  readonly granted: string | null;
  /** Tasks that land in the same repository before this one. */
  readonly landingsAhead: number;
  readonly pullRequest: PullRequestSaid | null;
  readonly workTokens: number;
  readonly createdAt: string;
  readonly statusSince: string;
  readonly endedAt: string | null;
}

export interface RunRow {
  readonly id: string;
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  readonly agent: string | null;
  readonly agentName: string;
  readonly byPerson: string | null;
  /** By the machine's own checks. */
  readonly byChecks: boolean;
  /** What checks that run are doing. */
  readonly doing: string | null;
  readonly state: RunState;
  readonly summary: string | null;
  readonly verdict: VerdictKind | null;
  readonly superseded: boolean;
  readonly rehearsed: boolean;
  /** What its program was run in; null where none was. */
  readonly sandbox: string | null;
  readonly roleVersion: number | null;
  readonly question: string | null;
  readonly cause: string | null;
  readonly attempt: number;
  readonly workTokens: number;
  readonly cacheReadTokens: number;
  readonly queuedAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly bytesProduced: number | null;
  readonly bytesHandedOver: number | null;
  readonly outputCommit: string | null;
  readonly spawned: {
    readonly filed: readonly { readonly number: number; readonly title: string }[];
    readonly refused: readonly { readonly title: string; readonly why: string }[];
    /** What was filed differently than asked, and why. */
    readonly notes?: readonly { readonly title: string; readonly note: string }[];
  } | null;
}

/** Everything about one task but its large texts. */
export interface TaskRecord extends TaskRow {
  readonly description: string;
  readonly acceptance: readonly string[];
  readonly parent: number | null;
  readonly children: readonly {
    readonly number: number;
    readonly title: string;
    readonly status: TaskStatus;
  }[];
  readonly runs: readonly RunRow[];
  readonly guidance: readonly { readonly by: string; readonly text: string }[];
  readonly decisions: readonly {
    readonly question: string;
    readonly decision: string;
    readonly by: string;
    readonly door: string;
    readonly reason: string;
    readonly at: string;
  }[];
  readonly landing: {
    readonly ref: string | null;
    readonly commit: string | null;
    readonly withheld: string | null;
    readonly summary: string;
  } | null;
  readonly endedBy: string | null;
  readonly endedReason: string | null;
}

export interface TaskFilter {
  readonly statuses?: readonly TaskStatus[] | undefined;
  readonly assignee?: string | undefined;
  readonly owner?: string | undefined;
  /** Only what has not ended and does not go on by itself right now. */
  readonly waiting?: boolean | undefined;
  /** Only what waits for a person's decision; false: only what does not. */
  readonly forPerson?: boolean | undefined;
  /** Tasks with a lower number than this. */
  readonly before?: number | undefined;
  readonly limit: number;
}

const rowOf = (database: Database) => database.sql`jsonb_build_object(
  'id', t.id, 'number', t.number, 'workflowId', t.workflow_id, 'title', t.title,
  'status', t.status, 'blocked', t.blocked, 'blockedDetail', t.blocked_detail, 'paused', t.paused,
  'priority', t.priority, 'assignee', t.assignee, 'reviewers', to_jsonb(t.reviewers),
  'repository', (select name from repositories where id = t.repository_id),
  'owner', t.owner, 'door', t.door, 'cycles', t.cycles, 'rehearsed', t.rehearsed,
  'started', t.first_execution_run_id is not null, 'admission', admission_json(t),
  'admissionRule', t.admission ->> 'rule',
  'queued', (select coalesce(jsonb_agg(run_wait(r) order by r.kind, r.number), '[]') from runs r
             where r.task_id = t.id and r.state = 'QUEUED' and r.hold is null),
  'active', (select count(*) from runs r
             where r.task_id = t.id and r.state in ('ADMITTED', 'RUNNING')),
  'doing', (select ${doingOf(database)} from runs r where r.task_id = t.id and r.by_checks
            and r.state = 'RUNNING' limit 1),
  'granted', (select min(r.admitted_at) from runs r where r.task_id = t.id
              and r.state = 'ADMITTED'
              and r.admitted_at < clock_timestamp() - interval '3 seconds'),
  'landingsAhead', (select count(*) from tasks o where t.status = 'LANDING' and o.status = 'LANDING'
                    and o.repository_id = t.repository_id and o.status_since < t.status_since
                    and not exists (select 1 from pull_requests where task_id in (o.id, t.id))),
  'pullRequest', (select jsonb_build_object('number', q.number, 'url', q.url, 'state', q.state,
      'detail', q.detail, 'trouble', q.trouble)
    from pull_requests q where q.task_id = t.id),
  'workTokens', (select coalesce(sum(r.work_tokens), 0) from runs r where r.task_id = t.id),
  'createdAt', t.created_at, 'statusSince', t.status_since, 'endedAt', t.ended_at)`;

/** Newest first. */
export async function listTasks(database: Database, filter: TaskFilter): Promise<TaskRow[]> {
  const rows = await database.sql<{ row: TaskRow }[]>`
    select ${rowOf(database)} as row from tasks t where ${chosen(database, filter)}
    order by t.number desc limit ${filter.limit}`;
  return rows.map(({ row }) => row);
}

export type TaskChoice = Omit<TaskFilter, 'limit'>;

export async function countTasks(database: Database, choice: TaskChoice): Promise<number> {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::integer as count from tasks t where ${chosen(database, choice)}`;
  return row?.count ?? 0;
}

function chosen({ sql }: Database, choice: TaskChoice) {
  const { statuses, assignee, owner, waiting, forPerson, before } = choice;
  const asksPerson = sql`(t.status = 'BLOCKED' or t.status = 'INBOX'
    and t.first_execution_run_id is not null)`;
  return sql`not t.canary
    ${statuses?.length ? sql`and t.status::text in ${sql([...statuses])}` : sql``}
    ${assignee === undefined ? sql`` : sql`and t.assignee = ${assignee}`}
    ${owner === undefined ? sql`` : sql`and t.owner = ${owner}`}
    ${before === undefined ? sql`` : sql`and t.number < ${before}`}
    ${
      waiting
        ? sql`and t.ended_at is null and (t.status in ('INBOX', 'BLOCKED') or t.paused
      or t.status = 'LANDING' and exists (select 1 from pull_requests where task_id = t.id)
      or exists (select 1 from runs r where r.task_id = t.id and r.state = 'QUEUED'))`
        : sql``
    }
    ${forPerson === undefined ? sql`` : sql`and ${asksPerson} = ${forPerson}`}`;
}

/** The task of this number or uuid; null when there is none. */
export async function findTask(
  database: Database,
  by: { readonly number: number } | { readonly id: string },
): Promise<TaskRow | null> {
  const { sql } = database;
  const which = 'number' in by ? sql`t.number = ${by.number}` : sql`t.id = ${by.id}::uuid`;
  const [found] = await sql<{ row: TaskRow }[]>`
    select ${rowOf(database)} as row from tasks t where ${which}`;
  return found?.row ?? null;
}

/** What the checks `r` told last, while they run. */
const doingOf = ({ sql }: Database) => sql`case when r.by_checks and r.state = 'RUNNING' then (
  select e.event ->> 'text' from run_events e where e.run_id = r.id
    and e.event ->> 'kind' = 'text' order by e.id desc limit 1) end`;

const runRows = (database: Database) => database.sql`(
  select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind, 'number', r.number,
    'cycle', r.cycle, 'agent', r.agent_id,
    'agentName', coalesce((select name from agents where id = r.agent_id), r.by_person,
                          case when r.by_checks then 'checks' end, '(nobody yet)'),
    'byPerson', r.by_person, 'byChecks', r.by_checks, 'state', r.state,
    'summary', coalesce(r.summary, r.error), 'verdict', r.verdict_kind,
    'superseded', r.superseded, 'rehearsed', r.rehearsed,
    'sandbox', r.sandbox, 'roleVersion', r.role_version,
    'question', r.question, 'cause', r.cause, 'attempt', r.attempt, 'workTokens', r.work_tokens,
    'cacheReadTokens', r.cache_read_tokens, 'queuedAt', r.queued_at, 'startedAt', r.started_at,
    'endedAt', r.ended_at, 'bytesProduced', r.bytes_produced,
    'bytesHandedOver', r.bytes_handed_over, 'outputCommit', r.output_commit,
    'doing', ${doingOf(database)},
    'spawned', r.spawned) order by r.cycle, r.kind, r.number), '[]')
  from runs r where r.task_id = t.id)`;

/** One task whole. */
export async function readTask(database: Database, id: string): Promise<TaskRecord> {
  const { sql } = database;
  const [found] = await sql<{ row: TaskRecord }[]>`
    select ${rowOf(database)} || jsonb_build_object(
      'description', t.description, 'acceptance', t.acceptance,
      'parent', (select number from tasks where id = t.parent_id),
      'children', (select coalesce(jsonb_agg(jsonb_build_object('number', c.number,
        'title', c.title, 'status', c.status) order by c.number), '[]')
        from tasks c where c.parent_id = t.id),
      'runs', ${runRows(database)},
      'guidance', (select coalesce(jsonb_agg(jsonb_build_object('by', g.by, 'text', g.text)
        order by g.id), '[]') from guidance g where g.task_id = t.id),
      'decisions', (select coalesce(jsonb_agg(jsonb_build_object('question', d.question,
        'decision', d.decision, 'by', d.by, 'door', d.door, 'reason', d.reason, 'at', d.at)
        order by d.at), '[]') from decisions d where d.task_id = t.id),
      'landing', (select jsonb_build_object('ref', t.landed_ref, 'commit', t.landed_commit,
        'withheld', t.landing_withheld, 'summary', l.detail ->> 'summary')
        from landings l where l.task_id = t.id order by l.number desc limit 1),
      'endedBy', t.ended_by, 'endedReason', t.ended_reason) as row
    from tasks t where t.id = ${id}::uuid`;
  if (found === undefined) throw new Error(`task ${id} has no row`);
  return found.row;
}

/**
 * `mark` changes whenever something of the task does that a person would see; `told` whenever a run
 * of it has told more.
 */
export async function readPulse(database: Database, id: string) {
  const [row] = await database.sql<{ mark: string; told: string }[]>`
    select concat_ws(' ', t.updated_at, t.paused, t.priority, t.assignee, t.admission,
      t.first_execution_run_id is null and t.created_at < clock_timestamp() - interval '5 seconds',
      t.first_execution_run_id is null,
      (select string_agg(concat(r.kind, r.number, r.state, r.attempt, run_wait(r) ->> 'reason'), ','
         order by r.id) from runs r where r.task_id = t.id),
      (select concat(q.url, q.state, q.detail, q.trouble ->> 'says') from pull_requests q
        where q.task_id = t.id)) as mark,
      (select concat_ws(' ', sum(last.id), count(*)) from runs r cross join lateral (
         select e.id from run_events e where e.run_id = r.id order by e.id desc limit 1) last
       where r.task_id = t.id) as told
    from tasks t where t.id = ${id}::uuid`;
  return row ?? { mark: '', told: '' };
}
