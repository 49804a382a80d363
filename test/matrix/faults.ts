import type { Arena } from './arena.js';
import type { Trap } from './trap.js';

/** Breaks something while a call is withheld, says what becomes of the call, and mends it. */
type Fault = (arena: Arena, trap: Trap) => Promise<void>;

/** What a restarted server had on the wire is lost; what went to the other one goes on. */
const onWire = ({ place }: Trap, broken: 'postgres' | 'temporal') =>
  place.server === broken ? 'is lost' : 'goes on';

const restartPostgres =
  (mode: 'fast' | 'immediate'): Fault =>
  async ({ rig }, trap) => {
    await rig.postgres().stop(mode);
    trap.release(onWire(trap, 'postgres'));
    await rig.startPostgres();
  };

export const FAULTS = {
  'worker killed': async (arena, trap) => {
    await arena.worker().kill('SIGKILL');
    trap.release('is lost');
    await arena.startWorker();
  },
  'Temporal killed': async ({ rig }, trap) => {
    await rig.killTemporal();
    trap.release(onWire(trap, 'temporal'));
    await rig.startTemporal();
  },
  'Postgres restarted, fast': restartPostgres('fast'),
  'Postgres restarted, immediate': restartPostgres('immediate'),
  'connections cut': async ({ postgres }, trap) => {
    postgres.cut();
    trap.release(onWire(trap, 'postgres'));
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];
