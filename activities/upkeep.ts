import { Context, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../drizzle/db.js';
import { endTask, type ToStart, type Wake } from '../drizzle/steps.js';
import { lookAgain } from '../src/contract.js';
import { type Deps, paceOf } from './deps.js';
import { startTasks } from './follow-ups.js';
import { wake } from './wake.js';
import { InvariantWatch } from './watch-invariants.js';
import { watchPullRequests } from './watch-pull-requests.js';

const FORGET_EVERY_MS = 3_600_000;
/** Well within the heartbeat's timeout, however long a pass takes. */
const BEAT_MS = 20_000;
/** What nobody heard is said again after this long, then after twice as long, and so on. */
const FIRST_REPEAT_MS = 5_000;
const LAST_REPEAT_MS = 600_000;
const CLOSED_TASKS = `WorkflowType = 'task' AND ExecutionStatus != 'Running'`;
/** Visibility tells of an end a little later than it comes. */
const SEEN_LATE_MS = 60_000;

/**
 * Keeps the house: a pass every few seconds that heals what a crash between two steps left, and
 * makes no workflow, event or record where there is nothing to do. Ends when it is cancelled.
 */
export async function keepUp(deps: Deps): Promise<void> {
  const context = Context.current();
  const pass = new Pass(deps);
  context.heartbeat();
  const timer = setInterval(() => context.heartbeat(), BEAT_MS);
  try {
    for (;;) {
      for (const { what, done } of pass.duties()) {
        await done().catch((error: unknown) => {
          context.log.warn(`upkeep could not ${what}; the next pass will`, { error });
        });
      }
      await context.sleep(paceOf(deps).passMs);
    }
  } finally {
    clearInterval(timer);
    await pass.leave();
  }
}

/** What one worker remembers from pass to pass; losing it repeats something harmless. */
class Pass {
  private readonly deps: Deps;
  private readonly grants = new Repeats();
  private readonly looks = new Repeats();
  private readonly watch = new InvariantWatch();
  private looking: Promise<void> | null = null;
  private closedSince = new Date(Date.now() - 24 * 3_600_000);
  private forgetAt = 0;

  constructor(deps: Deps) {
    this.deps = deps;
  }

  /** One that fails keeps none of the others from being done. */
  duties(): readonly { what: string; done: () => Promise<void> }[] {
    return [
      { what: 'start what was filed', done: () => this.startFiled() },
      { what: 'promote', done: () => this.promote() },
      { what: 'repeat grants', done: () => this.repeatGrants() },
      { what: 'have the inbox decided again', done: () => this.reconsiderInbox() },
      { what: 'close records', done: () => this.reconcile() },
      { what: 'clean up', done: () => this.clean() },
      { what: 'let go of old transcripts and setups', done: () => this.forget() },
      { what: 'look at pull requests', done: async () => this.lookOutside() },
      { what: 'check the invariants', done: () => this.watch.look(this.deps.database) },
    ];
  }

  /** What is under way outside is let finish: it may be about to tell a task. */
  async leave(): Promise<void> {
    this.watch.leave();
    await this.looking;
  }

  /** Beside the passes: the other side may take its time. */
  private lookOutside(): void {
    const { log, cancellationSignal } = Context.current();
    this.looking ??= watchPullRequests(this.deps, cancellationSignal)
      .catch((error: unknown) => log.warn('pull requests were not looked at', { error }))
      .finally(() => {
        this.looking = null;
      });
  }

  private async forget(): Promise<void> {
    if (Date.now() < this.forgetAt) return;
    this.forgetAt = Date.now() + FORGET_EVERY_MS;
    await ask<string>(this.deps.database, 'forget_transcripts');
    await this.deps.workspaces.tidySetups();
  }

  private async startFiled(): Promise<void> {
    await startTasks(this.deps, await ask<ToStart[]>(this.deps.database, 'unstarted_tasks'));
  }

  private async promote(): Promise<void> {
    await wake(await ask<Wake[]>(this.deps.database, 'promote'));
  }

  /** Only where describe shows nothing pending: an admitted run may just wait for a worker slot. */
  private async repeatGrants(): Promise<void> {
    const unheard = await ask<Wake[]>(this.deps.database, 'unheard_grants');
    const due = new Set(this.grants.due(unheard.map(({ run }) => run)));
    for (const grant of unheard) {
      if (!due.has(grant.run) || !(await isIdle(grant.workflowId))) continue;
      await wake([grant]);
      this.grants.said(grant.run);
    }
  }

  private async reconsiderInbox(): Promise<void> {
    const { workflow } = getClient();
    const outdated = await ask<string[]>(this.deps.database, 'outdated_inbox');
    for (const id of this.looks.due(outdated)) {
      await ignoringMissing(workflow.getHandle(id).signal(lookAgain));
      this.looks.said(id);
    }
  }

  /** Closes the record of a workflow that describe shows closed; a missing one proves nothing. */
  private async reconcile(): Promise<void> {
    const { workflow } = getClient();
    const { database } = this.deps;
    const until = new Date(Date.now() - SEEN_LATE_MS);
    const since = this.closedSince.toISOString();
    const query = `${CLOSED_TASKS} AND CloseTime > '${since}'`;
    const closed: string[] = [];
    for await (const { workflowId } of workflow.list({ query })) closed.push(workflowId);
    const open = await database.sql<{ task: string; workflowId: string }[]>`
      select open_task_of(id) as task, id as "workflowId"
      from (select distinct jsonb_array_elements_text(${JSON.stringify(closed)}::jsonb) as id) one
      where open_task_of(id) is not null`;
    for (const { task, workflowId } of open) {
      const { status } = await workflow.getHandle(workflowId).describe();
      if (status.name === 'RUNNING') continue; // a reset closes the old run and starts a new one
      const reason = `its workflow ended in Temporal: ${status.name}`;
      const by = { by: 'system:upkeep', door: 'system' } as const;
      await wake((await endTask(database, { task, status: 'CANCELLED', ...by, reason })).wake);
    }
    this.closedSince = until;
  }

  /** Removes what ended tasks and lost attempts have left on disk. */
  /** Sessions of programs whose run a crash has ended without us. */
  private async leaveHomes(): Promise<void> {
    const { database, workspaces } = this.deps;
    const homes = await workspaces.listHomes();
    if (homes.length === 0) return;
    const open = await database.sql<{ id: string }[]>`
      select id::text from runs where state in ('QUEUED', 'ADMITTED', 'RUNNING')
        and to_jsonb(id::text) <@ ${JSON.stringify(homes)}::jsonb`;
    const left = homes.filter((home) => !open.some(({ id }) => id === home));
    for (const home of left) await workspaces.dropHome(home);
  }

  private async clean(): Promise<void> {
    const { database, workspaces } = this.deps;
    const unclean = await ask<{ id: string; repositoryId: string | null }[]>(
      database,
      'unclean_tasks',
    );
    await this.leaveHomes();
    const copies = await workspaces.listCopies();
    if (unclean.length === 0 && copies.length === 0) return;
    const live = await ask<{ run: string; attempt: number }[]>(database, 'live_attempts');
    for (const copy of copies) {
      const lives = live.some(({ run, attempt }) => run === copy.runId && attempt <= copy.attempt);
      if (lives) continue;
      await workspaces.killOrphans([workspaces.runMark(copy)]);
      await workspaces.dropCopy(copy);
    }
    const cleaned: string[] = [];
    try {
      for (const { id, repositoryId } of unclean) {
        if (repositoryId === null) await workspaces.removeMirror({ kind: 'task', taskId: id });
        else {
          await workspaces.dropRefs({ kind: 'repository', repositoryId }, id);
          await workspaces.dropSetups(id);
        }
        cleaned.push(id);
      }
    } finally {
      if (cleaned.length > 0) {
        await database.sql`
          select mark_cleaned(id::uuid)
          from jsonb_array_elements_text(${JSON.stringify(cleaned)}::jsonb) id`;
      }
    }
  }
}

/** What is said again while it stays unheard, at longer and longer intervals. */
class Repeats {
  private readonly last = new Map<string, { at: number; after: number }>();

  /** Those of the unheard whose time has come; what was heard is forgotten. */
  due(unheard: readonly string[]): string[] {
    for (const id of this.last.keys()) if (!unheard.includes(id)) this.last.delete(id);
    return unheard.filter((id) => {
      const last = this.last.get(id);
      return last === undefined || Date.now() >= last.at + last.after;
    });
  }

  said(id: string): void {
    const after = (this.last.get(id)?.after ?? FIRST_REPEAT_MS / 2) * 2;
    this.last.set(id, { at: Date.now(), after: Math.min(after, LAST_REPEAT_MS) });
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
