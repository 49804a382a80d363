import type { Rig } from '../support/rig.js';
import type { Pair, Sides } from './compare.js';
import type { Plan } from './plan.js';
import type { Side } from './sides.js';
import { drive } from './speed.js';

/** What one task leaves behind and asks for, on average. */
export interface Footprint {
  readonly events: number;
  readonly historyBytes: number;
  /** SQL statements, upkeep's included, and those of them that wrote: a flush to disk each. */
  readonly statements: number;
  readonly commits: number;
}

/** Counts per task, every third one revised. Workers end, since only then Postgres has it all. */
export async function footprint(rig: Rig, sides: Sides, plan: Plan): Promise<Pair<Footprint>> {
  return {
    bare: await footprintOf(rig, sides.bare, plan),
    product: await footprintOf(rig, sides.product, plan),
  };
}

async function footprintOf(rig: Rig, side: Side, plan: Plan): Promise<Footprint> {
  const { counted: tasks, untilCleaned } = plan;
  await restart(rig, side);
  const first = await transactions(rig);
  await restart(rig, side);
  const before = await transactions(rig);
  const work = { agentMs: 0, files: false } as const;
  const { workflowIds } = await drive(rig, side, { tasks, inFlight: 10, work, untilCleaned });
  await restart(rig, side);
  const after = await transactions(rig);
  const told = await Promise.all(
    workflowIds.map((id) => rig.client.workflow.getHandle(id).describe()),
  );
  const average = (of: (one: (typeof told)[number]) => number) =>
    told.reduce((sum, each) => sum + of(each), 0) / tasks;
  return {
    events: average(({ historyLength }) => historyLength),
    historyBytes: average(({ raw }) => Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0)),
    // Less what a start of the worker alone asks for.
    statements: (after.all - before.all - (before.all - first.all)) / tasks,
    commits: (after.writing - before.writing - (before.writing - first.writing)) / tasks,
  };
}

/** Every backend tells its counts when it ends; the worker answers again before this returns. */
async function restart(rig: Rig, side: Side): Promise<void> {
  await side.stop('SIGTERM');
  await side.start();
  await drive(rig, side, {
    ...{ tasks: 1, inFlight: 1, untilCleaned: false },
    work: { agentMs: 0, files: false, cycles: 1 },
  });
}

async function transactions({ database }: Rig): Promise<{ all: number; writing: number }> {
  const [row] = await database.sql<{ all: number; writing: number }[]>`
    select xact_commit::float8 as all,
      pg_snapshot_xmax(pg_current_snapshot())::text::float8 as writing
    from pg_stat_database where datname = current_database()`;
  if (row === undefined) throw new Error('Postgres keeps no counts of this database');
  return row;
}
