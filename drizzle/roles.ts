/** The versioned instructions of roles: read, and set by one SQL function. */
import type { RunKind } from '../src/domain/run.js';
import { call, type Database } from './db.js';

/** One version of how a run of a kind is done. */
export interface RoleRow {
  readonly kind: RunKind;
  readonly version: number;
  readonly text: string;
  readonly by: string;
  readonly door: string;
  readonly why: string;
  /** ISO time. */
  readonly createdAt: string;
}

/** Every version of every role, newest first. */
export async function readRoles({ sql }: Database): Promise<RoleRow[]> {
  const rows = await sql<{ row: RoleRow }[]>`
    select jsonb_build_object('kind', kind, 'version', version, 'text', text, 'by', "by",
      'door', door, 'why', why, 'createdAt', created_at) as row
    from roles order by kind, version desc`;
  return rows.map(({ row }) => row);
}

export const setRole = (
  database: Database,
  given: {
    readonly kind: RunKind;
    /** The version that was looked at: another that is in force by now is not overwritten. */
    readonly baseVersion: number;
    readonly text: string;
    readonly by: string;
    readonly door: string;
    readonly why: string;
  },
) =>
  call<
    | { readonly kind: 'set'; readonly version: number }
    | { readonly kind: 'changed'; readonly version: number; readonly by: string }
    | { readonly kind: 'refused' }
  >(database, 'set_role', given);
