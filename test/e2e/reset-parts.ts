import type { House } from '../support/house.js';
import type { Filed } from '../support/tasks.js';

/** The last turn of a run that was stored; null: none. */
export async function turnIn(house: House, task: Filed, kind: string, number = 1) {
  const [row] = await house.database.sql<{ turn: number | null }[]>`
    select max((a.checkpoint ->> 'turn')::integer) as turn from attempts a
    join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
    where t.workflow_id = ${task.workflowId} and r.kind = ${kind}
      and r.number = ${number}`;
  return row?.turn ?? null;
}

export const hangs = { faults: { hangAtTurn: 2, onlyAttempt: 1 } };
export const twoTurns = { turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }] };
export const failing = { report: 'none', faults: { fail: { turn: 1, message: 'no' } } };
export const garbage = { faults: { garbageVerdict: 'fine' } };

export const reviews = (...numbers: number[]) => numbers.map((n) => `REVIEW ${n} SUCCEEDED`);
