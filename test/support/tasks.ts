import type { WorkflowHandle } from '@temporalio/client';
import { vi } from 'vitest';
import type { TaskOutcome, TaskState, VerbAnswer } from '../../src/contract.js';
import type { BlockReason, TaskStatus, Verb } from '../../src/domain/task.js';
import type { House } from './house.js';

/** A run as its row says. */
export interface RunRow {
  readonly id: string;
  readonly kind: 'EXECUTION' | 'REVIEW';
  readonly number: number;
  readonly cycle: number;
  readonly agent_id: string | null;
  readonly by_person: string | null;
  readonly state: string;
  readonly attempt: number;
  readonly hold: string | null;
  readonly cause: string | null;
  readonly error: string | null;
  readonly superseded: boolean;
  readonly verdict_kind: string | null;
  readonly bytes_produced: number | null;
  readonly bytes_handed_over: number | null;
  readonly output_commit: string | null;
  readonly spawned: { filed: object[]; refused: { title: string; why: string }[] } | null;
}

export interface TaskRow {
  readonly id: string;
  readonly number: number;
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  readonly blocked_detail: string | null;
  readonly landed_ref: string | null;
  readonly landed_commit: string | null;
  readonly landing_withheld: string | null;
  readonly ended_by: string | null;
  readonly ended_reason: string | null;
}

/** A task that was filed as any Temporal client may file one. */
export interface Filed {
  readonly handle: WorkflowHandle;
  readonly workflowId: string;
  result(): Promise<TaskOutcome>;
  state(): Promise<TaskState>;
  timeline(): Promise<string[]>;
  /** As a person who wants the answer. */
  say(verb: Verb, message?: object): Promise<VerbAnswer>;
  /** Waits until the record says so. */
  until(status: TaskStatus, blocked?: BlockReason): Promise<TaskRow>;
  record(): Promise<TaskRow>;
  /** All runs, in the order they were opened. */
  runs(): Promise<RunRow[]>;
  /** `EXECUTION 1 SUCCEEDED`, … */
  told(): Promise<string[]>;
  /** What the agent of a run was told, as the record holds it. */
  instructions(kind: RunRow['kind'], number: number): Promise<string>;
}

/** Where a task may be filed: a house in this process, or a rig of processes. */
type Place = Pick<House, 'client' | 'database' | 'taskQueue'>;

let count = 0;

/** Files a task; what its agents do is a scenario in the description. */
export async function file(house: Place, script: object, input: object = {}): Promise<Filed> {
  const workflowId = `${house.taskQueue}/${++count}`;
  await house.client.workflow.start('task', {
    taskQueue: house.taskQueue,
    workflowId,
    args: [{ title: `Task ${count}`, description: scenario(script), ...input }],
    workflowTaskTimeout: '5s',
  });
  return filed(house, workflowId);
}

/** A task by the id of its workflow, whoever started it. */
export function filed(house: Place, workflowId: string): Filed {
  const { sql } = house.database;
  const handle = house.client.workflow.getHandle(workflowId);
  const runs = () => sql<RunRow[]>`
    select r.* from runs r join tasks t on t.id = r.task_id
    where t.workflow_id = ${workflowId} order by r.place`;
  const record = async () => {
    const [row] = await sql<TaskRow[]>`select * from tasks where workflow_id = ${workflowId}`;
    if (row === undefined) throw new Error(`${workflowId} has no record`);
    return row;
  };
  return {
    handle,
    workflowId,
    result: () => handle.result() as Promise<TaskOutcome>,
    state: () => handle.query('state'),
    timeline: () => handle.query('timeline'),
    say: (verb, message) =>
      handle.executeUpdate(verb, { args: [{ by: 'person:ann', ...message }] }) as never,
    until: (status, blocked) =>
      eventually(async () => {
        const row = await record();
        if (row.status === status && (blocked === undefined || row.blocked === blocked)) return row;
        throw new Error(`${row.status} (${row.blocked}: ${row.blocked_detail}), not ${status}`);
      }),
    record,
    runs,
    told: async () => (await runs()).map(({ kind, number, state }) => `${kind} ${number} ${state}`),
    async instructions(kind, number) {
      const [row] = await sql<{ text: string | null }[]>`
        select stored_text(r.instructions_sha) as text from runs r join tasks t on t.id = r.task_id
        where t.workflow_id = ${workflowId} and r.kind = ${kind} and r.number = ${number}`;
      if (!row?.text) throw new Error(`${kind} ${number} has no stored instructions`);
      return row.text;
    },
  };
}

export const scenario = (script: object) =>
  `Do it.\n\n\`\`\`scenario\n${JSON.stringify(script)}\n\`\`\`\n`;

/** Repeats until it throws no more. */
export const eventually = <T>(look: () => Promise<T>, timeout = 20_000): Promise<T> =>
  vi.waitFor(look, { timeout, interval: 25 });

/** The same as the task's own, for what takes its time: after an outage, or behind many others. */
export const until = (task: Filed, status: TaskStatus, blocked?: BlockReason): Promise<TaskRow> =>
  eventually(() => task.until(status, blocked), 120_000);

// ── Parts of scenarios ──────────────────────────────────────────────────────────────────────────

export const execution = (report: string, more: object = {}) => ({
  turns: [{ files: { 'work.txt': `${report}\n` } }],
  report,
  ...more,
});

export const approved = { verdict: { verdict: 'APPROVED', summary: 'Good' } };

export const revision = (...issues: string[]) => ({
  verdict: {
    verdict: 'REVISION',
    summary: issues.join('; '),
    issues: issues.map((text) => ({ severity: 'blocking', text })),
  },
});
