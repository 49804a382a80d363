import type { PolicyRow } from '../../drizzle/read-house.js';
import type { PolicyName, PolicyValues } from '../domain/policy.js';
import { counted } from '../domain/text.js';
import { soundInvariants } from './broken.js';
import type { ServiceDeps } from './deps.js';
import { type DoorStage, inOrder, type LockedDoor, STAGES } from './door.js';
import { type Examined, examine } from './examine.js';

export interface StageReport {
  readonly stage: DoorStage;
  /** `unknown`: what tells of it is away. */
  readonly state: 'open' | 'locked' | 'unknown';
  /** What was found there, in a few words. */
  readonly says: string;
}

export interface Diagnosis {
  readonly healthy: boolean;
  readonly stages: readonly StageReport[];
  /** The first locked door on the way of a task. */
  readonly first: LockedDoor | null;
  /** All others: doors come in pairs. */
  readonly also: readonly LockedDoor[];
  /** Where Temporal was looked for, also when it is away. */
  readonly temporalAddress: string | null;
}

/** Walks the way of a task from the inbox to its landing, over what runs really use. */
export async function doctor(
  deps: ServiceDeps,
  known: readonly LockedDoor[] = [],
): Promise<Diagnosis> {
  const found = await examine(deps);
  const doors = inOrder([...known, ...found.doors]);
  const stages = STAGES.map((stage): StageReport => {
    const door = doors.find((each) => each.stage === stage);
    if (door !== undefined) return { stage, state: 'locked', says: door.sentence };
    const says = saysOf(stage, found, deps.taskQueue);
    if (says === null)
      return { stage, state: 'unknown', says: 'not looked at: its server is away' };
    return { stage, state: 'open', says };
  });
  const [first = null, ...also] = doors;
  const { temporalAddress } = found;
  return { healthy: first === null, stages, first, also, temporalAddress };
}

/** What cannot be looked at because no server is there at all. */
export const diagnosisOf = (door: LockedDoor): Diagnosis => ({
  healthy: false,
  first: door,
  also: [],
  temporalAddress: null,
  stages: STAGES.map((stage) =>
    stage === door.stage
      ? { stage, state: 'locked', says: door.sentence }
      : { stage, state: 'unknown', says: 'not looked at: its server is away' },
  ),
});

type Records = NonNullable<Examined['records']>;
type Temporal = NonNullable<Examined['temporal']>;

/** What an open stage says of itself; null where its server is away. */
function saysOf(stage: DoorStage, { records, temporal }: Examined, queue: string): string | null {
  const ofTemporal = OF_TEMPORAL[stage];
  if (ofTemporal !== undefined) return temporal && ofTemporal(temporal, queue);
  return records && (OF_RECORDS[stage]?.(records) ?? 'nothing is in the way');
}

const OF_TEMPORAL: Partial<Record<DoorStage, (found: Temporal, queue: string) => string>> = {
  temporal: ({ address, store }) => `${store.version} at ${address}`,
  store: () => 'it has the workflows of these tasks',
  worker: ({ pollers }, queue) => {
    const seconds = Math.round(Math.min(...pollers.map(({ idleMs }) => idleMs)) / 1_000);
    const workers = counted(pollers.length, 'worker polls', 'workers poll');
    return `${workers} ${queue}, the last ${seconds} s ago`;
  },
  upkeep: () => 'runs, and a worker answers for it',
};

const inForce = <N extends PolicyName>({ policies }: Records, name: N): PolicyValues[N] => {
  const isAsked = (row: PolicyRow): row is PolicyRow<N> => row.name === name;
  const found = policies.find(isAsked);
  if (found === undefined) throw new Error(`there is no policy ${name}`);
  return found.value;
};

const OF_RECORDS: Partial<Record<DoorStage, (found: Records) => string>> = {
  database: ({ facts }) => `Postgres ${facts.postgresVersion}`,
  admission: (found) => {
    const { allowedAgentTypes, maxPriority } = inForce(found, 'auto-approve');
    return `policy admits ${allowedAgentTypes.join(', ')} up to ${maxPriority}`;
  },
  agent: ({ agents, facts }) => {
    const able = agents.filter(({ canWork }) => canWork).length;
    const how = facts.rehearsing ? ', rehearsing: none is connected' : '';
    return `${able} of ${counted(agents.length, 'agent', 'agents')} can work${how}`;
  },
  limits: (found) => {
    const limits = inForce(found, 'execution-limits');
    return (
      `${limits.maxConcurrentPerAgent} at once and ${limits.maxDailyPerAgent} a day per agent, ` +
      `${limits.maxDailyTokens} tokens a day`
    );
  },
  slot: ({ agents }) => {
    const running = agents.reduce((sum, agent) => sum + agent.running, 0);
    const queued = agents.reduce((sum, agent) => sum + agent.queued, 0);
    return `${counted(running, 'run holds', 'runs hold')} one, ${queued} in line`;
  },
  reviewer: ({ agents }) =>
    agents.flatMap(({ id, reviews, canWork }) => (reviews && canWork ? [id] : [])).join(', '),
  'review limits': (found) => {
    const { maxCycles } = inForce(found, 'review');
    const { maxDailyPerReviewer } = inForce(found, 'execution-limits');
    return `${counted(maxCycles, 'cycle', 'cycles')}, ${maxDailyPerReviewer} reviews a day each`;
  },
  landing: (found) => {
    const { maxLandingCycles } = inForce(found, 'landing');
    const again = `${counted(maxLandingCycles, 'conflict is', 'conflicts are')} worked on again`;
    const { waiting, trouble } = found.facts.pullRequests;
    if (waiting === 0) return again;
    const wait = counted(waiting, 'pull request waits', 'pull requests wait');
    return `${again}; ${wait} to be merged${trouble === null ? '' : ` (${trouble})`}`;
  },
  invariants: soundInvariants,
};
