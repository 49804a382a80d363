import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import type { Rig, RigWorker } from '../support/rig.js';
import type { Dice } from './dice.js';

export const FAULTS = [
  'worker SIGKILL',
  'worker SIGTERM',
  'worker SIGSTOP',
  'Postgres restarted, fast',
  'Postgres restarted, immediate',
  'connections cut',
  'Temporal SIGKILL',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How often each is in the deck; a deck is drawn to its end before it is shuffled anew. */
const DECK: Readonly<Record<Fault, number>> = {
  'worker SIGKILL': 10,
  'worker SIGTERM': 2,
  'worker SIGSTOP': 1,
  'Postgres restarted, fast': 3,
  'Postgres restarted, immediate': 3,
  'connections cut': 3,
  'Temporal SIGKILL': 2,
};

/** Every fault of the deck, in an order drawn anew for each deck, without an end. */
export function* deckOf(dice: Dice): Generator<Fault, never> {
  const deck = FAULTS.flatMap((fault) => Array.from({ length: DECK[fault] }, () => fault));
  for (;;) yield* dice.shuffled(deck);
}

/** Workers that faults may hit; the first started one is left alone, to see whether it grows. */
export class Crew {
  readonly survivor: RigWorker;
  private readonly victims = new Set<RigWorker>();
  private readonly rig: Rig;
  restarts = 0;
  /** Workers that ended by themselves: none should. */
  readonly deserters: string[] = [];

  private constructor(rig: Rig, survivor: RigWorker) {
    this.rig = rig;
    this.survivor = survivor;
    void survivor.ended.then(() =>
      this.deserters.push(`${basename(survivor.log)} ended by itself`),
    );
  }

  static async start(rig: Rig, size: number): Promise<Crew> {
    const crew = new Crew(rig, await rig.startWorker());
    for (let started = 1; started < size; started++) await crew.engage();
    return crew;
  }

  /** Whoever ends by itself is named, and replaced as a supervisor would. */
  async engage(): Promise<void> {
    const worker = await this.rig.startWorker();
    this.victims.add(worker);
    void worker.ended.then(() => {
      if (!this.victims.has(worker)) return;
      this.deserters.push(`${basename(worker.log)} ended by itself`);
      void this.replace(worker);
    });
  }

  /** Takes it from those that are expected to live. */
  dismiss(victim: RigWorker): void {
    this.victims.delete(victim);
  }

  /** Nobody is replaced any more: whoever closes the rig ends them all. */
  disband(): void {
    this.victims.clear();
  }

  async replace(victim: RigWorker): Promise<void> {
    this.dismiss(victim);
    this.restarts++;
    await this.engage();
  }

  victim(dice: Dice): RigWorker {
    return dice.pick([...this.victims]);
  }
}

/** Does it and heals it; resolves when all is up again. */
export async function inflict(fault: Fault, rig: Rig, crew: Crew, dice: Dice): Promise<void> {
  const downMs = dice.between(0, 3000);
  switch (fault) {
    case 'worker SIGKILL':
    case 'worker SIGTERM': {
      const victim = crew.victim(dice);
      crew.dismiss(victim);
      await victim.kill(fault === 'worker SIGKILL' ? 'SIGKILL' : 'SIGTERM');
      await sleep(downMs / 3);
      return crew.replace(victim);
    }
    case 'worker SIGSTOP': {
      const victim = crew.victim(dice);
      victim.child.kill('SIGSTOP');
      await sleep(dice.between(5_000, 45_000)); // beyond the heartbeat's 30 s it is a zombie
      victim.child.kill('SIGCONT');
      return;
    }
    case 'Postgres restarted, fast':
    case 'Postgres restarted, immediate':
      await rig.postgres().stop(fault.endsWith('fast') ? 'fast' : 'immediate');
      await sleep(downMs);
      return rig.startPostgres();
    case 'connections cut':
      return cutConnections(rig.databaseUrl);
    case 'Temporal SIGKILL':
      await rig.killTemporal();
      await sleep(downMs);
      return rig.startTemporal();
    default:
      return fault satisfies never;
  }
}

/** Over a connection of its own, so that it does not cut itself off. */
async function cutConnections(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice() {} });
  try {
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
  } finally {
    await sql.end({ timeout: 2 });
  }
}
