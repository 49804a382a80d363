import { uuidv7 } from 'uuidv7';
import type { Database } from '../drizzle/db.js';
import type { Opening } from '../drizzle/steps.js';
import type { AgentBackend } from '../src/agents/backend.js';
import type { RunSpec, Then } from '../src/contract.js';
import type { BackendKind } from '../src/domain/agent.js';
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
  readonly taskQueue: string;
  readonly checks: CheckSettings;
  /** Boot id, PID namespace, pid and start time: what a proof of death needs. */
  readonly worker: string;
}

/** Gives the runs that a step opens their ids: made here, since workflows have no clock. */
export const opening = (then: Then): Opening => ({ ...then, next: withIds(then.next ?? []) });

export const withIds = (specs: readonly RunSpec[]) =>
  specs.map((spec) => ({ ...spec, id: uuidv7() }));
