/** Named reads of single runs and their texts. */

import type { AgentType, BackendKind } from '../src/domain/agent.js';
import type { RunKind, RunState } from '../src/domain/run.js';
import type { Verdict, VerdictKind } from '../src/domain/verdict.js';
import type { Database } from './db.js';

/** An execution that has succeeded. */
export interface ExecutionRow {
  readonly number: number;
  readonly cycle: number;
  readonly superseded: boolean;
  readonly rehearsed: boolean;
  readonly commit: string | null;
  readonly diffSha: string | null;
  readonly repositoryId: string | null;
  /** It is the one that the last verdict is about. */
  readonly reviewed: boolean;
}

export async function readExecutions({ sql }: Database, taskId: string): Promise<ExecutionRow[]> {
  return sql<ExecutionRow[]>`
    select r.number, r.cycle, r.superseded, r.rehearsed, r.output_commit as commit,
      r.diff_sha as "diffSha", t.repository_id as "repositoryId",
      r.id is not distinct from (select v.reviewed_run_id from runs v
        where v.task_id = t.id and v.kind = 'REVIEW' and v.verdict is not null
        order by v.number desc limit 1) as reviewed
    from runs r join tasks t on t.id = r.task_id
    where t.id = ${taskId}::uuid and r.kind = 'EXECUTION' and r.state = 'SUCCEEDED'
    order by r.number`;
}

/** A stored text, whole; empty where there is none. */
export async function readText({ sql }: Database, sha: string | null): Promise<string> {
  const [row] = await sql<{ text: string | null }[]>`select stored_text(${sha}) as text`;
  return row?.text ?? '';
}

/** How one try of a run went. */
export interface AttemptRow {
  readonly number: number;
  readonly worker: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** `succeeded`, `failed`, `requeued`, `lost`, …; null while it works. */
  readonly end: string | null;
  /** Turns that a checkpoint was stored after. */
  readonly turn: number | null;
}

/** Everything that is recorded of a run, its texts whole. */
export interface RunRecord {
  readonly id: string;
  readonly taskId: string;
  readonly taskNumber: number;
  readonly title: string;
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  readonly state: RunState;
  readonly agent: { readonly id: string; readonly name: string; readonly type: AgentType } | null;
  readonly byPerson: string | null;
  readonly byChecks: boolean;
  readonly backend: BackendKind | null;
  readonly model: string | null;
  /** The program as it is connected now; a run keeps no copy of it. */
  readonly program: { readonly preset: string; readonly file: string } | null;
  /** The version of its role's instructions that it is pinned to. */
  readonly roleVersion: number | null;
  readonly sandbox: string | null;
  readonly superseded: boolean;
  readonly rehearsed: boolean;
  readonly queuedAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly waitedMs: number;
  readonly attempts: readonly AttemptRow[];
  readonly workTokens: number;
  readonly cacheReadTokens: number;
  /** US dollars, as the agents' programs told; null where none did. */
  readonly costUsd: number | null;
  readonly question: string | null;
  readonly answers: readonly { question: string; answer: string; by: string }[];
  readonly cause: string | null;
  readonly error: string | null;
  readonly summary: string | null;
  readonly verdict: Verdict | null;
  readonly verdictKind: VerdictKind | null;
  readonly commit: string | null;
  /** The execution that a review looked at. */
  readonly reviewed: number | null;
  readonly bytesProduced: number | null;
  readonly bytesHandedOver: number | null;
  readonly instructions: string | null;
  readonly report: string | null;
  readonly diff: string | null;
  readonly commands: string | null;
}

/** The run of this id. */
export async function readRun({ sql }: Database, id: string): Promise<RunRecord | null> {
  const [found] = await sql<{ row: RunRecord }[]>`
    select jsonb_build_object('id', r.id, 'taskId', t.id, 'taskNumber', t.number,
      'title', t.title, 'kind', r.kind, 'number', r.number, 'cycle', r.cycle, 'state', r.state,
      'agent', case when a.id is not null then
        jsonb_build_object('id', a.id, 'name', a.name, 'type', a.type) end,
      'byPerson', r.by_person, 'byChecks', coalesce(to_jsonb(r) -> 'by_checks', 'false'),
      'backend', a.backend, 'model', a.model, 'program', case when a.backend = 'command' then
        jsonb_build_object('preset', a.program -> 'preset', 'file', a.program -> 'file') end,
      'roleVersion', to_jsonb(r) -> 'role_version', 'sandbox', to_jsonb(r) -> 'sandbox')
    || jsonb_build_object('superseded', r.superseded, 'rehearsed', r.rehearsed,
      'queuedAt', r.queued_at, 'startedAt', r.started_at, 'endedAt', r.ended_at,
      'waitedMs', r.waited_ms, 'attempts', (select coalesce(jsonb_agg(jsonb_build_object(
        'number', e.number, 'worker', e.worker, 'startedAt', e.started_at, 'endedAt', e.ended_at,
        'end', e."end", 'turn', e.checkpoint -> 'turn') order by e.number), '[]')
        from attempts e where e.run_id = r.id),
      'workTokens', r.work_tokens, 'cacheReadTokens', r.cache_read_tokens, 'costUsd', (
        select sum((e.event ->> 'costUsd')::float) from run_events e
        where e.run_id = r.id and e.event ->> 'kind' = 'usage'),
      'question', r.question, 'answers', r.answers, 'cause', r.cause, 'error', r.error,
      'summary', r.summary, 'verdict', r.verdict, 'verdictKind', r.verdict_kind,
      'commit', coalesce(r.output_commit, r.reviewed_commit),
      'reviewed', (select number from runs x where x.id = r.reviewed_run_id),
      'bytesProduced', r.bytes_produced, 'bytesHandedOver', r.bytes_handed_over,
      'instructions', stored_text(r.instructions_sha), 'report', stored_text(r.report_sha),
      'diff', stored_text(r.diff_sha), 'commands', stored_text(r.commands_sha)) as row
    from runs r join tasks t on t.id = r.task_id left join agents a on a.id = r.agent_id
    where r.id = ${id}::uuid and not t.canary`;
  return found?.row ?? null;
}
