import { setTimeout as sleep } from 'node:timers/promises';
import { MissionError, type TaskHandle } from '../../src/client/index.js';
import type { BlockReason, TaskStatus } from '../../src/domain/task.js';
import { count, SOURCE, type World } from './world.js';

interface OpenTask {
  readonly key: string | null;
  readonly workflow_id: string;
  readonly status: TaskStatus;
  readonly blocked: BlockReason | null;
  readonly paused: boolean;
  readonly running: boolean;
  readonly registered: boolean;
}

/** A person who does, twice a second, what waits for a person; through the SDK. */
export async function decide(world: World): Promise<void> {
  const done = new Set<string>();
  const busy = new Set<string>();
  while (!world.over.aborted) {
    for (const task of await openTasks(world)) {
      if (busy.has(task.workflow_id) || !task.registered) continue;
      busy.add(task.workflow_id);
      void attend(world, task, done).finally(() => busy.delete(task.workflow_id));
    }
    await sleep(500);
  }
}

async function attend(world: World, task: OpenTask, done: Set<string>): Promise<void> {
  const [verb, act] = duty(world, task, done) ?? [];
  if (verb === undefined || act === undefined) return;
  try {
    await act(await world.mission.tasks.get(task.workflow_id));
    done.add(`${task.workflow_id} ${verb}`);
    count(world, `${verb} ok`);
  } catch (error) {
    if (!(error instanceof MissionError)) throw error;
    count(world, `${verb} ${error.code}`);
  }
}

type Duty = readonly [verb: string, act: (task: TaskHandle) => Promise<unknown>];

/** What a person would do about it now; null: nothing. */
function duty(world: World, task: OpenTask, done: Set<string>): Duty | null {
  const plan = world.sent.get(task.key ?? '')?.plan;
  const habit = plan?.habit ?? 'none';
  const once = (verb: string) => !done.has(`${task.workflow_id} ${verb}`);
  if (task.paused) return ['resume', (handle) => handle.resume()];
  if (task.status === 'INBOX') {
    if (habit === 'rejects') return ['reject', (handle) => handle.reject({ reason: 'no' })];
    return ['approve', (handle) => handle.approve()];
  }
  if (task.status === 'BLOCKED') return unblocking(task, plan?.kind, once('reassign'));
  if (habit === 'cancels' && task.running && once('cancel')) {
    return ['cancel', (handle) => handle.cancel()];
  }
  if (habit === 'pauses' && once('pause')) return ['pause', (handle) => handle.pause()];
  if (habit === 'guides' && once('guide')) {
    return ['guide', (handle) => handle.guide('Mind the edges')];
  }
  if (habit === 'reprioritises' && once('reprioritise')) {
    return ['reprioritise', (handle) => handle.reprioritise('URGENT')];
  }
  return null;
}

function unblocking({ blocked }: OpenTask, kind: string | undefined, fresh: boolean): Duty {
  if (blocked === 'question') return ['answer', (handle) => handle.answer('blue')];
  if (kind === 'reassigned' && fresh) {
    return ['reassign', (handle) => handle.reassign({ executor: 'writer' })];
  }
  if (blocked === 'review-failed' && kind === 'unreadable') {
    return ['accept', (handle) => handle.accept({ reason: 'read it myself' })];
  }
  return ['retry', (handle) => handle.retry()];
}

async function openTasks({ rig }: World): Promise<readonly OpenTask[]> {
  try {
    return await rig.database.sql<OpenTask[]>`
      select case source when ${SOURCE} then key end as key, workflow_id, status, blocked, paused,
        first_execution_run_id is not null as registered,
        exists (select 1 from runs where task_id = t.id and state = 'RUNNING') as running
      from tasks t where ended_at is null`;
  } catch {
    return []; // nobody can decide while the database is away
  }
}
