/** What is kept of people's repositories: how they are prepared, checked and landed in. */
import { eq, getTableColumns } from 'drizzle-orm';
import type { Baseline, LandingMode, Recipe } from '../src/domain/repository.js';
import { call, type Database } from './db.js';
import { repositories } from './schema.js';

interface By {
  readonly by: string;
  readonly door: string;
}

/** @param given.recipe left out: there is nothing to fetch and nothing to check */
export const addRepository = (
  database: Database,
  given: By & {
    readonly id: string;
    readonly name: string;
    readonly location: string;
    readonly target: string;
    readonly landing: LandingMode;
    readonly provenance: 'person' | 'demo' | 'test';
    readonly recipe?: Recipe;
    readonly baseline?: Baseline | null;
  },
) => call<{ readonly kind: 'added' | 'exists' }>(database, 'add_repository', given);

/** What a person may change of a repository later. */
export interface RepositoryChange {
  readonly recipe?: Partial<Recipe>;
  readonly landing?: LandingMode;
  readonly target?: string;
}

/** Changes what is given and leaves the rest; a new recipe makes the baselines of the old void. */
export const setRepository = (
  database: Database,
  given: By & RepositoryChange & { readonly name: string; readonly why: string },
) => call<{ readonly kind: 'set' | 'same' | 'unknown' }>(database, 'set_repository', given);

/**
 * Keeps how the checks ended on a commit that nobody has worked on yet, in place of the last.
 * @param given.recipe what they ran by; `outdated`: it was changed since, and nothing was kept
 */
export const storeBaseline = (
  database: Database,
  given: By & Baseline & { readonly repository: string; readonly recipe: Recipe },
) => call<{ readonly kind: 'stored' | 'outdated' }>(database, 'store_baseline', given);

export interface StoredBaseline extends Baseline {
  readonly by: string;
  readonly at: string;
}

/**
 * How the checks ended on a commit, with whole outputs.
 * @param commit null: on whichever was looked at last
 * @param setupDigest null: with whichever dependencies it was looked at last
 */
export async function readBaseline(
  { sql }: Database,
  repositoryId: string,
  commit: string | null,
  setupDigest: string | null,
): Promise<StoredBaseline | null> {
  const [found] = await sql<{ baseline: StoredBaseline }[]>`
    select baseline_json(b) as baseline from baselines b
    where repository_id = ${repositoryId}
      and (${commit}::text is null or "commit" = ${commit})
      and (${setupDigest}::text is null or setup_digest = ${setupDigest})
    order by at desc limit 1`;
  return found?.baseline ?? null;
}

export type RepositoryRow = Omit<typeof repositories.$inferSelect, 'createdAt'>;

const { createdAt: _, ...SHOWN } = getTableColumns(repositories);

export const readRepositories = ({ db }: Database): Promise<RepositoryRow[]> =>
  db.select(SHOWN).from(repositories).orderBy(repositories.name);

export async function readRepository(
  { db }: Database,
  name: string,
): Promise<RepositoryRow | null> {
  const [found] = await db.select(SHOWN).from(repositories).where(eq(repositories.name, name));
  return found ?? null;
}
