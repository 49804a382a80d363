import { DEFAULT_POLICIES, POLICY_NAMES } from '../src/domain/policy.js';
import { ROLES } from '../src/domain/roles.js';
import { RUN_KINDS } from '../src/domain/run.js';
import { call, connect } from './db.js';
import { SQUAD } from './squad.js';

/** One row of a seed: what is there is never changed. */
export interface SeededRow {
  readonly table: 'agents' | 'policies' | 'roles';
  readonly id: string;
  readonly outcome: 'inserted' | 'left alone';
  /** Of a policy or a role that was left alone: whose version stands. */
  readonly version: number | null;
  readonly tunedBy: string | null;
}

/** Inserts what is missing, in one statement, and says of each row what became of it. */
export async function seed(databaseUrl: string): Promise<SeededRow[]> {
  const database = connect(databaseUrl, { max: 1 });
  try {
    return await call<SeededRow[]>(database, 'seed', {
      agents: SQUAD,
      policies: POLICY_NAMES.map((name) => DEFAULT_POLICIES[name]),
      roles: RUN_KINDS.map((kind) => ({ kind, text: ROLES[kind] })),
    });
  } finally {
    await database.close();
  }
}

/** As in `policies review: left alone (version 3, tuned by person:ann)`. */
export function seededLine(row: SeededRow): string {
  const tuned = row.version === null ? '' : ` (version ${row.version}, ${authorship(row)})`;
  return `${row.table} ${row.id}: ${row.outcome}${row.outcome === 'inserted' ? '' : tuned}`;
}

const authorship = ({ tunedBy }: SeededRow): string =>
  tunedBy === null ? 'as seeded' : `tuned by ${tunedBy}`;
