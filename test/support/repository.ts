import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { call } from '../../drizzle/db.js';
import type { Recipe } from '../../src/domain/repository.js';
import type { House } from './house.js';

/** A person's repository in a test, with a worktree of `main`. */
export interface Repository {
  readonly name: string;
  readonly path: string;
  git(...args: string[]): string;
  write(path: string, content: string): void;
  read(path: string): string;
  /** Commits all that lies there, and answers the commit. */
  commit(message: string): string;
}

export interface RepositoryOptions {
  readonly landing?: 'branch' | 'merge' | 'pull-request';
  readonly provenance?: 'person' | 'demo' | 'test';
  readonly recipe?: Partial<Recipe>;
  /** What else it begins with. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Makes a repository with `shared.txt` in it and registers it. */
export async function addRepository(
  house: Pick<House, 'home' | 'database'>,
  { landing = 'branch', provenance = 'test', recipe = {}, files = {} }: RepositoryOptions = {},
): Promise<Repository> {
  const path = mkdtempSync(join(house.home, 'repository-'));
  const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@people.invalid'];
  const git = (...args: string[]) =>
    execFileSync('git', [...identity, ...args], { cwd: path, encoding: 'utf8' }).trim();
  const write = (file: string, content: string) => writeFileSync(join(path, file), content);
  const commit = (message: string) => {
    git('add', '--all');
    git('commit', '--quiet', '--message', message);
    return git('rev-parse', 'HEAD');
  };
  git('init', '--quiet', '--initial-branch=main');
  write('shared.txt', 'first\n');
  for (const [file, content] of Object.entries(files)) write(file, content);
  commit('Begin');
  const name = path.slice(path.lastIndexOf('/') + 1);
  const by = 'person:ann';
  const row = { id: uuidv7(), name, location: path, target: 'main', landing, provenance, by };
  await call(house.database, 'add_repository', { ...row, recipe, door: 'cli' });
  const read = (file: string) => readFileSync(join(path, file), 'utf8');
  return { name, path, git, write, read, commit };
}
