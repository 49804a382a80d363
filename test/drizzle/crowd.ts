/** Many callers at once who do what workflows, agents and people do, in any order. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { PRIORITIES, VERBS } from '../../src/domain/task.js';
import { course, reviewed, type Stage, SUCCEEDED, spec } from './stage.js';

const AGENTS = [
  'implementer',
  'writer',
  'operator',
  'intern',
  'researcher',
  'lead',
  'tester',
] as const;
/** How often each is done: mostly work, now and then a door that is shut. */
const DEEDS = {
  begin: 10,
  work: 60,
  open: 12,
  land: 12,
  verb: 8,
  unblock: 12,
  limits: 5,
  agent: 4,
  squad: 2,
  promote: 1,
} as const;
const weighted = Object.entries(DEEDS).flatMap(([what, often]) =>
  Array.from({ length: often }, () => what as keyof typeof DEEDS),
);
const number = fc.noBias(fc.nat({ max: 9999 }));

/** What to do, and the numbers by which whoever does it chooses. */
export const deed = fc.noBias(
  fc.record({ what: fc.constantFrom(...weighted), one: number, two: number }),
);
export type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

const pick = <T>(from: readonly T[], n: number): T => {
  const chosen = from[n % from.length];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
};

/** Watches every promotion and every end from inside the database, by its own arithmetic. */
export async function watch({ sql }: Stage): Promise<void> {
  await sql`create table breaches (what text not null)`;
  await sql.unsafe(`create function look() returns trigger language plpgsql as $$
    declare l policies; v_today date := (clock_timestamp() at time zone 'UTC')::date; a agents;
    begin
      select * into l from policies where name = 'execution-limits' order by version desc limit 1;
      select * into a from agents where id = new.agent_id;
      insert into breaches
      select 'limits disabled' where not l.enabled
      union all select new.agent_id || ' has too many slots'
        where (l.value ->> 'maxConcurrentPerAgent')::int < (select count(*) from runs
          where agent_id = new.agent_id and state in ('ADMITTED', 'RUNNING'))
      union all select new.agent_id || ' is charged too often' where not old.charged and
        (l.value ->> ('maxDailyPer' || case when a.reviews then 'Reviewer' else 'Agent' end))::int <
        (select count(*) from runs where agent_id = new.agent_id and charged and day = v_today)
      union all select 'too many tokens' where (l.value ->> 'maxDailyTokens')::int <
        (select sum(work_tokens) from runs where day = v_today) +
        (select sum(estimate - work_tokens) from runs where state in ('ADMITTED', 'RUNNING'))
      union all select 'a disabled agent' where not a.enabled or a.paused_reason is not null
      union all select 'a paused squad' where (select squad_paused from installation)
      union all select 'a paused task' where (select paused from tasks where id = new.task_id)
      union all select 'a LEAD without a person' where new.kind = 'EXECUTION' and a.type = 'LEAD'
        and not exists (select 1 from decisions where task_id = new.task_id
          and question = 'admission:' || a.id and decision = 'admitted' and "by" like 'person:%')
      union all select 'overtaken' where not old.charged and exists (select 1 from runs q
        join tasks t on t.id = q.task_id
        where q.state = 'QUEUED' and q.agent_id = new.agent_id and q.hold is null
          and q.kind = 'REVIEW' and new.kind = 'REVIEW' and not t.paused
          and (q.priority, -q.place) > (new.priority, -new.place)
          and q.available_at < new.admitted_at - interval '1 second');
      return null;
    end $$`);
  await sql.unsafe(`create trigger look after update on runs for each row
    when (new.state = 'ADMITTED' and old.state = 'QUEUED') execute function look()`);
  await sql.unsafe(`create function absorb() returns trigger language plpgsql as $$
    begin
      insert into breaches values ('T-' || old.number || ' moved after its end');
      return null;
    end $$`);
  await sql.unsafe(`create trigger absorb after update on tasks for each row
    when (old.ended_at is not null and (new.status <> old.status or new.ended_at <> old.ended_at))
    execute function absorb()`);
}

export async function act(stage: Stage, { what, one, two }: Deed): Promise<void> {
  switch (what) {
    case 'begin':
      await stage.begin({ assignee: pick(AGENTS, one), priority: pick(PRIORITIES, two) });
      return;
    case 'work':
      return work(stage, one, two);
    case 'open':
      return open(stage);
    case 'land':
      return land(stage, one);
    case 'verb':
    case 'unblock':
      return decide(stage, what === 'unblock', one, two);
    case 'limits': {
      const figures = { maxConcurrentPerAgent: one % 5, maxDailyPerAgent: 3 * (two % 9) };
      const rest = { maxDailyPerReviewer: one % 40, maxDailyTokens: 60 * (two % 20) };
      await stage.setPolicy('execution-limits', { ...figures, ...rest }, one % 17 !== 0);
      return;
    }
    case 'agent':
      await stage.setAgent(pick([...AGENTS, 'reviewer'], one), two % 5 !== 0);
      return;
    case 'squad': {
      const given = { paused: one % 4 === 0, by: 'person:ann', door: 'cli', why: '' };
      await stage.call('set_squad_paused', given);
      return;
    }
    case 'promote':
      await stage.sql`select promote()`;
      return;
    default:
      what satisfies never;
  }
}

const next = (task: string, kind: 'EXECUTION' | 'REVIEW', last: number) => ({
  ...spec(kind, last + 1, 1),
  task,
});

/** One attempt of some run that holds a slot; now and then of one that somebody is at. */
async function work(stage: Stage, one: number, two: number): Promise<void> {
  const [run] = await stage.sql<
    { id: string; task: string; kind: 'EXECUTION' | 'REVIEW'; executed: string }[]
  >`
    select r.id, r.task_id as task, r.kind, (select e.id from runs e where e.task_id = r.task_id
      and e.kind = 'EXECUTION' order by number desc limit 1) as executed
    from runs r where state in ('ADMITTED', 'RUNNING')
    order by (state = 'RUNNING' and ${one % 8 !== 0}), md5(r.id::text || ${one}::text) limit 1`;
  if (run === undefined) return;
  const [last] = await stage.sql<{ EXECUTION: number; REVIEW: number }[]>`
    select count(*) filter (where kind = 'EXECUTION')::int as "EXECUTION",
      count(*) filter (where kind = 'REVIEW')::int as "REVIEW"
    from runs where task_id = ${run.task}`;
  if (last === undefined) return;
  const [{ answer } = { answer: null }] = await stage.sql<
    { answer: { attempt?: number } | null }[]
  >`
    select start_attempt(${run.id}, 'crowd') as answer`;
  const attempt = answer?.attempt;
  if (attempt === undefined) return;
  const progress = { run: run.id, attempt, events: [], workTokens: 1, cacheReadTokens: 0 };
  await stage.call('save_progress', {
    ...progress,
    checkpoint: { turn: attempt },
    instructions: `${two % 3}`,
  });
  const texts = { report: `${one % 2}`, diff: `${(one + 1) % 2}`, commands: `${one % 3}` };
  const failed = { state: 'FAILED', outcome: 'failed', fault: one % 2 ? 'agent' : 'system' };
  const review = { next: [next(run.task, 'REVIEW', last.REVIEW)] };
  const execution = { next: [next(run.task, 'EXECUTION', last.EXECUTION)] };
  const ends = {
    requeued: { state: 'REQUEUED' },
    asks: {
      state: 'REQUEUED',
      hold: pick(['question', 'budget-spent'] as const, one),
      question: '?',
    },
    failed: {
      ...failed,
      course: course({
        status: 'BLOCKED',
        blocked: run.kind === 'REVIEW' ? 'review-failed' : 'execution-failed',
      }),
    },
    done:
      run.kind === 'EXECUTION'
        ? { ...SUCCEEDED, course: course({ status: 'REVIEW', ...review }) }
        : { ...reviewed(run.executed, 'APPROVED'), course: course({ status: 'LANDING' }) },
    again:
      run.kind === 'EXECUTION'
        ? { ...SUCCEEDED, course: course({ status: 'REVIEW', ...review }) }
        : {
            ...reviewed(run.executed, 'REVISION'),
            course: course({ status: 'IN_PROGRESS', ...execution }),
          },
  };
  const how = ends[pick(['done', 'done', 'again', 'failed', 'requeued', 'asks'] as const, two)];
  await stage.closeRun(run.id, attempt, { ...how, ...texts });
}

/** What a workflow does after a verb: opens the run that stands in for a cancelled one. */
async function open(stage: Stage): Promise<void> {
  const tasks = await stage.sql<{ id: string; kind: 'EXECUTION' | 'REVIEW'; last: number }[]>`
    select t.id, k.kind,
      (select count(*)::int from runs where task_id = t.id and kind = k.kind) as last
    from tasks t cross join lateral (
      select case when t.status = 'REVIEW' then 'REVIEW' else 'EXECUTION' end::run_kind as kind) k
    where t.status in ('ASSIGNED', 'IN_PROGRESS', 'REVIEW') and not exists (
      select 1 from runs where task_id = t.id and state in ('QUEUED', 'ADMITTED', 'RUNNING'))`;
  for (const { id, kind, last } of tasks) {
    const specs = JSON.stringify([next(id, kind, last)]);
    await stage.sql`select open_runs(${id}::uuid, ${specs}::jsonb)`;
  }
}

async function land(stage: Stage, one: number): Promise<void> {
  const [task] = await stage.sql<{ id: string; number: number; executions: number }[]>`
    select t.id, (select count(*)::int + 1 from landings where task_id = t.id) as number,
      (select count(*)::int from runs where task_id = t.id and kind = 'EXECUTION') as executions
    from tasks t where status = 'LANDING' order by md5(t.id::text || ${one}::text) limit 1`;
  if (task === undefined) return;
  const conflict = course({
    status: 'IN_PROGRESS',
    next: [next(task.id, 'EXECUTION', task.executions)],
  });
  const came =
    one % 3 === 0
      ? { outcome: 'conflict', course: conflict }
      : { outcome: 'landed', course: course({ status: 'DONE' }) };
  const { id, number } = task;
  await stage.call('close_landing', {
    task: id,
    number,
    kind: 'x',
    detail: {},
    landedFrom: 'c0ffee',
    ...came,
  });
}

async function decide(stage: Stage, blocked: boolean, one: number, two: number): Promise<void> {
  const [task] = await stage.sql<{ id: string }[]>`
    select id from tasks where ended_at is null
      and (status in ('BLOCKED', 'INBOX') or not ${blocked})
    order by md5(id::text || ${one}::text) limit 1`;
  if (task === undefined) return;
  const verb = pick(
    blocked ? (['answer', 'retry', 'reassign', 'accept', 'approve'] as const) : VERBS,
    two,
  );
  if (verb === 'reject' || (verb === 'pause' && one % 2 === 0)) return;
  if (verb === 'cancel') {
    const end = { by: 'person:ann', door: 'cli', reason: '' };
    await stage.call('end_task', { task: task.id, status: 'CANCELLED', ...end });
    return;
  }
  const given = { text: 'So.', executor: pick(AGENTS, one), priority: pick(PRIORITIES, one) };
  await stage.verb(task.id, verb, { ...given, messageId: randomUUID() });
}
