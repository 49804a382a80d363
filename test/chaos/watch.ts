import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Crew, Fault } from './faults.js';
import type { World } from './world.js';

/** Memory in bytes. */
interface Held {
  readonly memory: number;
  readonly handles: number;
}

/** What was measured at one moment. */
export interface Sample {
  readonly minute: number;
  readonly worker: Held;
  readonly temporal: Held;
  /** Over all its processes, shared memory counted once; each process is a handle. */
  readonly postgres: Held;
  readonly copies: number;
}

/** One fault: whether work was under way, and how long until a run closed again. */
export interface Hit {
  readonly fault: Fault;
  readonly underWay: number;
  readonly recoveryMs: number;
}

/** Milliseconds between two looks at the records. */
const LOOK_MS = 100;
const SAMPLE_MS = 5000;

export class Watch {
  readonly hits: Hit[] = [];
  readonly samples: Sample[] = [];
  private readonly world: World;
  private readonly since = Date.now();
  private closed = 0;
  private running = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** Looks at the records until all is over; a database that is away changes nothing. */
  async look(): Promise<void> {
    const { rig, over } = this.world;
    while (!over.aborted) {
      try {
        const [row] = await rig.database.sql<{ closed: number; running: number }[]>`
          select count(*) filter (where ended_at is not null)::integer as closed,
            count(*) filter (where state = 'RUNNING')::integer as running from runs`;
        this.closed = row?.closed ?? this.closed;
        this.running = row?.running ?? 0;
      } catch {
        this.running = 0;
      }
      await sleep(LOOK_MS);
    }
  }

  /** Inflicts a fault and waits until a run has closed after it, the outage included. */
  async time(fault: Fault, inflict: () => Promise<void>): Promise<void> {
    while (this.running === 0 && !this.world.closing.aborted) await sleep(LOOK_MS);
    const underWay = this.running;
    const before = this.closed;
    const from = Date.now();
    const healed = inflict();
    if (fault === 'worker SIGSTOP')
      void healed; // the others go on meanwhile
    else await healed;
    const closedThen = fault === 'worker SIGSTOP' ? before : this.closed;
    while (this.closed <= closedThen && !this.world.over.aborted) await sleep(LOOK_MS);
    this.hits.push({ fault, underWay, recoveryMs: Date.now() - from });
    await healed;
  }

  async sample(crew: Crew): Promise<void> {
    const { rig, over } = this.world;
    while (!over.aborted) {
      const temporal = processFacts(rig.temporal().child.process.pid);
      const worker = processFacts(crew.survivor.pid);
      const postgres = familyFacts(rig.postgres().child.process.pid);
      if (temporal && worker && postgres) {
        const minute = (Date.now() - this.since) / 60_000;
        const copies = copiesIn(rig.home).length;
        this.samples.push({ minute, worker, temporal, postgres, copies });
      }
      await sleep(SAMPLE_MS, undefined, { signal: over }).catch(() => undefined);
    }
  }
}

/** null: it has just been killed. */
function processFacts(pid: number): Held | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const memory = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    return { memory, handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return null;
  }
}

/** Of a server and the processes that it has forked; null: it has just been stopped. */
function familyFacts(pid: number): Held | null {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    const shares = [pid, ...children.filter(Boolean).map(Number)].flatMap(shareOf);
    const memory = shares.reduce((sum, share) => sum + share, 0);
    return shares.length > 1 ? { memory, handles: shares.length } : null;
  } catch {
    return null;
  }
}

/** A page that several processes map counts for each by its share; of one that is gone, nothing. */
function shareOf(pid: number): number[] {
  try {
    const mapped = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return [Number(/^Pss:\s+(\d+)/m.exec(mapped)?.[1] ?? 0) * 1024];
  } catch {
    return [];
  }
}

/** What is left of working copies on disk; a marker's draft counts as well. */
export function copiesIn(home: string): string[] {
  const folder = join(home, 'copies');
  try {
    return readdirSync(folder).filter((name) => !name.endsWith('.json'));
  } catch {
    return [];
  }
}

/** Processes that agents have started and that still live: they carry the home in their world. */
export function agentProcesses(home: string, ours: ReadonlySet<number>): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!pid || ours.has(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(join(home, 'copies'));
      } catch {
        return false; // a stranger's, or gone
      }
    });
}
