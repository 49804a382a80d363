import { basename } from 'node:path';
import { uuidv7 } from 'uuidv7';
import {
  addRepository,
  type RepositoryChange,
  type RepositoryRow,
  readBaseline,
  readRepositories,
  readRepository,
  type StoredBaseline,
  setRepository,
  storeBaseline,
} from '../../drizzle/repositories.js';
import { filesToRead, type Proposal, proposeRecipe } from '../domain/recipe/propose.js';
import { type Baseline, isLasting, type LandingMode, type Recipe } from '../domain/repository.js';
import { nearest } from '../domain/text.js';
import type { ServiceDeps } from './deps.js';
import type {
  Located,
  Measurable,
  Measured,
  Probed,
  RepositoryDesk,
  Tip,
  Watching,
} from './desk.js';
import { ServiceError } from './errors.js';

export const listRepositories = ({ database }: ServiceDeps): Promise<RepositoryRow[]> =>
  readRepositories(database);

export interface RepositoryDetails extends RepositoryRow {
  /** What was found last; null: its checks were not run under this recipe. */
  readonly baseline: StoredBaseline | null;
}

export async function showRepository(deps: ServiceDeps, name: string): Promise<RepositoryDetails> {
  const row = await find(deps, name);
  return { ...row, baseline: await readBaseline(deps.database, row.id, null, null) };
}

/** Of a recipe, what a person has said; what is left out is proposed. */
export type Wishes = Partial<Recipe>;

export interface NewRepository {
  /** An absolute path or a URL. */
  readonly location: string;
  /** Left out: the last part of the location. */
  readonly name?: string | undefined;
  /** The branch that results land in; left out: the repository's own default. */
  readonly target?: string | undefined;
  /** Left out: pull requests where they can be opened, else branches. */
  readonly landing?: LandingMode | undefined;
  readonly wishes: Wishes;
}

/** A repository that can be added, and what its own files propose. */
export interface Examined extends Located {
  readonly name: string;
  readonly target: string;
  readonly landing: LandingMode;
  /** The tip of the target: what is measured. */
  readonly commit: string;
  readonly proposal: Proposal;
}

const NAME = /^[\w][\w.-]{0,99}$/;

/** Looks at a repository that a person wants to add. Its mirror stays: `forget` removes it. */
export async function examine(
  deps: ServiceDeps,
  given: NewRepository,
  signal: AbortSignal,
): Promise<Examined> {
  const desk = await deps.desk();
  const probed = await saying(() => desk.probe(given.location, given.target));
  const { location, defaultBranch } = probed;
  const name = given.name ?? basename(location).replace(/\.git$/, '');
  await checkName(deps, name);
  const target = given.target ?? defaultBranch;
  await saying(() => desk.checkCopies(probed, given.wishes.copies ?? []));
  const id = uuidv7();
  try {
    const tip = await saying(() => desk.tip({ id, location }, target, signal));
    checkTree(tip, given.wishes);
    const landing = await landingOf(desk, probed, given.landing);
    const proposal = await propose(tip, given.wishes);
    return { id, name, location, target, landing, commit: tip.commit, proposal };
  } catch (error) {
    await desk.forget(id);
    throw error;
  }
}

/** Registers what was examined. */
export async function add(
  deps: ServiceDeps,
  examined: Examined,
  recipe: Recipe,
  baseline: Baseline | null,
): Promise<RepositoryDetails> {
  const { database, principal: by, door } = deps;
  const { id, name, location, target, landing } = examined;
  const row = { id, name, location, target, landing, provenance: 'person' as const };
  const kept = baseline !== null && isLasting(baseline) ? baseline : null;
  const answer = await addRepository(database, { ...row, recipe, baseline: kept, by, door });
  if (answer.kind === 'exists') throw taken(name);
  return showRepository(deps, name);
}

/** A change that can be made, and what it comes to. */
export interface Examination {
  readonly repository: RepositoryRow;
  readonly recipe: Recipe;
  readonly target: string;
  readonly commit: string;
  /** Whether what was found of its checks counts no longer. */
  readonly recipeChanges: boolean;
}

/** Looks whether a repository can be changed like this, and at the tip that it then begins at. */
export async function examineChange(
  deps: ServiceDeps,
  name: string,
  change: RepositoryChange,
  signal: AbortSignal,
): Promise<Examination> {
  const repository = await find(deps, name);
  const desk = await deps.desk();
  const target = change.target ?? repository.target;
  const recipe = { ...repository.recipe, ...change.recipe };
  const probed = await saying(() => desk.probe(repository.location, target));
  if (change.recipe?.copies !== undefined) {
    await saying(() => desk.checkCopies(probed, recipe.copies));
  }
  const tip = await saying(() => desk.tip(repository, target, signal));
  checkTree(tip, recipe);
  const recipeChanges =
    JSON.stringify(sorted(recipe)) !== JSON.stringify(sorted(repository.recipe));
  return { repository, recipe, target, commit: tip.commit, recipeChanges };
}

/** Changes a repository, with who and why; answers whether there was anything to change. */
export async function change(
  deps: ServiceDeps,
  name: string,
  given: RepositoryChange,
  why: string,
): Promise<boolean> {
  const { database, principal: by, door } = deps;
  const answer = await setRepository(database, { ...given, name, why, by, door });
  if (answer.kind === 'unknown') throw await unknown(deps, name);
  return answer.kind === 'set';
}

/** Runs setup and checks on a commit; keeps nothing. */
export async function measure(
  deps: ServiceDeps,
  repository: Measurable,
  watching: Watching,
): Promise<Measured> {
  const desk = await deps.desk();
  return saying(() => desk.measure(repository, watching));
}

/** Keeps how the checks ended, unless one was stopped. */
export async function keepBaseline(
  { database, principal: by, door }: ServiceDeps,
  repository: Pick<RepositoryRow, 'id' | 'name'>,
  recipe: Recipe,
  baseline: Baseline,
): Promise<void> {
  if (!isLasting(baseline)) return;
  const given = { ...baseline, repository: repository.id, recipe, by, door };
  const { kind } = await storeBaseline(database, given);
  if (kind === 'stored') return;
  const sentence = `the recipe of ${repository.name} was changed while its checks ran`;
  const command = `mission repo check ${repository.name}`;
  throw new ServiceError('failed', `${sentence}; run them again: ${command}`);
}

export const forget = async ({ desk }: ServiceDeps, { id }: Located): Promise<void> =>
  (await desk()).forget(id);

/** As a person wants it; else pull requests, where they can be opened. */
async function landingOf(
  desk: RepositoryDesk,
  { remote }: Probed,
  wanted: LandingMode | undefined,
): Promise<LandingMode> {
  if (wanted === 'branch' || wanted === 'merge') return wanted;
  const why = await desk.whyNoPullRequests(remote);
  if (why === null) return 'pull-request';
  if (wanted === undefined) return 'branch';
  throw new ServiceError('usage', `results cannot land as pull requests: ${why}`);
}

async function propose(tip: Tip, wishes: Wishes): Promise<Proposal> {
  const { paths } = tip;
  const { installScripts = false } = wishes;
  const folder = wishes.folder ?? null;
  const texts: Record<string, string> = {};
  for (const path of filesToRead(paths, folder)) texts[path] = await tip.read(path);
  return proposeRecipe({ paths, texts }, { folder, installScripts });
}

function checkTree({ paths, commit }: Tip, { folder = '', copies = [] }: Wishes): void {
  const at = `commit ${commit.slice(0, 12)}`;
  const held = copies.find((path) => paths.includes(path));
  if (held !== undefined) {
    const sentence = `"${held}" is in ${at} already: every working copy has it`;
    throw new ServiceError('usage', `${sentence}; --copy is for files that git does not hold`);
  }
  if (folder === '' || paths.some((path) => path.startsWith(`${folder}/`))) return;
  const sentence = `there is no folder "${folder}" in ${at}`;
  throw new ServiceError('usage', `${sentence}; name one that is committed, from the root`);
}

async function checkName({ database }: ServiceDeps, name: string): Promise<void> {
  if (!NAME.test(name)) {
    const allowed = 'letters, digits, `.`, `_` and `-`';
    throw new ServiceError(
      'usage',
      `"${name}" cannot be a name: it may hold ${allowed}; give --name`,
    );
  }
  if ((await readRepository(database, name)) !== null) throw taken(name);
}

const taken = (name: string) =>
  new ServiceError(
    'failed',
    `there is a repository "${name}" already; give this one another --name`,
  );

async function find(deps: ServiceDeps, name: string): Promise<RepositoryRow> {
  const row = await readRepository(deps.database, name);
  if (row === null) throw await unknown(deps, name);
  return row;
}

async function unknown({ database }: ServiceDeps, name: string): Promise<ServiceError> {
  const names = (await readRepositories(database)).map((each) => each.name);
  const meant = nearest(name, names);
  const help = meant === null ? 'see `mission repo list`' : `did you mean ${meant}?`;
  return new ServiceError('not-found', `there is no repository "${name}"; ${help}`);
}

/** What a look finds wrong is a sentence that says what to do. */
async function saying<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RepositoryError') throw error;
    throw new ServiceError('usage', error.message);
  }
}

const sorted = (recipe: Recipe) => Object.entries(recipe).sort(([a], [b]) => (a < b ? -1 : 1));
