import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Prepared, Recipe } from '../../src/domain/repository.js';
import { type Copy, createWorkspaces } from '../../src/workspace/index.js';
import type { Registry } from '../support/registry.js';
import {
  AGENT,
  commitAll,
  git,
  personsRepository,
  SEARCH_PATH,
  temporaryFolder,
  write,
} from './support.js';

export const RECIPE: Recipe = {
  setup: 'npm ci',
  installScripts: false,
  checks: [],
  folder: '',
  copies: [],
};

/** A house with a person's repository, and copies of it that are prepared. */
export async function openYard(files: Record<string, string>, registry?: Registry) {
  const home = join(temporaryFolder(), 'home');
  const location = personsRepository();
  write(location, files);
  commitAll(location, 'Dependencies');
  const npm = registry?.url ?? null;
  const registries = { named: null, npm, pip: null, pipExtra: null, go: null };
  const workspaces = createWorkspaces({ home, searchPath: SEARCH_PATH, registries });
  const repositoryId = randomUUID();
  const repository = { repositoryId, location };
  const source = workspaces.source(repository);
  let number = 0;
  const open = async (
    more: { taskId?: string; from?: string; merging?: string } = {},
  ): Promise<Copy> => {
    number += 1;
    const { copy } = await workspaces.openCopy({
      source,
      task: { id: more.taskId ?? randomUUID(), number, title: 'Work' },
      runId: randomUUID(),
      attempt: 1,
      from: more.from ?? (await workspaces.refresh(repository, 'main')),
      merging: more.merging ?? null,
      identity: AGENT,
    });
    return copy;
  };
  const prepare = (copy: Copy, recipe: Partial<Recipe> = {}, more = {}): Promise<Prepared> =>
    workspaces.prepare({
      copy,
      recipe: { ...RECIPE, ...recipe },
      ...{ repositoryId, taskId: copy.taskId, location, ...more },
    });
  const inside = async (copy: Copy, command: string) => {
    const args = ['-c', command];
    const { output } = await workspaces.run({ copy, file: 'sh', args, timeoutMs: 30_000 });
    return output;
  };
  const keptSetups = () =>
    existsSync(join(home, 'setups'))
      ? readdirSync(join(home, 'setups')).filter((name) => name !== 'tasks')
      : [];
  return { home, location, workspaces, repository, source, open, prepare, inside, keptSetups };
}

export type Yard = Awaited<ReturnType<typeof openYard>>;

/** What the commit of a copy holds that the base does not. */
export async function kept({ workspaces }: Yard, copy: Copy) {
  const { commit } = await workspaces.snapshot(copy, 'Work\n');
  const mirror = join(copy.path, '../../mirrors', `${mirrorOf(copy)}.git`);
  return { commit, names: git(mirror, 'diff', '--name-only', copy.from, commit), mirror };
}
const mirrorOf = ({ source }: Copy) => ('repositoryId' in source ? source.repositoryId : '');
