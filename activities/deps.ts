import { uuidv7 } from 'uuidv7';
import type { Database } from '../drizzle/db.js';
import type { Opening } from '../drizzle/steps.js';
import type { AgentBackend } from '../src/agents/backend.js';
import type { RunSpec, Then } from '../src/contract.js';
import type { BackendKind } from '../src/domain/agent.js';
import type { GitHub } from '../src/github/index.js';
import type { Workspaces } from '../src/workspace/index.js';

/** How the machine bears the checks of people's repositories. */
export interface CheckSettings {
  /** So many runs by checks at once; the others wait. */
  readonly atOnce: number;
  /** How long one check may take. */
  readonly timeLimitMs: number;
}

/** What the activities of one worker work with; `src/main/worker.ts` wires it. */
export interface Deps {
  readonly database: Database;
  readonly workspaces: Workspaces;
  readonly backends: Record<BackendKind, AgentBackend | null>;
  readonly github: GitHub;
  readonly taskQueue: string;
  readonly checks: CheckSettings;
  /** Boot id, PID namespace, pid and start time: what a proof of death needs. */
  readonly worker: string;
  /** Faster in tests. */
  readonly pace?: Pace;
}

/** How often what has no event is looked at, in milliseconds. */
export interface Pace {
  /** Between two passes of upkeep. */
  readonly passMs: number;
  /** Between two looks at a pull request: at first, and when nothing has happened for long. */
  readonly firstLookMs: number;
  readonly lastLookMs: number;
  /** Who comments one by one has finished when nothing was added for so long. */
  readonly quietMs: number;
}

const PACE: Pace = { passMs: 5_000, firstLookMs: 15_000, lastLookMs: 120_000, quietMs: 60_000 };

export const paceOf = ({ pace = PACE }: Pick<Deps, 'pace'>): Pace => pace;

/** Gives the runs that a step opens their ids: made here, since workflows have no clock. */
export const opening = (then: Then): Opening => ({ ...then, next: withIds(then.next ?? []) });

export const withIds = (specs: readonly RunSpec[]) =>
  specs.map((spec) => ({ ...spec, id: uuidv7() }));
