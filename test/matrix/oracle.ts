import { checkInvariants } from '../../drizzle/invariants.js';
import type { Arena } from './arena.js';
import type { Expected } from './stories.js';

/** A turn that a scripted agent has really performed, as its own log tells. */
export interface Turn {
  readonly run: string;
  readonly attempt: number;
  readonly kind: string;
  readonly number: number;
  readonly turn: number;
}

/** What is wrong, as a sentence. */
export type Finding = string;

interface TaskFound {
  readonly id: string;
  readonly label: string;
  readonly title: string;
  readonly workflowId: string;
  readonly status: string;
  readonly approvals: number;
  readonly runs: { id: string; name: string; state: string; attempt: number }[];
}

/** The tasks of a cell, follow-ups included, as the record has them. */
export async function findTasks({ rig }: Arena, cast: readonly Expected[]): Promise<TaskFound[]> {
  const filed = cast.flatMap(({ workflowId }) => workflowId ?? []);
  return rig.database.sql<TaskFound[]>`
    select t.id, 'T-' || t.number as label, t.title, t.workflow_id as "workflowId", t.status,
      (select count(*)::integer from audit where subject = t.id::text
        and action in ('task.approve', 'task.approve.refused')) as approvals,
      coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'state', r.state,
        'name', r.kind || ' ' || r.number, 'attempt', r.attempt) order by r.place)
        from runs r where r.task_id = t.id), '[]') as runs
    from tasks t where t.root_id in (select id from tasks 
      where ${JSON.stringify(filed)}::jsonb ? workflow_id)
    order by t.number`;
}

/** Compares what was filed with what was done, told, stored and landed. */
export async function judge(
  arena: Arena,
  cast: readonly Expected[],
  effects: readonly Turn[],
): Promise<Finding[]> {
  const found = await findTasks(arena, cast);
  const findings = [...compareTasks(cast, found), ...compareTurns(arena, cast, found, effects)];
  for (const task of cast) findings.push(...(await compareResult(arena, task, found)));
  for (const { number, holds, breach } of await checkInvariants(arena.rig.database)) {
    findings.push(`invariant ${number}, ${holds}: ${breach}`);
  }
  return findings;
}

/** Lost, duplicated, not done. */
function compareTasks(cast: readonly Expected[], found: readonly TaskFound[]): Finding[] {
  const findings: Finding[] = [];
  for (const { title, runs, approvals } of cast) {
    const same = found.filter((task) => task.title === title);
    if (same.length !== 1) findings.push(`${title}: there are ${same.length} of it, not 1`);
    for (const task of same) {
      const told = task.runs.map(({ name, state }) => `${name} ${state}`).join(', ');
      const wanted = Object.keys(runs).map((name) => `${name} SUCCEEDED`);
      if (task.status !== 'DONE') findings.push(`${title} is ${task.status}, not DONE`);
      if (task.approvals !== approvals) findings.push(`${title}: ${task.approvals} approvals`);
      if (told !== wanted.join(', ')) findings.push(`${title} has the runs ${told || 'none'}`);
    }
  }
  const strangers = found.filter(({ title }) => !cast.some((task) => task.title === title));
  return [...findings, ...strangers.map(({ title }) => `${title} was filed by nobody`)];
}

/** Every turn was performed; again only by an attempt that found no checkpoint of it. */
function compareTurns(
  { stored }: Arena,
  cast: readonly Expected[],
  found: readonly TaskFound[],
  effects: readonly Turn[],
): Finding[] {
  const names = new Map(
    found.flatMap(({ title, runs }) => runs.map(({ id, name }) => [id, `${title}, ${name}`])),
  );
  const performed = new Map<string, Turn[]>();
  const findings: Finding[] = [];
  for (const effect of effects) {
    const { run, kind, number, turn } = effect;
    const name = names.get(run);
    if (name === undefined || !name.endsWith(`${kind} ${number}`)) {
      findings.push(`${kind} ${number} turn ${turn} was performed for no run of these tasks`);
      continue;
    }
    const key = `${name} turn ${turn}`;
    performed.set(key, [...(performed.get(key) ?? []), effect]);
  }
  for (const [key, times] of performed) {
    const needless = times
      .slice(0, -1)
      .filter(({ run, turn, attempt }) =>
        stored.some((one) => one.run === run && one.turn === turn && one.attempt === attempt),
      );
    if (needless.length > 0) findings.push(`${key} was performed again after its checkpoint`);
    if (times.length > 2) findings.push(`${key} was performed ${times.length} times`);
  }
  const wanted = cast.flatMap(({ title, runs }) =>
    Object.entries(runs).flatMap(([name, turns]) =>
      Array.from({ length: turns }, (_, index) => `${title}, ${name} turn ${index + 1}`),
    ),
  );
  const missing = wanted.filter((key) => !performed.has(key));
  const extra = [...performed.keys()].filter((key) => !wanted.includes(key));
  findings.push(...missing.map((key) => `${key} was never performed`));
  return [...findings, ...extra.map((key) => `${key} was not asked for`)];
}

/** The result is there once, every line of it once. */
async function compareResult(
  { rig }: Arena,
  { title, file, runs, repository }: Expected,
  found: readonly TaskFound[],
): Promise<Finding[]> {
  const wanted = Object.entries(runs)
    .filter(([name]) => name.startsWith('EXECUTION'))
    .flatMap(([name, turns]) =>
      Array.from({ length: turns }, (_, index) => `${name.toLowerCase()} turn ${index + 1}\n`),
    )
    .join('');
  if (repository !== null) {
    const { git } = repository;
    const merges = git('log', '--first-parent', '--format=%s', 'main')
      .split('\n')
      .filter((subject) => subject.endsWith(`: ${title}`));
    const findings = merges.length === 1 ? [] : [`${title} was merged ${merges.length} times`];
    const landed = merges.length === 0 ? '' : `${git('show', `main:${file}`)}\n`;
    git('fsck', '--strict');
    return landed === wanted ? findings : [...findings, `${title} landed as ${landed}`];
  }
  const task = found.find((one) => one.title === title);
  const rows = await rig.database.sql<{ path: string; text: string }[]>`
    select d.path, stored_text(d.sha256) as text from deliverables d
    where d.task_id = ${task?.id ?? null}::uuid`;
  const told = rows.map(({ path, text }) => `${path}: ${text}`).join('');
  return told === `${file}: ${wanted}` ? [] : [`${title} has delivered ${told || 'nothing'}`];
}
