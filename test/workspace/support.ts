import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { type CopyRequest, createWorkspaces, type Repository } from '../../src/workspace/index.js';

export const SEARCH_PATH = process.env.PATH ?? '/usr/bin:/bin';
export const AGENT = { name: 'Implementer', email: 'implementer@mission.localhost' };

const made: string[] = [];

afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

/** A folder of the test's own, that other users can enter. */
export function temporaryFolder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'workspace-')));
  chmodSync(path, 0o755);
  made.push(path);
  return path;
}

/** Git as the person runs it, with hooks and all. */
export function git(cwd: string, ...args: string[]): string {
  const env = {
    PATH: SEARCH_PATH,
    HOME: cwd,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'ann@example.org',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'ann@example.org',
  };
  const line = ['-c', 'safe.directory=*', ...args];
  return execFileSync('git', line, { cwd, env, encoding: 'utf8', stdio: 'pipe' }).trimEnd();
}

export function write(root: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

export function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function commitAll(root: string, message: string): string {
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '--no-verify', '--message', message);
  return git(root, 'rev-parse', 'HEAD');
}

let template: string | null = null;

/** A person's repository with two files and one commit on `main`: made once, then copied. */
export function personsRepository(root = join(temporaryFolder(), 'project')): string {
  if (template === null) {
    template = temporaryFolder();
    git(template, 'init', '--quiet', '--initial-branch=main', '--template=');
    write(template, { 'README.md': 'A library\n', 'src/search.js': LINES });
    commitAll(template, 'Begin');
  }
  cpSync(template, root, { recursive: true, preserveTimestamps: true });
  return root;
}

const LINES = 'one\ntwo\nthree\nfour\nfive\n';

const REPOSITORY = '01980000-0000-7000-8000-000000000001';
let mirrors: string | null = null;

/** A home with a registered repository, and short words for what tests do with them. */
export async function bench(location = personsRepository()) {
  const home = join(temporaryFolder(), 'home');
  const workspaces = createWorkspaces({ home, searchPath: SEARCH_PATH });
  const repository: Repository = { repositoryId: REPOSITORY, location };
  if (mirrors === null) {
    await workspaces.refresh({ repositoryId: REPOSITORY, location: personsRepository() }, 'main');
    mirrors = join(temporaryFolder(), 'mirrors');
    cpSync(join(home, 'mirrors'), mirrors, { recursive: true });
  } else {
    cpSync(mirrors, join(home, 'mirrors'), { recursive: true });
  }
  const source = workspaces.source(repository);
  let number = 0;
  const request = (more: Partial<CopyRequest> = {}): CopyRequest => {
    number += 1;
    return {
      source,
      task: { id: randomUUID(), number, title: `Task number ${number}` },
      runId: randomUUID(),
      attempt: 1,
      from: null,
      identity: AGENT,
      ...more,
    };
  };
  /** Opens a copy at the target, writes files, keeps them; returns what landing needs. */
  const work = async (files: Record<string, string>, more: Partial<CopyRequest> = {}) => {
    const from = more.from ?? (await workspaces.refresh(repository, 'main'));
    const asked = request({ ...more, from });
    const { copy } = await workspaces.openCopy(asked);
    write(copy.path, files);
    const { commit } = await workspaces.snapshot(copy, 'Work\n');
    return { copy, commit, from, task: asked.task };
  };
  const landing = (done: { task: CopyRequest['task']; commit: string }) => ({
    repository,
    target: 'main',
    task: done.task,
    commit: done.commit,
    message: `Merge T-${done.task.number}\n\nReviewed-by: Reviewer`,
    identity: { name: 'Mission Control', email: 'mission@localhost' },
  });
  const mirror = join(home, 'mirrors', `${repository.repositoryId}.git`);
  return { home, workspaces, repository, source, location, request, work, landing, mirror };
}

/** Fills a hooks folder with programs that tell when they run. */
export function hooksThatTell(folder: string): { program: string; lines(): string[] } {
  const log = join(temporaryFolder(), 'told');
  const names = [
    'pre-commit',
    'commit-msg',
    'post-commit',
    'post-checkout',
    'post-merge',
    'update',
  ];
  const more = [
    'reference-transaction',
    'pre-receive',
    'post-receive',
    'pre-push',
    'post-index-change',
  ];
  for (const name of ['program', ...names, ...more]) {
    write(folder, { [name]: `#!/bin/sh\necho ${name} >> '${log}'\ncat\n` });
    chmodSync(join(folder, name), 0o755);
  }
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  return { program: join(folder, 'program'), lines };
}

/** Runs `work` as a user to whom permissions apply; `folder` becomes that user's. */
export async function asOrdinaryUser(folder: string, work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return await work();
  giveAway(folder);
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

export const NOBODY = 65534;

/** Makes `nobody` the owner of a folder and all that is in it. */
export function giveAway(folder: string): void {
  for (const name of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    lchownSync(join(folder, name), NOBODY, NOBODY);
  }
}
