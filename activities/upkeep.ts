import { Context, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../drizzle/db.js';
import { endTask, type ToStart, type Wake } from '../drizzle/steps.js';
import { lookAgain } from '../src/contract.js';
import type { Source } from '../src/workspace/index.js';
import type { Deps } from './deps.js';
import { startTasks } from './follow-ups.js';
import { wake } from './wake.js';

const PASS_MS = 5_000;
const BEAT_EVERY_PASSES = 4;
/** A grant that nobody took is repeated after this long, then after twice as long, and so on. */
const FIRST_REPEAT_MS = 5_000;
const LAST_REPEAT_MS = 600_000;

/**
 * Keeps the house: a pass every five seconds that heals what a crash between two steps left, and
 * makes no workflow, event or record where there is nothing to do. Ends when it is cancelled.
 */
export async function keepUp(deps: Deps): Promise<void> {
  const context = Context.current();
  const pass = new Pass(deps);
  for (let number = 0; ; number++) {
    if (number % BEAT_EVERY_PASSES === 0) context.heartbeat({ passes: number });
    try {
      await pass.run();
    } catch (error) {
      context.log.warn('a pass of upkeep failed and will be repeated', { error });
    }
    await context.sleep(PASS_MS);
  }
}

/** What one worker remembers from pass to pass; losing it repeats something harmless. */
class Pass {
  private readonly deps: Deps;
  private readonly repeats = new Map<string, { at: number; after: number }>();
  private closedSince = new Date(Date.now() - 24 * 3_600_000);

  constructor(deps: Deps) {
    this.deps = deps;
  }

  async run(): Promise<void> {
    const { database } = this.deps;
    await startTasks(this.deps, await ask<ToStart[]>(database, 'unstarted_tasks'));
    await wake(await ask<Wake[]>(database, 'promote'));
    await this.repeatGrants();
    await this.reconsiderInbox();
    await this.reconcile();
    await this.clean();
  }

  /** Only where describe shows nothing pending: an admitted run may just wait for a worker slot. */
  private async repeatGrants(): Promise<void> {
    const unheard = await ask<Wake[]>(this.deps.database, 'unheard_grants');
    const now = Date.now();
    for (const run of this.repeats.keys()) {
      if (!unheard.some((each) => each.run === run)) this.repeats.delete(run);
    }
    for (const grant of unheard) {
      const last = this.repeats.get(grant.run) ?? { at: 0, after: FIRST_REPEAT_MS };
      if (now < last.at + last.after) continue;
      if (!(await isIdle(grant.workflowId))) continue;
      await wake([grant]);
      this.repeats.set(grant.run, { at: now, after: Math.min(last.after * 2, LAST_REPEAT_MS) });
    }
  }

  private async reconsiderInbox(): Promise<void> {
    const { workflow } = getClient();
    for (const id of await ask<string[]>(this.deps.database, 'outdated_inbox')) {
      await ignoringMissing(workflow.getHandle(id).signal(lookAgain));
    }
  }

  /** Closes the record of a workflow that describe shows closed; a missing one proves nothing. */
  private async reconcile(): Promise<void> {
    const { workflow } = getClient();
    const { database } = this.deps;
    const since = this.closedSince;
    this.closedSince = new Date(Date.now() - 60_000);
    const query = `WorkflowType = 'task' AND ExecutionStatus != 'Running' AND CloseTime > '${since.toISOString()}'`;
    for await (const { workflowId } of workflow.list({ query })) {
      const [row] = await database.sql<{ task: string | null }[]>`
        select open_task_of(${workflowId}) as task`;
      if (!row?.task) continue;
      const { status } = await workflow.getHandle(workflowId).describe();
      if (status.name === 'RUNNING') continue; // a reset closes the old run and starts a new one
      const reason = `its workflow ended in Temporal: ${status.name}`;
      const end = {
        task: row.task,
        status: 'CANCELLED',
        by: 'system:upkeep',
        door: 'system',
        reason,
      };
      await wake((await endTask(database, end)).wake);
    }
  }

  /** Removes what ended tasks and lost attempts have left on disk. */
  private async clean(): Promise<void> {
    const { database, workspaces } = this.deps;
    const unclean = await ask<{ id: string; repositoryId: string | null }[]>(
      database,
      'unclean_tasks',
    );
    const copies = await workspaces.listCopies();
    if (unclean.length === 0 && copies.length === 0) return;
    const live = await ask<{ run: string; attempt: number }[]>(database, 'live_attempts');
    for (const copy of copies) {
      const lives = live.some(({ run, attempt }) => run === copy.runId && attempt <= copy.attempt);
      if (lives) continue;
      await workspaces.killOrphans([workspaces.runMark(copy)]);
      await workspaces.dropCopy(copy);
    }
    for (const { id, repositoryId } of unclean) {
      const source: Source =
        repositoryId === null ? { kind: 'task', taskId: id } : { kind: 'repository', repositoryId };
      if (source.kind === 'task') await workspaces.removeMirror(source);
      else await workspaces.dropRefs(source, id);
      await database.sql`select mark_cleaned(${id}::uuid)`;
    }
  }
}

async function ask<T>({ sql }: Database, name: string): Promise<T> {
  const [row] = await sql<{ answer: T }[]>`select ${sql(name)}() as answer`;
  if (row === undefined) throw new Error(`${name} returned no row`);
  return row.answer;
}

async function isIdle(workflowId: string): Promise<boolean> {
  const described = await ignoringMissing(getClient().workflow.getHandle(workflowId).describe());
  return described !== null && (described.raw.pendingActivities ?? []).length === 0;
}

async function ignoringMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
