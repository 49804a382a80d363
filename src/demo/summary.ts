import { checkInvariants } from '../../drizzle/invariants.js';
import type { Stage } from './stage.js';

interface Counted {
  readonly what: string;
  readonly n: number;
}

const seconds = (ms = 0): string => `${(ms / 1000).toFixed(1)} s`;
const counts = (rows: readonly Counted[]): string =>
  rows.map(({ what, n }) => `${what} ${n}`).join(', ') || 'none';

/** What the records say of the demo, and whether they are whole. */
export async function summarise(stage: Stage): Promise<void> {
  const { sql } = stage.database;
  const tasks = await sql<Counted[]>`
    select status::text as what, count(*)::integer as n from tasks group by status order by status`;
  const runs = await sql<Counted[]>`
    select lower(kind::text || ' ' || state::text) as what, count(*)::integer as n
    from runs group by kind, state order by kind, state`;
  const [shadows] = await sql<{ n: number }[]>`
    select count(*)::integer as n from tasks 
    where title ilike 'review:%' or owner like 'system:%'`;
  const [cycles] = await sql<{ total: number; most: number }[]>`
    select sum(cycles)::integer as total, max(cycles)::integer as most from tasks`;
  const [waited] = await sql<{ approval: number; line: number; worker: number }[]>`
    select
      (select coalesce(sum(extract(epoch from d.at - t.created_at)) * 1000, 0)::integer
       from decisions d join tasks t on t.id = d.task_id
       where d.question like 'admission:%' and d.by like 'person:%') as approval,
      (select coalesce(sum(waited_ms), 0)::integer from runs) as line,
      (select coalesce(sum(extract(epoch from started_at - admitted_at)) * 1000, 0)::integer
       from runs where started_at is not null) as worker`;
  stage.say(`tasks: ${counts(tasks)}; housekeeping records: ${shadows?.n}`);
  stage.say(`runs: ${counts(runs)}; cycles: ${cycles?.total}, at most ${cycles?.most} in a task`);
  stage.say(
    `waited for: approval ${seconds(waited?.approval)}, a slot ${seconds(waited?.line)}, ` +
      `a worker ${seconds(waited?.worker)}`,
  );
  stage.claim('no record is housekeeping', shadows?.n === 0);
  const breaches = await checkInvariants(stage.database);
  for (const { number, holds, breach } of breaches) stage.say(`${number}. ${holds}: not ${breach}`);
  stage.claim('every invariant of the records holds', breaches.length === 0);
}
