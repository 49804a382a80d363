import { basename } from 'node:path';
import { uuidv7 } from 'uuidv7';
import {
  addRepository,
  type RepositoryRow,
  readRepositories,
  readRepository,
} from '../../drizzle/repositories.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';

export const listRepositories = ({ database }: ServiceDeps): Promise<RepositoryRow[]> =>
  readRepositories(database);

export interface NewRepository {
  /** An absolute path or a URL. */
  readonly location: string;
  /** Left out: the last part of the location. */
  readonly name?: string | undefined;
  /** The branch that results land in; left out: the repository's own default. */
  readonly target?: string | undefined;
  readonly landing: 'branch' | 'merge';
}

const NAME = /^[\w][\w.-]{0,99}$/;

/** Registers a person's repository after a look at it. */
export async function add(deps: ServiceDeps, given: NewRepository): Promise<RepositoryRow> {
  const { database, principal: by, door } = deps;
  const probed = await probe(deps, given);
  const { location, defaultBranch } = probed;
  const name = given.name ?? basename(location).replace(/\.git$/, '');
  if (!NAME.test(name)) {
    const allowed = 'letters, digits, `.`, `_` and `-`';
    throw new ServiceError(
      'usage',
      `"${name}" cannot be a name: it may hold ${allowed}; give --name`,
    );
  }
  const target = given.target ?? defaultBranch;
  const { landing } = given;
  const row = { id: uuidv7(), name, location, target, landing, provenance: 'person' as const };
  const answer = await addRepository(database, { ...row, by, door });
  if (answer.kind === 'exists') {
    const sentence = `there is a repository "${name}" already; give this one another --name`;
    throw new ServiceError('failed', sentence);
  }
  const added = await readRepository(database, name);
  if (added === null) throw new Error(`${name} was added and is not there`);
  return added;
}

/** What the look finds wrong is a sentence that says what to do. */
async function probe(deps: ServiceDeps, given: NewRepository) {
  try {
    return await deps.probe(given.location, given.target);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new ServiceError('usage', error.message);
  }
}
