import type { RunKind } from '../src/domain/run.js';
import type { Database } from './db.js';

/** A run that holds a slot. */
export interface ActiveRun {
  readonly id: string;
  readonly workflowId: string;
  readonly task: number;
  readonly kind: RunKind;
  readonly number: number;
  readonly agent: string;
  /** Whether its last attempt has not ended, as far as the record knows. */
  readonly attempted: boolean;
  /** Seconds since that attempt began, or since the run got its slot. */
  readonly seconds: number;
}

/** Runs that hold a slot, longest first. */
export async function readActiveRuns({ sql }: Database): Promise<ActiveRun[]> {
  return sql<ActiveRun[]>`
    select r.id, t.workflow_id as "workflowId", t.number as task, r.kind, r.number,
      coalesce(r.agent_id, 'checks') as agent, a.number is not null as attempted,
      extract(epoch from clock_timestamp() - coalesce(a.started_at, r.admitted_at))::float
        as seconds
    from runs r join tasks t on t.id = r.task_id
    left join attempts a on a.run_id = r.id and a.number = r.attempt and a.ended_at is null
    where r.state in ('ADMITTED', 'RUNNING') order by seconds desc`;
}
