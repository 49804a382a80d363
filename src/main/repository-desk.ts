import { type CheckResult, isGreen, type Prepared } from '../domain/repository.js';
import type { GitHub } from '../github/index.js';
import type { Measurable, Measured, RepositoryDesk, Watching } from '../service/desk.js';
import { ServiceError } from '../service/errors.js';
import {
  CheckNotStarted,
  type Copy,
  createWorkspaces,
  GitError,
  type WorkspaceSettings,
  type Workspaces,
} from '../workspace/index.js';

/** Looks after repositories on this machine, with the mirrors and the sandbox of its workers. */
export function createRepositoryDesk(
  settings: WorkspaceSettings & { readonly github: GitHub },
): RepositoryDesk {
  const workspaces = createWorkspaces(settings);
  return {
    probe: (location, branch) => workspaces.probe(location, branch),
    async tip({ id: repositoryId, location }, branch, signal) {
      const repository = { repositoryId, location };
      const commit = await workspaces.refresh(repository, branch, signal);
      const source = workspaces.source(repository);
      const paths = await workspaces.listFiles(source, commit);
      return { commit, paths, read: (path) => workspaces.readText(source, commit, path) };
    },
    checkCopies: ({ kind, bare, location }, copies) =>
      workspaces.checkCopies(location, kind === 'path' && !bare ? location : null, copies),
    async measure(repository, watching) {
      const { id: repositoryId, location, commit, recipe } = repository;
      const isEmpty = recipe.setup === null && recipe.checks.length === 0;
      if (!isEmpty) await demandSandbox(workspaces);
      const source = workspaces.source({ repositoryId, location });
      const request = { source, from: commit, signal: watching.signal };
      return workspaces.withLooseCopy(request, (copy) =>
        new Measurement(workspaces, copy, repository, watching).perform(),
      );
    },
    whyNoPullRequests: (remote) => settings.github.whyNot(remote),
    async compare(source, from, to) {
      try {
        return await workspaces.diff(source, from, to);
      } catch (error) {
        if (error instanceof GitError) return null; // other workers have it, or it was let go
        throw error;
      }
    },
    forget: (repositoryId) => workspaces.removeMirror({ kind: 'repository', repositoryId }),
  };
}

async function demandSandbox(workspaces: Workspaces): Promise<void> {
  const { level, why, fix } = await workspaces.sandbox();
  if (level === 'bubblewrap') return;
  const mend = fix ?? 'commands of a repository run in bubblewrap alone';
  const sentence = `setup and checks cannot run here: ${why}; ${mend}`;
  throw new ServiceError('failed', `${sentence}; --no-run leaves them for later`);
}

function sayNotStarted(error: unknown): never {
  throw error instanceof CheckNotStarted ? new ServiceError('failed', error.message) : error;
}

/** Setup and checks of one commit, in the order that people watch them. */
class Measurement {
  private readonly workspaces: Workspaces;
  private readonly copy: Copy;
  private readonly repository: Measurable;
  private readonly watching: Watching;

  constructor(workspaces: Workspaces, copy: Copy, repository: Measurable, watching: Watching) {
    this.workspaces = workspaces;
    this.copy = copy;
    this.repository = repository;
    this.watching = watching;
  }

  async perform(): Promise<Measured> {
    const prepared = await this.prepare();
    if (prepared.kind === 'failed') return { kind: 'setup-failed', output: prepared.output };
    const checks: CheckResult[] = [];
    for (const command of this.repository.recipe.checks)
      checks.push(...(await this.check(command)));
    const { setupDigest } = prepared;
    return { kind: 'measured', baseline: { commit: this.copy.from, setupDigest, checks } };
  }

  private async prepare(): Promise<Prepared> {
    const { copy } = this;
    const { id: repositoryId, location, recipe } = this.repository;
    const { signal, onProgress } = this.watching;
    const { setup: command } = recipe;
    if (command !== null) onProgress({ kind: 'setup', command });
    const prepared = await this.workspaces.prepare({
      ...{ copy, recipe, repositoryId, location, signal },
      taskId: copy.taskId,
      onLine: (text) => onProgress({ kind: 'line', text }),
    });
    signal.throwIfAborted();
    if (command !== null && prepared.kind === 'ready') {
      onProgress({ kind: 'ready', command, cached: prepared.cached });
    }
    return prepared;
  }

  private async check(command: string): Promise<CheckResult[]> {
    const { copy } = this;
    const { signal, onProgress } = this.watching;
    onProgress({ kind: 'check', command });
    const request = {
      ...{ copy, signal },
      recipe: { ...this.repository.recipe, checks: [command] },
      onLine: (text: string) => onProgress({ kind: 'line', text }),
    };
    const run = () => this.workspaces.check(request).catch(sayNotStarted);
    const first = await run();
    // One that only fails at times is not red; the work would be measured by it.
    const results = first.every(isGreen) ? first : await run();
    signal.throwIfAborted();
    for (const result of results) onProgress({ kind: 'checked', result });
    return results;
  }
}
