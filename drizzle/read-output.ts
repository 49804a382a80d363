/** Named reads of what runs told and made. */
import { eq } from 'drizzle-orm';
import type { TaskId } from '../src/domain/ids.js';
import type { RunKind, RunName } from '../src/domain/run.js';
import type { Database } from './db.js';
import { contents, deliverables } from './schema.js';

/** One thing that a run told. */
export interface LogEvent {
  readonly id: number;
  readonly run: string;
  readonly kind: RunKind;
  readonly number: number;
  readonly agent: string;
  readonly attempt: number;
  readonly at: string;
  readonly event: { readonly kind: string; readonly [field: string]: unknown };
}

/** The id of the last event that was read of each run: ids are in order within a run only. */
export type Cursors = Readonly<Record<string, number>>;

/** What the task's runs, or one of them, have told after those events, oldest first. */
export async function readEvents(
  database: Database,
  taskId: string,
  after: Cursors,
  run: RunName | null,
): Promise<LogEvent[]> {
  const { sql } = database;
  const one = run === null ? sql`` : sql`and r.kind = ${run.kind} and r.number = ${run.number}`;
  const rows = await sql<{ row: LogEvent }[]>`
    select jsonb_build_object('id', e.id, 'run', r.id, 'kind', r.kind, 'number', r.number,
      'agent', coalesce(a.name, r.by_person, 'checks'), 'attempt', e.attempt, 'at', e.at,
      'event', e.event) as row
    from runs r left join agents a on a.id = r.agent_id cross join lateral (
      select * from run_events e where e.run_id = r.id
        and e.id > coalesce((${JSON.stringify(after)}::jsonb ->> r.id::text)::bigint, 0)
      order by e.id limit 1000) e
    where r.task_id = ${taskId}::uuid ${one} order by e.id limit 1000`;
  return rows.map(({ row }) => row);
}

/** The texts of the last successful execution, whole. */
export interface WorkTexts {
  readonly number: number;
  readonly report: string;
  readonly diff: string;
  readonly commands: string;
}

export async function readWork(database: Database, taskId: string): Promise<WorkTexts | null> {
  const [row] = await database.sql<WorkTexts[]>`
    select number, coalesce(stored_text(report_sha), '') as report,
      coalesce(stored_text(diff_sha), '') as diff,
      coalesce(stored_text(commands_sha), '') as commands
    from runs where task_id = ${taskId}::uuid and kind = 'EXECUTION' and state = 'SUCCEEDED'
      and not superseded order by number desc limit 1`;
  return row ?? null;
}

/** The files of a task without a repository, as they were accepted. */
export async function readDeliverable({ db }: Database, taskId: string) {
  const { path, mode } = deliverables;
  return db
    .select({ path, mode, body: contents.body })
    .from(deliverables)
    .innerJoin(contents, eq(contents.sha256, deliverables.sha256))
    .where(eq(deliverables.taskId, taskId as TaskId))
    .orderBy(path);
}
