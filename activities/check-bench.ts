import { readBaseline, storeBaseline } from '../drizzle/repositories.js';
import type { RunBrief } from '../drizzle/steps.js';
import type { Baseline, CheckResult, Prepared } from '../src/domain/repository.js';
import { openCopyAt, type Workplace } from './attempt.js';
import type { Deps } from './deps.js';
import type { Beating } from './heartbeat.js';
import type { Go } from './perform-run.js';
import type { Progress } from './progress.js';

/** Where a run by checks works: one copy, at the committed result or, when asked, at its base. */
export class Bench {
  readonly commit: string;
  readonly base: string;
  private readonly deps: Deps;
  private readonly go: Go;
  private readonly beating: Beating;
  private readonly progress: Progress;
  private readonly repository: NonNullable<RunBrief['repository']>;
  private copy: Workplace['copy'];
  private isFresh = true;

  constructor(deps: Deps, go: Go, place: Workplace, beating: Beating, progress: Progress) {
    const { work, repository, run } = go.brief;
    if (work === null || repository === null) {
      throw new Error(`run ${run.id} has nothing to check`);
    }
    this.deps = deps;
    this.go = go;
    this.beating = beating;
    this.progress = progress;
    this.repository = repository;
    this.copy = place.copy;
    this.commit = work.commit;
    this.base = place.base;
  }

  /** Tells what is done, in the record and in Temporal's Web UI; throws where it may not go on. */
  async say(doing: string): Promise<void> {
    this.progress.tell({ kind: 'text', text: doing });
    this.beating.show({ attempt: this.go.attempt, doing });
    await this.progress.note();
  }

  /** Makes the result ready for its checks; answers the setup as a red check when it fails. */
  async prepare(): Promise<CheckResult | null> {
    const prepared = await this.readyAt(this.commit);
    return prepared.kind === 'ready' ? null : this.failedSetup(prepared);
  }

  /** Whether the commit that the work began from can be made ready. */
  async isBaseReady(): Promise<boolean> {
    return (await this.readyAt(this.base)).kind === 'ready';
  }

  runAll(): Promise<CheckResult[]> {
    return this.runEach(this.repository.recipe.checks, 'checks run');
  }

  /** What fails anew, once more, on the result: by command. */
  async runAgain(commands: readonly string[]): Promise<Map<string, CheckResult>> {
    if (commands.length === 0) return new Map();
    await this.readyAt(this.commit);
    const results = await this.runEach(commands, 'checks run once more');
    return new Map(results.map((result) => [result.command, result]));
  }

  /** How the checks end on the base; what is not known is found out if it is needed, and kept. */
  async baseline(how: 'if known' | 'needed'): Promise<Baseline | null> {
    const { id, recipe } = this.repository;
    const known = await readBaseline(this.deps.database, id, this.base, null);
    if (known !== null || how === 'if known') return known;
    const prepared = await this.readyAt(this.base);
    const { setupDigest } = prepared;
    // Where not even the setup works, no check does.
    const failed = (command: string) => ({ ...this.failedSetup(prepared), command });
    const isReady = prepared.kind === 'ready';
    const checks = isReady
      ? await this.runEach(recipe.checks, 'checks run on the base')
      : recipe.checks.map(failed);
    const baseline = { commit: this.base, setupDigest, checks };
    const by = { by: 'system:checks', door: 'system' };
    if (isReady) {
      await storeBaseline(this.deps.database, { ...baseline, ...by, repository: id, recipe });
    }
    return baseline;
  }

  private failedSetup(prepared: Prepared): CheckResult {
    const command = this.repository.recipe.setup ?? 'setup';
    const output = prepared.kind === 'failed' ? prepared.output : '';
    return { command, exitCode: null, output, durationMs: 0 };
  }

  /** A fresh copy in the place of the one before: what a check leaves behind decides no other. */
  private async readyAt(commit: string): Promise<Prepared> {
    const { signal } = this.beating;
    if (!(this.isFresh && commit === this.commit)) {
      this.copy = (await openCopyAt(this.deps, this.go, commit, signal)).copy;
    }
    this.isFresh = false;
    await this.say(`prepares the copy${commit === this.base ? ' at the base' : ''}`);
    const { id: repositoryId, recipe, location } = this.repository;
    const taskId = this.go.brief.task.id;
    return this.deps.workspaces.prepare({
      ...{ copy: this.copy, recipe, location, repositoryId, taskId, signal },
      onLine: (text) => this.progress.tell({ kind: 'log', source: 'setup', text }),
    });
  }

  private async runEach(commands: readonly string[], doing: string): Promise<CheckResult[]> {
    const results: CheckResult[] = [];
    for (const [index, command] of commands.entries()) {
      await this.say(`${doing} ${command} (${index + 1} of ${commands.length})`);
      results.push(await this.runOne(command));
    }
    return results;
  }

  private async runOne(command: string): Promise<CheckResult> {
    const { signal } = this.beating;
    const { workspaces, checks } = this.deps;
    const [result] = await workspaces.check({
      copy: this.copy,
      recipe: { ...this.repository.recipe, checks: [command] },
      timeoutMs: checks.timeLimitMs,
      onLine: (text) => this.progress.tell({ kind: 'log', source: 'check', text }),
      signal,
    });
    if (result === undefined) throw new Error(`${command} was not run`);
    return result;
  }
}
