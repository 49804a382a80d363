import { checkInvariants } from '../../drizzle/invariants.js';
import { readActiveRuns } from '../../drizzle/read-active.js';
import { readSettings, readThrottled } from '../../drizzle/read-doors.js';
import {
  type AgentRow,
  type HouseFacts,
  type PolicyRow,
  readHouse,
  readPolicies,
  readSummary,
  readWaits,
  type Summary,
} from '../../drizzle/read-house.js';
import { readSandboxes, type WorkerSandbox } from '../../drizzle/sandboxes.js';
import type { Engine, Poller, Store } from '../client/engine.js';
import { MissionError } from '../client/errors.js';
import { UPKEEP_ID } from '../contract.js';
import { brokenInvariants } from './broken.js';
import { type CountedWait, countWaits } from './count-waits.js';
import type { ServiceDeps } from './deps.js';
import { inOrder, type LockedDoor, lockedDoor } from './door.js';
import { doorsOfRecords } from './doors.js';
import { otherStore } from './other-store.js';
import { isLive } from './pollers.js';
import { squadOf } from './roster.js';
import { type SandboxStanding, sandboxDoors, sandboxStanding } from './sandboxes.js';
import { standingTasks } from './standing.js';

/** The house as it was found; null where its server is away. */
export interface Examined {
  readonly records: {
    readonly facts: HouseFacts;
    readonly policies: readonly PolicyRow[];
    readonly agents: readonly AgentRow[];
    readonly summary: Summary;
    readonly waits: readonly CountedWait[];
    readonly sandboxes: readonly WorkerSandbox[];
  } | null;
  readonly temporal: {
    readonly address: string;
    readonly store: Store;
    readonly pollers: readonly Poller[];
  } | null;
  /** Where Temporal was looked for; null where no server is known. */
  readonly temporalAddress: string | null;
  /** In the order in which a task comes by them. */
  readonly doors: readonly LockedDoor[];
  readonly sandbox: SandboxStanding;
}

/**
 * Looks at all that runs really use. Answers also when both servers are away. Who looks behind a
 * canary sees it in the line.
 */
export async function examine(deps: ServiceDeps, readSquad = squadOf): Promise<Examined> {
  const [records, temporal] = await Promise.all([
    lookAtRecords(deps, readSquad),
    lookAtTemporal(deps),
  ]);
  const { found } = records;
  const { found: seen } = temporal;
  const other = found && seen ? otherStore(found.facts, seen.store) : [];
  // Workers wait for the repair of another store: that they do not poll is no fault of its own.
  const outside = other.length > 0 ? other : temporal.doors;
  const canAsk = found !== null && seen !== null && other.length === 0;
  const standing = canAsk ? await orNothing(() => standingTasks(deps)) : [];
  const fails = standing.some(({ door }) => door === 'step-fails');
  // Those whose first step fails are started, and starting them again helps nobody.
  const doors = records.doors.filter(({ door }) => !(fails && door === 'tasks-not-started'));
  const agents = found?.agents ?? [];
  const sandbox = sandboxStanding(found?.sandboxes ?? [], seen?.pollers ?? [], agents);
  return {
    records: found,
    temporal: seen,
    temporalAddress: temporal.temporalAddress,
    doors: inOrder([...doors, ...sandboxDoors(sandbox, agents), ...outside, ...standing]),
    sandbox,
  };
}

type Look<T> = { readonly found: T | null; readonly doors: readonly LockedDoor[] };

async function lookAtRecords(
  deps: ServiceDeps,
  readSquad: typeof squadOf,
): Promise<Look<NonNullable<Examined['records']>>> {
  const { database } = deps;
  try {
    const [facts, policies, agents, summary, waits, ...rest] = await Promise.all([
      readHouse(database),
      readPolicies(database),
      readSquad(database),
      readSummary(database),
      readWaits(database),
      readSettings(database),
      readThrottled(database),
      readActiveRuns(database),
      readSandboxes(database),
      checkInvariants(database),
    ]);
    const [settings, throttled, active, sandboxes, breaches] = rest;
    const behind = { settings, throttled, active };
    const locked = doorsOfRecords(facts, policies, agents, waits, behind);
    const doors = [...locked, ...brokenInvariants(breaches)];
    const counted = countWaits(waits);
    return { found: { facts, policies, agents, summary, waits: counted, sandboxes }, doors };
  } catch (error) {
    const reason = error instanceof Error ? error.message || String(error) : String(error);
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
    const why = cause === '' ? reason : cause;
    const own = deps.ownDatabase === true;
    const help = own
      ? '; it is the server that DATABASE_URL names: is it up, and the name right?'
      : '';
    const sentence = `the database cannot be used: ${why}${help}`;
    return {
      found: null,
      doors: [lockedDoor('database-away', sentence, own ? null : 'mission up')],
    };
  }
}

async function lookAtTemporal(
  deps: ServiceDeps,
): Promise<Look<NonNullable<Examined['temporal']>> & Pick<Examined, 'temporalAddress'>> {
  const { engine, taskQueue } = deps;
  let address: string | null = null;
  try {
    const temporal = await engine();
    address = temporal.address;
    // Alone and first: where Temporal is away, no other call is still under way at the end.
    const store = await temporal.store();
    const [all, runPollers, upkeep] = await Promise.all([
      temporal.pollers(),
      temporal.runPollers(),
      temporal.look(UPKEEP_ID),
    ]);
    const pollers = all.filter(isLive);
    const found = { address, store, pollers };
    const polled = { pollers, runPollers: runPollers.filter(isLive) };
    const doors = await doorsOfWorkers(temporal, taskQueue, polled, upkeep);
    return { found, temporalAddress: address, doors };
  } catch (error) {
    if (!(error instanceof MissionError)) throw error;
    const away = lockedDoor('temporal-away', error.message, 'mission up');
    return { found: null, temporalAddress: address, doors: [away] };
  }
}

async function doorsOfWorkers(
  temporal: Engine,
  taskQueue: string,
  { pollers, runPollers }: Readonly<Record<'pollers' | 'runPollers', readonly Poller[]>>,
  upkeep: 'running' | 'closed' | 'missing',
): Promise<LockedDoor[]> {
  const nobody = (why: string) => [lockedDoor('no-poller', why, 'mission up')];
  if (pollers.length === 0) {
    return nobody(`no live poller on the queue ${taskQueue}: no worker runs`);
  }
  if (runPollers.length === 0) {
    return nobody(`no live poller for runs on the queue ${taskQueue}: nothing is worked on`);
  }
  if (upkeep !== 'running') {
    const sentence = `upkeep does not run (its workflow is ${upkeep}): nothing heals`;
    return [lockedDoor('no-upkeep', sentence, 'mission repair')];
  }
  if (await temporal.isAnswered()) return [];
  const seconds = Math.round(Math.min(...pollers.map(({ idleMs }) => idleMs)) / 1_000);
  const last = `the last asked for work ${seconds} s ago`;
  return nobody(`no worker on the queue ${taskQueue} answers, though one is listed: ${last}`);
}

/** What could not be asked any more: the server's own door says why, with the next look. */
async function orNothing(ask: () => Promise<LockedDoor[]>): Promise<LockedDoor[]> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof MissionError) return [];
    throw error;
  }
}
