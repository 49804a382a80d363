import type { Effect } from '../support/rig.js';
import { type Sent, SOURCE, type World } from './world.js';

interface Ended {
  readonly key: string | null;
  readonly number: number;
  readonly status: string;
  readonly ended: boolean;
  readonly children: number;
  readonly child: boolean;
  readonly landed: string | null;
}

interface AttemptRow {
  readonly run: string;
  readonly number: number;
  readonly turn: number | null;
}

/** Compares what was sent, and what agents really did, with the records and with git. */
export async function judge(world: World): Promise<string[]> {
  const { sql } = world.rig.database;
  const tasks = await sql<Ended[]>`
    select case source when ${SOURCE} then key end as key, number, status,
      ended_at is not null as ended, origin_run_id is not null as child, landed_commit as landed,
      (select count(*)::integer from tasks c where c.parent_id = t.id) as children
    from tasks t`;
  const attempts = await sql<AttemptRow[]>`
    select run_id as run, number, (checkpoint ->> 'turn')::integer as turn from attempts
    order by run_id, number`;
  return [
    ...everySentTask(world, tasks),
    ...nothingElse(world, tasks),
    ...turnsOnce(await world.rig.effects(), attempts),
    ...landedOnce(world, tasks),
    ...(await openWorkflows(world)),
  ];
}

/** Acknowledged exactly once, ended as its kind must, with its follow-ups. */
function everySentTask({ sent }: World, tasks: readonly Ended[]): string[] {
  return [...sent.values()].flatMap((one) => {
    const found = tasks.filter(({ key }) => key === one.key);
    if (found.length > 1) return [`${one.key} exists ${found.length} times`];
    const [task] = found;
    if (task === undefined) return one.acknowledged ? [`${one.key} is lost`] : [];
    return endsRight(one, task);
  });
}

function endsRight({ key, plan }: Sent, task: Ended): string[] {
  const name = `${key} (T-${task.number}, ${plan.kind})`;
  if (!task.ended) return [`${name} is stranded in ${task.status}`];
  if (task.status !== plan.ends) return [`${name} ended as ${task.status}, not ${plan.ends}`];
  if (task.status === 'DONE' && task.children !== plan.children) {
    return [`${name} has ${task.children} follow-ups, not ${plan.children}`];
  }
  return [];
}

/** No task that nobody sent, and no follow-up that has not ended. */
function nothingElse({ sent }: World, tasks: readonly Ended[]): string[] {
  return tasks.flatMap(({ key, number, status, child, ended }) => {
    if (key !== null && sent.has(key)) return [];
    if (!child) return [`T-${number} was sent by nobody`];
    return ended ? [] : [`T-${number}, a follow-up, is stranded in ${status}`];
  });
}

/**
 * An attempt performs its turns in order, once, and begins right after the last checkpoint that an
 * earlier attempt has stored: no stored turn is performed again, and none is left out.
 */
export function turnsOnce(effects: readonly Effect[], attempts: readonly AttemptRow[]): string[] {
  const performed = new Map<string, number[]>();
  for (const { run, attempt, turn } of effects) {
    const key = `${run} ${attempt}`;
    performed.set(key, [...(performed.get(key) ?? []), Number(turn)]);
  }
  const stored = new Map<string, number>();
  return attempts.flatMap(({ run, number, turn }) => {
    const key = `${run} ${number}`;
    const turns = performed.get(key) ?? [];
    performed.delete(key);
    const from = stored.get(run) ?? 0;
    stored.set(run, Math.max(from, turn ?? 0));
    const expected = turns.map((_, index) => from + 1 + index);
    const wrong = turns.join() !== expected.join();
    return wrong ? [`run ${run} attempt ${number} took turns ${turns} after turn ${from}`] : [];
  });
}

/** What is DONE in a repository stands in its target branch, by one commit. */
function landedOnce({ repository, sent }: World, tasks: readonly Ended[]): string[] {
  const subjects = repository.git('log', '--first-parent', '--format=%s', 'main').split('\n');
  const files = new Set(repository.git('ls-tree', '-r', '--name-only', 'main').split('\n'));
  return tasks.flatMap(({ key, number, status, landed }) => {
    const file = sent.get(key ?? '')?.plan.lands ?? null;
    if (file === null || status !== 'DONE') return [];
    const times = subjects.filter((subject) => subject.startsWith(`T-${number}: `)).length;
    if (landed === null || times !== 1) return [`T-${number} landed ${times} times`];
    return files.has(file) ? [] : [`T-${number} is DONE, and ${file} is not in main`];
  });
}

async function openWorkflows({ rig }: World): Promise<string[]> {
  const open: string[] = [];
  const query = `WorkflowType = 'task' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of rig.client.workflow.list({ query })) {
    const { status } = await rig.client.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING') open.push(`workflow ${workflowId} still runs`);
  }
  return open;
}
