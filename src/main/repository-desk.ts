import type { CheckResult, Recipe } from '../domain/repository.js';
import type { Measured, RepositoryDesk, Watching } from '../service/desk.js';
import { ServiceError } from '../service/errors.js';
import { type Copy, createWorkspaces, type Workspaces } from '../workspace/index.js';

/** Looks after repositories on this machine, with the mirrors and the sandbox of its workers. */
export function createRepositoryDesk(settings: {
  readonly home: string;
  readonly searchPath: string;
}): RepositoryDesk {
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
    async measure({ id: repositoryId, location, commit, recipe }, watching) {
      const isEmpty = recipe.setup === null && recipe.checks.length === 0;
      if (!isEmpty) await demandSandbox(workspaces);
      const source = workspaces.source({ repositoryId, location });
      const request = { source, from: commit, signal: watching.signal };
      return workspaces.withLooseCopy(request, (copy) =>
        new Measurement(workspaces, copy, recipe, watching).perform(),
      );
    },
    opensPullRequests: async () => false,
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

/** Setup and checks of one commit, in the order that people watch them. */
class Measurement {
  private readonly workspaces: Workspaces;
  private readonly copy: Copy;
  private readonly recipe: Recipe;
  private readonly watching: Watching;

  constructor(workspaces: Workspaces, copy: Copy, recipe: Recipe, watching: Watching) {
    this.workspaces = workspaces;
    this.copy = copy;
    this.recipe = recipe;
    this.watching = watching;
  }

  async perform(): Promise<Measured> {
    const { recipe, copy } = this;
    const { setup } = recipe;
    const { onProgress } = this.watching;
    if (setup !== null) {
      onProgress({ kind: 'setup', command: setup });
      const { exitCode, output } = await this.command(setup);
      if (exitCode !== 0) return { kind: 'setup-failed', output };
      onProgress({ kind: 'ready', command: setup, cached: false });
    }
    const checks: CheckResult[] = [];
    for (const command of recipe.checks) {
      onProgress({ kind: 'check', command });
      const result = await this.command(command);
      onProgress({ kind: 'checked', result });
      checks.push(result);
    }
    return { kind: 'measured', baseline: { commit: copy.from, setupDigest: 'none', checks } };
  }

  private async command(command: string): Promise<CheckResult> {
    const { copy, recipe, watching } = this;
    const { ending, output, durationMs } = await this.workspaces.run({
      ...{ copy, file: 'sh', signal: watching.signal, timeoutMs: 1_800_000 },
      args: ['-c', 'cd "$0" && eval "$1"', recipe.folder || '.', command],
    });
    watching.signal.throwIfAborted();
    const exitCode = ending.kind === 'exited' ? ending.exitCode : null;
    const why = ending.kind === 'not-started' ? ending.reason : '';
    return { command, exitCode, output: output + why, durationMs };
  }
}
