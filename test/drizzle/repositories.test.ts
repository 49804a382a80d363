import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addRepository,
  readBaseline,
  readRepository,
  setRepository,
  storeBaseline,
} from '../../drizzle/repositories.js';
import { type Baseline, NO_RECIPE, type Recipe } from '../../src/domain/repository.js';
import { Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

const ANN = { by: 'person:ann', door: 'cli' } as const;
const RECIPE: Recipe = {
  ...{ setup: 'npm ci', installScripts: false, folder: 'app', copies: ['.env'] },
  checks: ['npm test', 'npm run lint'],
};
const baseline = (exitCodes: readonly (number | null)[], commit = 'a'.repeat(40)): Baseline => ({
  commit,
  setupDigest: 'digest',
  checks: exitCodes.map((exitCode, index) => ({
    ...{ command: RECIPE.checks[index] ?? '', exitCode, durationMs: 5 },
    output: `output of ${exitCode}\n`,
  })),
});

let count = 0;
async function added(recipe?: Recipe, first?: Baseline) {
  const id = `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
  const row = { id, name: `r${count}`, location: '/r', target: 'main', landing: 'branch' } as const;
  const more = { ...(recipe && { recipe }), ...(first && { baseline: first }) };
  await addRepository(stage.database, { ...row, ...more, ...ANN, provenance: 'person' });
  return row;
}
const auditOf = (name: string) =>
  stage.sql`select principal, door, action, detail from audit where subject = ${name} order by id`;

test('a repository keeps its recipe and its first baseline, with who added both', async () => {
  const { id, name } = await added(RECIPE, baseline([0, 1]));
  expect(await readRepository(stage.database, name)).toMatchObject({ id, recipe: RECIPE });
  const kept = await readBaseline(stage.database, id, null, null);
  expect(kept).toMatchObject({ ...baseline([0, 1]), by: 'person:ann' });
  const audit = { principal: 'person:ann', door: 'cli' };
  expect(await auditOf(name)).toMatchObject([
    { ...audit, action: 'repository.add', detail: { recipe: RECIPE } },
    { ...audit, action: 'repository.baseline', detail: { red: ['npm run lint'] } },
  ]);
});

test('what is added without a recipe has an empty one', async () => {
  const { name } = await added();
  expect((await readRepository(stage.database, name))?.recipe).toEqual(NO_RECIPE);
});

test('a baseline is found by commit and dependencies; a second one takes its place', async () => {
  const { id: repository } = await added(RECIPE);
  const keep = (given: Baseline) =>
    storeBaseline(stage.database, { ...given, ...ANN, repository, recipe: RECIPE });
  const other = baseline([0, 0], 'b'.repeat(40));
  await keep(baseline([1, null]));
  await keep(other);
  await keep(baseline([0, 0]));
  const read = (commit: string | null, digest: string | null) =>
    readBaseline(stage.database, repository, commit, digest);
  expect(await read('a'.repeat(40), 'digest')).toMatchObject(baseline([0, 0]));
  expect(await read('b'.repeat(40), null)).toMatchObject(other);
  expect(await read('b'.repeat(40), 'others')).toBeNull();
  expect(await read('c'.repeat(40), 'digest')).toBeNull();
  expect((await read(null, null))?.commit).toBe('a'.repeat(40));
});

test('a change says who and why, leaves the rest, and voids what was found before', async () => {
  const { id: repository, name } = await added(RECIPE, baseline([0, 0]));
  const set = (change: object) =>
    setRepository(stage.database, { ...ANN, name, why: 'faster', ...change });
  expect(await set({ landing: 'merge' })).toEqual({ kind: 'set' });
  expect(await readBaseline(stage.database, repository, null, null)).not.toBeNull();
  expect(await set({ recipe: { checks: ['make test'] } })).toEqual({ kind: 'set' });
  expect(await set({ recipe: { checks: ['make test'] } })).toEqual({ kind: 'same' });
  expect(await set({ name: 'nobody' })).toEqual({ kind: 'unknown' });
  const recipe = { ...RECIPE, checks: ['make test'] };
  expect(await readRepository(stage.database, name)).toMatchObject({ recipe, landing: 'merge' });
  expect(await readBaseline(stage.database, repository, null, null)).toBeNull();
  expect((await auditOf(name)).slice(2)).toMatchObject([
    { action: 'repository.set', detail: { after: { landing: 'merge' } } },
    {
      ...{ action: 'repository.set', principal: 'person:ann' },
      detail: { why: 'faster', before: { recipe: RECIPE }, after: { recipe } },
    },
  ]);
});

test('what was found under a recipe that is no longer in force is not kept', async () => {
  const { id: repository, name } = await added(RECIPE);
  await setRepository(stage.database, { ...ANN, name, why: '', recipe: { setup: null } });
  const late = { ...baseline([0, 0]), ...ANN, repository, recipe: RECIPE };
  expect(await storeBaseline(stage.database, late)).toEqual({ kind: 'outdated' });
  expect(await readBaseline(stage.database, repository, null, null)).toBeNull();
});

test('an attempt is told the recipe', async () => {
  const { id } = await added(RECIPE);
  const [row] = await stage.sql`
    select brief_repository(r) as brief from repositories r where id = ${id}`;
  expect(row?.brief).toMatchObject({ id, target: 'main', recipe: RECIPE });
});
