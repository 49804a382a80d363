import type { Summary } from '../../drizzle/read-house.js';
import type { CountedWait } from './count-waits.js';
import type { ServiceDeps } from './deps.js';
import type { LockedDoor } from './door.js';
import { examine } from './examine.js';
import type { SandboxStanding } from './sandboxes.js';

export interface HouseStatus {
  readonly healthy: boolean;
  readonly doors: readonly LockedDoor[];
  readonly postgres: { readonly version: string } | null;
  readonly temporal: { readonly address: string; readonly version: string } | null;
  /** Where Temporal was looked for, also when it is away. */
  readonly temporalAddress: string | null;
  readonly workers: number;
  readonly taskQueue: string;
  /** No agent is connected: every run is a rehearsal. Information, no fault. */
  readonly rehearsing: boolean;
  /** What programs of agents are run in, and whose nothing holds. */
  readonly sandbox: SandboxStanding;
  readonly openTasks: number;
  /** Tasks that wait by name, the doors' own among them. Information, no fault. */
  readonly waits: readonly CountedWait[];
  readonly summary: Summary | null;
}

/** What runs, and every locked door by name. Answers also when both servers are away. */
export async function status(deps: ServiceDeps): Promise<HouseStatus> {
  const { records, temporal, temporalAddress, doors, sandbox } = await examine(deps);
  return {
    healthy: doors.length === 0,
    doors,
    postgres: records && { version: records.facts.postgresVersion },
    temporal: temporal && { address: temporal.address, version: temporal.store.version },
    temporalAddress,
    workers: temporal?.pollers.length ?? 0,
    taskQueue: deps.taskQueue,
    rehearsing: records?.facts.rehearsing ?? false,
    sandbox,
    openTasks: records?.facts.open ?? 0,
    waits: records?.waits ?? [],
    summary: records?.summary ?? null,
  };
}
