import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../support/build.js';
import type { Dice } from './dice.js';
import { count, mission, type World } from './world.js';

/** What people have last set through a door: policy to field to value, `enabled` among them. */
export type Tuned = Map<string, Map<string, unknown>>;

type Fields = Readonly<Record<string, string | number>>;

/** A version of a policy, as its row says. */
export interface PolicyVersion {
  readonly name: string;
  readonly version: number;
  readonly enabled: boolean;
  readonly value: Readonly<Record<string, unknown>>;
  readonly by: string;
}

const LIMITS = 'execution-limits';
const GENEROUS = {
  ...{ maxDailyPerAgent: 1_000_000, maxDailyPerReviewer: 1_000_000, maxDailyTokens: 1e12 },
  maxConcurrentPerAgent: 4,
};

/** What lets all go on: at the beginning, and for the end. */
export async function open(world: World, tuned: Tuned): Promise<void> {
  await set(world, tuned, LIMITS, GENEROUS);
  await enable(world, tuned, 'auto-approve', true);
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
      await enable(world, tuned, 'auto-approve', false);
      await sleep(dice.between(500, 2000));
      if (dice.chance(0.7)) await enable(world, tuned, 'auto-approve', true);
    },
    // None is what a seed holds, and none bounds what the tasks of this run need.
    () => set(world, tuned, 'auto-approve', { maxPriority: dice.pick(['LOW', 'NORMAL', 'HIGH']) }),
    () => set(world, tuned, 'review', { maxCycles: dice.between(6, 12) }),
    () => set(world, tuned, 'spawn', { maxPerVerdict: dice.between(6, 9) }),
    () => set(world, tuned, 'landing', { maxLandingCycles: dice.between(4, 9) }),
    () => set(world, tuned, 'retention', { transcriptDays: dice.between(91, 365) }),
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

const limit = (world: World, tuned: Tuned, slots: number): Promise<void> =>
  set(world, tuned, LIMITS, { maxConcurrentPerAgent: slots });

async function set(world: World, tuned: Tuned, policy: string, fields: Fields): Promise<void> {
  const edits = Object.entries(fields).map(([field, value]) => `${field}=${value}`);
  await insist(world, ['policy', 'set', policy, ...edits]);
  note(tuned, policy, Object.entries(fields));
}

async function enable(world: World, tuned: Tuned, policy: string, on: boolean): Promise<void> {
  await insist(world, ['policy', on ? 'enable' : 'disable', policy]);
  note(tuned, policy, [['enabled', on]]);
}

function note(tuned: Tuned, policy: string, fields: readonly (readonly [string, unknown])[]): void {
  tuned.set(policy, new Map([...(tuned.get(policy) ?? []), ...fields]));
}

/** Runs the seed once more, over all that was tuned, and compares with what people have set. */
export async function seedOver(world: World, tuned: Tuned): Promise<string[]> {
  while (!(await runSeed(world))) await sleep(300);
  const versions = await world.rig.database.sql<PolicyVersion[]>`
    select name, version, enabled, value, by from policies order by name, version`;
  return untuned(versions, tuned);
}

/** What differs from what people have last set, and what a seed has written over the first rows. */
export function untuned(versions: readonly PolicyVersion[], tuned: Tuned): string[] {
  const inForce = new Map(versions.map((one) => [one.name, one]));
  const differing = [...tuned].flatMap(([policy, fields]) =>
    [...fields].flatMap(([field, last]) => {
      const row = inForce.get(policy);
      const now = field === 'enabled' ? row?.enabled : row?.value[field];
      return now === last ? [] : [`${policy} ${field} is ${now}, people have set ${last}`];
    }),
  );
  const written = versions.filter(({ version, by }) => version > 1 && !by.startsWith('person:'));
  const byOthers = written.map(({ name, version, by }) => `${name} version ${version} is by ${by}`);
  return [...differing, ...byOthers];
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

async function runSeed(world: World): Promise<boolean> {
  const seed = join(ROOT, 'dist/src/main/seed.js');
  const ran = promisify(execFile)(process.execPath, [seed], { env: { ...world.rig.env } });
  const ok = await ran.then(
    () => true,
    () => false, // the database may be away
  );
  count(world, `seed ${ok ? 'ok' : 'failed'}`);
  return ok;
}
