import { spawn } from 'node:child_process';
import type { MissionControl } from '../../src/client/index.js';
import { ended, PROGRAM } from '../support/mission.js';
import type { Repository } from '../support/repository.js';
import type { Rig } from '../support/rig.js';
import type { PlannedTask } from './plan.js';

/** A task that was sent, and whether somebody was told that it is there. */
export interface Sent {
  readonly key: string;
  readonly plan: PlannedTask;
  acknowledged: boolean;
}

/** What all parts of a chaos run share. */
export interface World {
  readonly rig: Rig;
  readonly mission: MissionControl;
  readonly repository: Repository;
  readonly sent: Map<string, Sent>;
  /** How often each thing was done, and how it went: `approve ok`, `file by cli unknown`. */
  readonly tally: Map<string, number>;
  /** No more is filed, broken or tuned; what is there comes to its end. */
  readonly closing: AbortSignal;
  /** All is over. */
  readonly over: AbortSignal;
}

export const SOURCE = 'chaos';

export const count = ({ tally }: World, what: string): void => {
  tally.set(what, (tally.get(what) ?? 0) + 1);
};

/** The command line on the rig, as a process. */
export async function mission(world: World, args: readonly string[], input = '') {
  const { env, home } = world.rig;
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: home, env, stdio: 'pipe' });
  child.stdin.on('error', () => undefined).end(input);
  const ran = await ended(child);
  count(world, `mission ${args[0]} ${ran.code === 0 ? 'ok' : `exit ${ran.code}`}`);
  return ran;
}
