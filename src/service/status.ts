import {
  type HouseFacts,
  readAgents,
  readHouse,
  readPolicies,
  readSummary,
  readWaits,
  type Summary,
} from '../../drizzle/read-house.js';
import type { Poller, Store } from '../client/engine.js';
import { MissionError } from '../client/errors.js';
import { UPKEEP_ID } from '../contract.js';
import { type CountedWait, countWaits } from './count-waits.js';
import type { ServiceDeps } from './deps.js';
import { doorsOfRecords, type LockedDoor } from './doors.js';
import { otherStore } from './other-store.js';
import { isLive } from './pollers.js';

export interface HouseStatus {
  readonly healthy: boolean;
  readonly doors: readonly LockedDoor[];
  readonly postgres: { readonly version: string } | null;
  readonly temporal: { readonly address: string; readonly version: string } | null;
  readonly workers: number;
  readonly taskQueue: string;
  /** No agent is connected: every run is a rehearsal. Information, no fault. */
  readonly rehearsing: boolean;
  readonly openTasks: number;
  /** Tasks that wait by name, the doors' own among them. Information, no fault. */
  readonly waits: readonly CountedWait[];
  readonly summary: Summary | null;
}

/** What runs, and every locked door by name. Answers also when both servers are away. */
export async function status(deps: ServiceDeps): Promise<HouseStatus> {
  const [records, temporal] = await Promise.all([lookAtRecords(deps), lookAtTemporal(deps)]);
  const { facts, summary } = records;
  const other = facts && temporal.store ? otherStore(facts, temporal.store) : [];
  // Workers wait for the repair of another store: that they do not poll is no fault of its own.
  const doors = [...records.doors, ...(other.length > 0 ? other : temporal.doors)];
  return {
    healthy: doors.length === 0,
    doors,
    postgres: facts === null ? null : { version: facts.postgresVersion },
    temporal:
      temporal.store === null
        ? null
        : { address: temporal.address, version: temporal.store.version },
    workers: temporal.pollers.length,
    taskQueue: deps.taskQueue,
    rehearsing: facts?.rehearsing ?? false,
    openTasks: facts?.open ?? 0,
    waits: records.waits,
    summary,
  };
}

async function lookAtRecords({ database }: ServiceDeps): Promise<{
  facts: HouseFacts | null;
  summary: Summary | null;
  doors: LockedDoor[];
  waits: CountedWait[];
}> {
  try {
    const [facts, policies, agents, summary, waits] = await Promise.all([
      readHouse(database),
      readPolicies(database),
      readAgents(database),
      readSummary(database),
      readWaits(database),
    ]);
    const doors = doorsOfRecords(facts, policies, agents, waits);
    return { facts, summary, doors, waits: countWaits(waits) };
  } catch (error) {
    const reason = error instanceof Error ? error.message || String(error) : String(error);
    const sentence = `the database cannot be used: ${reason}`;
    const door: LockedDoor = { door: 'database-away', sentence, command: 'mission up' };
    return { facts: null, summary: null, doors: [door], waits: [] };
  }
}

interface TemporalLook {
  readonly address: string;
  readonly store: Store | null;
  readonly pollers: readonly Poller[];
  readonly doors: readonly LockedDoor[];
}

async function lookAtTemporal({ engine, taskQueue }: ServiceDeps): Promise<TemporalLook> {
  try {
    const temporal = await engine();
    const [store, all, upkeep] = await Promise.all([
      temporal.store(),
      temporal.pollers(),
      temporal.look(UPKEEP_ID),
    ]);
    const pollers = all.filter(isLive);
    const doors: LockedDoor[] = [];
    if (pollers.length === 0) {
      const sentence = `no live poller on the queue ${taskQueue}: no worker runs`;
      doors.push({ door: 'no-poller', sentence, command: 'mission up' });
    } else if (upkeep !== 'running') {
      const sentence = `upkeep does not run (its workflow is ${upkeep}): nothing heals`;
      doors.push({ door: 'no-upkeep', sentence, command: 'mission repair' });
    }
    return { address: temporal.address, store, pollers, doors };
  } catch (error) {
    if (!(error instanceof MissionError)) throw error;
    const door: LockedDoor = {
      door: 'temporal-away',
      sentence: error.message,
      command: 'mission up',
    };
    return { address: '', store: null, pollers: [], doors: [door] };
  }
}
