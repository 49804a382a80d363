/** The writes of configuration, each one SQL function that names who, by which door, and why. */
import type { AgentProgram } from '../src/domain/program.js';
import type { WaitReason } from '../src/domain/task.js';
import { call, type Database } from './db.js';
import type { Wake } from './steps.js';

interface By {
  readonly by: string;
  readonly door: string;
}

interface NewVersion {
  readonly name: string;
  /** The version that was looked at: another that is in force by now is not overwritten. */
  readonly baseVersion: number;
  readonly value?: object;
  readonly enabled?: boolean;
  readonly why: string;
}

type Changed = { readonly kind: 'changed'; readonly version: number; readonly by: string };

type Set = { readonly kind: 'set'; readonly wake: readonly Wake[] };

export const setPolicy = (database: Database, given: By & NewVersion) =>
  call<(Set & { readonly version: number }) | Changed>(database, 'set_policy', given);

/** What `setPolicy` and the decisions after it would do now; nothing of it stays. */
export const whatIf = (
  database: Database,
  given: By &
    NewVersion & {
      readonly admissions: readonly { readonly task: string; readonly admission: object }[];
    },
) =>
  call<
    | {
        readonly kind: 'set';
        /** Numbers of tasks. */
        readonly started: readonly number[];
        readonly admitted: readonly number[];
        readonly waits: readonly {
          readonly reason: WaitReason;
          readonly rule: string | null;
          readonly tasks: number;
        }[];
      }
    | Changed
  >(database, 'what_if', given);

export const setAgent = (
  database: Database,
  given: By & { readonly agent: string; readonly enabled: boolean; readonly why: string },
) => call<Set | { readonly kind: 'unknown' }>(database, 'set_agent', given);

/** `model` left out: each keeps its own. */
export const connectAgents = (
  database: Database,
  given: By & {
    readonly agents: readonly string[];
    readonly program: AgentProgram;
    readonly model?: string | null;
    readonly why: string;
  },
) =>
  call<{ readonly agents: readonly string[]; readonly wake: readonly Wake[] }>(
    database,
    'connect_agents',
    given,
  );

/** Back to rehearsal; of those that are connected. */
export const disconnectAgents = (
  database: Database,
  given: By & { readonly agents: readonly string[]; readonly why: string },
) =>
  call<{ readonly agents: readonly string[]; readonly wake: readonly Wake[] }>(
    database,
    'disconnect_agents',
    given,
  );

export const setSquadPaused = (
  database: Database,
  given: By & { readonly paused: boolean; readonly why: string },
) => call<{ readonly wake: readonly Wake[] }>(database, 'set_squad_paused', given);

/** Binds the store that has the workflows of this database; without `rebind` another is refused. */
export const bindTemporal = (
  database: Database,
  given: By & { readonly cluster: string; readonly namespace: string; readonly rebind: boolean },
) => call<{ readonly bound: boolean }>(database, 'bind_temporal', given);

/** Workflows of inbox tasks that were decided under a version that is no longer in force. */
export async function outdatedInbox({ sql }: Database): Promise<string[]> {
  const [row] = await sql<{ ids: string[] }[]>`select outdated_inbox() as ids`;
  return row?.ids ?? [];
}
