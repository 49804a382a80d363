import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { fileTask } from '../../drizzle/steps.js';
import { taskWorkflowId } from '../../src/contract.js';
import type { AgentId } from '../../src/domain/ids.js';
import type { Repository } from '../support/repository.js';
import { approved, eventually, revision, scenario } from '../support/tasks.js';
import type { Arena } from './arena.js';
import type { Trap } from './trap.js';

/** A task that was filed, and all that must have come of it in the end. */
export interface Expected {
  readonly title: string;
  /** null: whoever filed it knows no id, as of a follow-up. */
  readonly workflowId: string | null;
  /** How many turns each run takes, in the order in which the runs are opened. */
  readonly runs: Readonly<Record<string, number>>;
  /** The one file of the result: what each turn of each execution has added to it. */
  readonly file: string;
  readonly repository: Repository | null;
  /** How often a person has approved it. */
  readonly approvals: number;
}

/** Files tasks that pass a certain step, and sets the trap when the step is next. */
export type Story = (arena: Arena, trap: Trap) => Promise<Expected[]>;

interface Script {
  readonly executions: readonly { turns: object[]; report: string }[];
  readonly reviews: readonly object[];
}

let count = 0;

// ── Scripts: each turn of an execution adds a line to the task's file ───────────────────────────

const addLine = (file: string, execution: number, turn: number) =>
  `echo "execution ${execution} turn ${turn}" >> ${file}`;

function execution(file: string, number: number, turns: number, first: string[] = []) {
  return {
    turns: Array.from({ length: turns }, (_, index) => ({
      commands: [...(index === 0 ? first : []), addLine(file, number, index + 1)],
    })),
    report: `execution ${number} is done`,
  };
}

const reading = { turns: [{ say: 'reading' }] };

/** Two turns and an approval. */
const plainScript = (file: string, first: string[] = []): Script => ({
  executions: [execution(file, 1, 2, first)],
  reviews: [{ ...reading, ...approved }],
});

/** Revised once. */
const revisedScript = (file: string): Script => ({
  executions: [execution(file, 1, 2), execution(file, 2, 1)],
  reviews: [
    { ...reading, ...revision('Too short') },
    { ...reading, ...approved },
  ],
});

function runsOf({ executions, reviews }: Script): Record<string, number> {
  const cycles = executions.map(({ turns }, index) => [
    [`EXECUTION ${index + 1}`, turns.length],
    [`REVIEW ${index + 1}`, 1],
  ]);
  if (reviews.length !== executions.length) throw new Error('a script reviews each execution once');
  return Object.fromEntries(cycles.flat());
}

// ── Filing ──────────────────────────────────────────────────────────────────────────────────────

interface Asked {
  readonly script: (file: string) => Script;
  readonly assignee?: string;
  readonly repository?: Repository;
}

/** As any Temporal client files a task. */
async function file({ rig }: Arena, { script, assignee, repository }: Asked): Promise<Expected> {
  const title = `Task ${++count}`;
  const name = `task-${count}.txt`;
  const written = script(name);
  const workflowId = `matrix/${count}`;
  await rig.client.workflow.start('task', {
    taskQueue: rig.taskQueue,
    workflowId,
    args: [
      {
        title,
        description: scenario(written),
        ...(assignee === undefined ? {} : { assignee }),
        ...(repository === undefined ? {} : { repository: repository.name }),
      },
    ],
    workflowTaskTimeout: '5s',
  });
  const runs = runsOf(written);
  return { title, workflowId, runs, file: name, repository: repository ?? null, approvals: 0 };
}

const until = (arena: Arena, workflowId: string | null, condition: string) =>
  eventually(async () => {
    const rows = await arena.rig.database.sql<{ status: string; states: string[] }[]>`
      select t.status, array(select r.state::text from runs r where r.task_id = t.id) as states
      from tasks t where workflow_id = ${workflowId}`;
    const [row] = rows;
    if (row?.status === condition || row?.states.includes(condition)) return;
    throw new Error(`${workflowId} is not ${condition}: ${JSON.stringify(row)}`);
  });

/** One task. */
export const alone: Story = async (arena, trap) => {
  trap.set();
  return [await file(arena, { script: plainScript })];
};

/** Two tasks of one agent, who does one at a time. */
export const pair: Story = async (arena, trap) => {
  trap.set();
  return [await file(arena, { script: plainScript }), await file(arena, { script: plainScript })];
};

/** The first one ends no sooner than the second waits for it: its end promotes the second. */
export const contended: Story = async (arena, trap) => {
  const gate = join(arena.rig.home, `gate-${uuidv7()}`);
  const waiting = `while [ ! -e ${gate} ]; do sleep 0.02; done`;
  const first = await file(arena, { script: (name) => plainScript(name, [waiting]) });
  await until(arena, first.workflowId, 'RUNNING');
  const second = await file(arena, { script: plainScript });
  await until(arena, second.workflowId, 'QUEUED');
  trap.set();
  writeFileSync(gate, '');
  return [first, second];
};

/** A LEAD's task, which a person approves by a signal. */
export const approval: Story = async (arena, trap) => {
  const task = await file(arena, { script: plainScript, assignee: 'lead' });
  await until(arena, task.workflowId, 'INBOX');
  trap.set();
  const handle = arena.rig.client.workflow.getHandle(task.workflowId ?? '');
  await handle.signal('approve', { by: 'person:ann' });
  return [{ ...task, approvals: 1 }];
};

/** Sent back by its reviewer once. */
export const revised: Story = async (arena, trap) => {
  trap.set();
  return [await file(arena, { script: revisedScript })];
};

/** Its reviewer asks for a task of its own. */
export const spawning: Story = async (arena, trap) => {
  trap.set();
  const childFile = `child-${count + 1}.txt`;
  const child = plainScript(childFile);
  const title = `Follow-up of task ${count + 1}`;
  const followUp = { title, description: scenario(child) };
  const verdict = { verdict: 'SPAWN', summary: 'Good, and more is to be done', spawn: [followUp] };
  const script = (name: string) => ({
    ...plainScript(name),
    reviews: [{ ...reading, verdict }],
  });
  const parent = await file(arena, { script });
  const born = { ...parent, title, workflowId: null, runs: runsOf(child), file: childFile };
  return [parent, born];
};

/** Two agents whose work is merged into one branch of a person's repository. */
export const landing: Story = async (arena, trap) => {
  const repository = await arena.addRepository();
  trap.set();
  return [
    await file(arena, { script: plainScript, repository, assignee: 'implementer' }),
    await file(arena, { script: plainScript, repository, assignee: 'writer' }),
  ];
};

/** Filed in the record alone, as while Temporal is away: upkeep is to start it. */
export const unstarted: Story = async (arena, trap) => {
  const { database } = arena.rig;
  const id = uuidv7();
  const title = `Task ${++count}`;
  const name = `task-${count}.txt`;
  const script = plainScript(name);
  const workflowId = taskWorkflowId(id);
  await fileTask(database, {
    ...{ id, workflowId, door: 'cli' },
    request: {
      ...{ title, description: scenario(script), acceptance: [], priority: 'NORMAL' },
      ...{ assignee: 'implementer' as AgentId, reviewers: [], repository: null },
      ...{ owner: 'person:ann', source: null, key: null },
    },
  });
  trap.set();
  // Longer ago than the door that filed it would need to start it.
  await database.sql`
    update tasks set created_at = created_at - interval '1 minute' where id = ${id}::uuid`;
  const runs = runsOf(script);
  return [{ title, workflowId, runs, file: name, repository: null, approvals: 0 }];
};
