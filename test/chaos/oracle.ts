import type { Effect } from '../support/rig.js';
import { type Course, cycles, followUpCourse } from './plan.js';
import { type RunFacts, wrongTurns } from './turns.js';
import { type Sent, SOURCE, type World } from './world.js';

/** A task as the record has it. */
export interface TaskFacts {
  /** null: not one of ours, or a follow-up. */
  readonly key: string | null;
  /** Of a follow-up: the key of the task that asked for it. */
  readonly parent: string | null;
  readonly child: boolean;
  readonly number: number;
  readonly title: string;
  readonly status: string;
  readonly ended: boolean;
  readonly landed: string | null;
  /** How often its landing has sent it back. */
  readonly conflicts: number;
  /** Of its deliverable. */
  readonly files: readonly string[];
  readonly runs: readonly RunFacts[];
}

/** All that is compared. */
export interface Facts {
  readonly tasks: readonly TaskFacts[];
  /** What agents have really done, by their own log. */
  readonly effects: readonly Effect[];
  /** Of the target branch: the subjects of its commits, and its files. */
  readonly subjects: readonly string[];
  readonly files: readonly string[];
}

/** What was lost, doubled or stranded, each as a sentence. */
export async function judge(world: World): Promise<string[]> {
  const { rig, repository, sent } = world;
  const tasks = await rig.database.sql<TaskFacts[]>`
    select case t.source when ${SOURCE} then t.key end as key, t.number, t.title, t.status,
      (select case p.source when ${SOURCE} then p.key end from tasks p where p.id = t.parent_id)
        as parent,
      t.origin_run_id is not null as child, t.ended_at is not null as ended,
      t.landed_commit as landed,
      (select count(*)::integer from landings where task_id = t.id and kind = 'conflict')
        as conflicts,
      (select coalesce(jsonb_agg(path order by path), '[]') from deliverables
        where task_id = t.id) as files,
      (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'kind', r.kind,
        'number', r.number, 'state', r.state, 'attempts', (
          select coalesce(jsonb_agg(jsonb_build_object('number', a.number,
            'turn', (a.checkpoint ->> 'turn')::integer) order by a.number), '[]')
          from attempts a where a.run_id = r.id)) order by r.kind, r.number), '[]')
        from runs r where r.task_id = t.id) as runs
    from tasks t order by t.number`;
  const lines = (...args: string[]) => repository.git(...args).split('\n');
  const facts = {
    tasks,
    effects: await rig.effects(),
    subjects: lines('log', '--first-parent', '--format=%s', 'main'),
    files: lines('ls-tree', '-r', '--name-only', 'main'),
  };
  return [...compare(sent, facts), ...(await openWorkflows(world))];
}

/** Compares what was sent, and what agents really did, with the records and with git. */
export function compare(sent: ReadonlyMap<string, Sent>, facts: Facts): string[] {
  const { tasks } = facts;
  const effects = new Map<string, Effect[]>();
  for (const effect of facts.effects) {
    const run = String(effect.run);
    effects.set(run, [...(effects.get(run) ?? []), effect]);
  }
  const findings = [...sent.values()].flatMap(({ key, acknowledged }) => {
    const times = tasks.filter((task) => task.key === key).length;
    if (times === 0 && acknowledged) return [`${key} is lost`];
    return times > 1 ? [`${key} exists ${times} times`] : [];
  });
  for (const task of tasks) {
    const course = courseOf(sent, task);
    if (course === null) findings.push(`T-${task.number} was asked for by nobody`);
    else findings.push(...compareTask(course, task, facts, effects));
    for (const { id } of task.runs) effects.delete(id);
  }
  const strangers = [...effects.keys()].map((run) => `turns were performed for ${run}, no run`);
  return [...findings, ...strangers];
}

function courseOf(sent: ReadonlyMap<string, Sent>, task: TaskFacts): Course | null {
  if (!task.child) return sent.get(task.key ?? '')?.plan ?? null;
  const asked = sent.get(task.parent ?? '')?.plan.followUps ?? [];
  return asked.includes(task.title) ? followUpCourse(task.title) : null;
}

/** Ended as its kind must, by the runs that were planned for it, each of them performed. */
function compareTask(
  course: Course,
  task: TaskFacts,
  facts: Facts,
  effects: ReadonlyMap<string, readonly Effect[]>,
): string[] {
  const name = `T-${task.number} (${task.key ?? task.parent}, ${course.kind})`;
  if (!task.ended) return [`${name} is stranded in ${task.status}`];
  const findings: string[] = [];
  if (task.status !== course.ends) findings.push(`ended as ${task.status}, not ${course.ends}`);
  const children = task.key === null ? [] : facts.tasks.filter((one) => one.parent === task.key);
  findings.push(...unequal('the follow-ups', titles(children), course.followUps));
  const had = task.runs.map(({ kind, number, state }) => `${kind} ${number} ${state}`);
  findings.push(...unequal('the runs', had, plannedRuns(course, task.conflicts)));
  for (const run of task.runs) {
    findings.push(...wrongTurns(run, course.script, effects.get(run.id) ?? []));
  }
  if (task.status === 'DONE') findings.push(...wrongResult(course, task, facts));
  return findings.map((finding) => `${name}: ${finding}`);
}

const titles = (tasks: readonly TaskFacts[]): string[] => tasks.map(({ title }) => title);

/** Each conflict at its landing sends a task back; where none can be, none is planned. */
const plannedRuns = (course: Course, conflicts: number): readonly string[] =>
  course.kind === 'conflict' ? cycles(1 + conflicts) : course.runs;

/** Both ways: what is missing, and what nobody asked for; a double counts as both. */
function unequal(what: string, had: readonly string[], planned: readonly string[]): string[] {
  const [is, should] = [had, planned].map((names) => [...names].sort().join(', ') || 'none');
  return is === should ? [] : [`${what} are ${is}, not ${should}`];
}

/** All files that its executions wrote, and in a repository by one commit. */
function wrongResult(course: Course, task: TaskFacts, facts: Facts): string[] {
  const executed = new Set(
    plannedRuns(course, task.conflicts)
      .filter((run) => run.startsWith('EXECUTION') && run.endsWith('SUCCEEDED'))
      .map((run) => Number(run.split(' ')[1])),
  );
  const written = (course.script.executions ?? [])
    .filter((_, index) => executed.has(index + 1))
    .flatMap(({ turns }) => turns.flatMap(({ files }) => Object.keys(files ?? {})));
  const files = [...new Set(written)];
  if (course.landsIn === 'deliverable') return unequal('the delivered files', task.files, files);
  const times = facts.subjects.filter((one) => one.startsWith(`T-${task.number}: `)).length;
  if (task.landed === null || times !== 1) return [`landed ${times} times`];
  const missing = files.filter((file) => !facts.files.includes(file));
  return missing.map((file) => `is DONE, and ${file} is not in main`);
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
