import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../support/build.js';
import type { Dice } from './dice.js';
import { count, mission, type World } from './world.js';

/** Policy fields as they were last set through a door. */
export type Tuned = Map<string, unknown>;

const LIMITS = 'execution-limits';

/** What lets all go on: at the beginning, and for the end. */
export async function open(world: World, tuned: Tuned): Promise<void> {
  const generous = ['maxDailyPerAgent=1000000', 'maxDailyPerReviewer=1000000'];
  await insist(world, ['policy', 'set', LIMITS, ...generous, 'maxDailyTokens=1000000000000']);
  await limit(world, tuned, 4);
  await insist(world, ['policy', 'enable', 'auto-approve']);
  await insist(world, ['resume']);
  await enableAll(world);
}

/** Changes limits, policies, the roster and the squad, and runs the seed over it all. */
export async function tune(world: World, dice: Dice, tuned: Tuned): Promise<void> {
  const changes = [
    () => limit(world, tuned, dice.between(1, 6)),
    async () => {
      await limit(world, tuned, 0);
      await sleep(dice.between(500, 2000));
      await limit(world, tuned, dice.between(1, 6));
    },
    async () => {
      await insist(world, ['policy', 'disable', 'auto-approve']);
      await sleep(dice.between(500, 2000));
      await insist(world, ['policy', 'enable', 'auto-approve']);
    },
    async () => {
      await insist(world, ['pause']);
      await sleep(dice.between(200, 1000));
      await insist(world, ['resume']);
    },
    async () => {
      await insist(world, ['agent', 'disable', dice.pick(['reviewer', 'tester', 'implementer'])]);
      await sleep(dice.between(200, 1000));
      await enableAll(world);
    },
    () => runSeed(world),
    () => enableAll(world), // whom failures in a row have paused
  ];
  while (!world.closing.aborted) {
    for (const change of dice.shuffled(changes)) {
      if (world.closing.aborted) return;
      await change();
      await sleep(dice.between(1000, 4000));
    }
  }
}

async function limit(world: World, tuned: Tuned, slots: number): Promise<void> {
  await insist(world, ['policy', 'set', LIMITS, `maxConcurrentPerAgent=${slots}`]);
  tuned.set('maxConcurrentPerAgent', slots);
}

async function enableAll(world: World): Promise<void> {
  for (const agent of ['reviewer', 'tester', 'implementer', 'writer']) {
    await insist(world, ['agent', 'enable', agent]);
  }
}

/** As a person does it: until the answer is yes, or that it is so already. */
async function insist(world: World, args: readonly string[]): Promise<void> {
  while (!world.over.aborted) {
    const { code, stderr } = await mission(world, args);
    if (code === 0) return;
    if (code !== 7 && code !== 8 && !/ECONN|CONNECTION|57P0|terminat/.test(stderr)) {
      throw new Error(`mission ${args.join(' ')} ended with ${code}: ${stderr}`);
    }
    await sleep(300);
  }
}

async function runSeed(world: World): Promise<void> {
  const seed = join(ROOT, 'dist/src/main/seed.js');
  const ran = promisify(execFile)(process.execPath, [seed], { env: { ...world.rig.env } });
  await ran.then(
    () => count(world, 'seed ok'),
    () => count(world, 'seed failed'), // the database may be away
  );
}
