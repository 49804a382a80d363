/** The writes of configuration, each one SQL function that names who, by which door, and why. */
import { call, type Database } from './db.js';
import type { Wake } from './steps.js';

interface By {
  readonly by: string;
  readonly door: string;
}

type Set = { readonly kind: 'set'; readonly wake: readonly Wake[] };

export const setPolicy = (
  database: Database,
  given: By & {
    readonly name: string;
    /** The version that was looked at: another that is in force by now is not overwritten. */
    readonly baseVersion: number;
    readonly value?: object;
    readonly enabled?: boolean;
    readonly why: string;
  },
) =>
  call<
    | (Set & { readonly version: number })
    | { readonly kind: 'changed'; readonly version: number; readonly by: string }
  >(database, 'set_policy', given);

export const setAgent = (
  database: Database,
  given: By & { readonly agent: string; readonly enabled: boolean; readonly why: string },
) => call<Set | { readonly kind: 'unknown' }>(database, 'set_agent', given);

export const setSquadPaused = (
  database: Database,
  given: By & { readonly paused: boolean; readonly why: string },
) => call<{ readonly wake: readonly Wake[] }>(database, 'set_squad_paused', given);

export const addRepository = (
  database: Database,
  given: By & {
    readonly id: string;
    readonly name: string;
    readonly location: string;
    readonly target: string;
    readonly landing: 'branch' | 'merge';
    readonly provenance: 'person' | 'demo' | 'test';
  },
) => call<{ readonly kind: 'added' | 'exists' }>(database, 'add_repository', given);

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
