import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidTaskInput, type NewTask } from '../../src/client/index.js';
import { scenario } from '../support/mission.js';
import type { Dice } from './dice.js';
import { planTask, TASK_KINDS } from './plan.js';
import { count, mission, type Sent, SOURCE, type World } from './world.js';

type Door = (world: World, sent: Sent, task: NewTask) => Promise<boolean>;

/** Keeps so many tasks open, of every kind in turn, through every door. */
export async function fileTasks(world: World, dice: Dice, open: number): Promise<void> {
  const kinds = function* () {
    for (;;) yield* dice.shuffled(TASK_KINDS);
  };
  let number = 0;
  for (const kind of kinds()) {
    while (!world.closing.aborted && (await openTasks(world)) >= open) await sleep(200);
    if (world.closing.aborted) return;
    const key = `task-${++number}`;
    const plan = planTask(kind, key, world.repository.name, dice);
    const sent = { key, plan, acknowledged: false };
    world.sent.set(key, sent);
    await fileUntilAcknowledged(world, sent, dice);
  }
}

/** Sent again under its key until somebody says yes; one in fifty gives up after the first try. */
async function fileUntilAcknowledged(world: World, sent: Sent, dice: Dice): Promise<void> {
  const name = dice.pick(['sdk', 'sdk', 'cli', 'temporal'] as const);
  const patient = !dice.chance(0.02);
  const { key, plan } = sent;
  const { title = `A task: ${plan.kind}`, ...input } = plan.input as Partial<NewTask>;
  const task = { title, description: scenario(plan.script), ...input, source: SOURCE, key };
  for (;;) {
    try {
      sent.acknowledged = await DOORS[name](world, sent, task);
    } catch (error) {
      if (error instanceof InvalidTaskInput) throw error;
    }
    count(world, `file by ${name} ${sent.acknowledged ? 'ok' : 'unknown'}`);
    if (sent.acknowledged || !patient || world.over.aborted) return;
    await sleep(200);
  }
}

const DOORS: Readonly<Record<'sdk' | 'cli' | 'temporal', Door>> = {
  async sdk({ mission: { tasks } }, { key }, { title, description, ...input }) {
    const { source: _, key: __, ...rest } = input as Record<string, unknown>;
    await tasks.start(
      { title, ...(description ? { description } : {}), ...rest },
      { idempotencyKey: key, source: SOURCE },
    );
    return true;
  },
  cli: async (world, _sent, task) =>
    (await mission(world, ['task', 'create', '-', '--json'], JSON.stringify(task))).code === 0,
  /** Any client, any workflow id: a second start under another id fails as a duplicate. */
  async temporal({ rig: { client, taskQueue } }, _sent, task) {
    await client.workflow.start('task', { taskQueue, workflowId: randomUUID(), args: [task] });
    return true;
  },
};

async function openTasks({ rig }: World): Promise<number> {
  try {
    const [row] = await rig.database.sql<{ n: number }[]>`
      select count(*)::integer as n from tasks where ended_at is null`;
    return row?.n ?? 0;
  } catch {
    return 0; // the database is away: filing goes on
  }
}
