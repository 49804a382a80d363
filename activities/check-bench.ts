import { readBaseline, storeBaseline } from '../drizzle/repositories.js';
import type { RunBrief } from '../drizzle/steps.js';
import {
  type Baseline,
  type CheckResult,
  isGreen,
  isLasting,
  type Prepared,
} from '../src/domain/repository.js';
import { CheckNotStarted } from '../src/workspace/index.js';
import { openCopyAt, SetupFailed, type Workplace } from './attempt.js';
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

  /**
   * Makes the result ready for its checks; answers the setup as a red check when it fails twice.
   * @throws SetupFailed where this house was in the way
   */
  async prepare(): Promise<CheckResult | null> {
    let prepared = await this.readyAt(this.commit);
    if (prepared.kind === 'failed') prepared = await this.readyAt(this.commit);
    if (prepared.kind === 'ready') return null;
    const { output, exitCode, isOurs } = prepared;
    if (isOurs) throw new SetupFailed(output);
    const command = this.repository.recipe.setup ?? 'setup';
    return { command, exitCode, output, durationMs: 0 };
  }

  /** Whether the commit that the work began from can be made ready. */
  async isBaseReady(): Promise<boolean> {
    return (await this.readyAt(this.base)).kind === 'ready';
  }

  runAll(): Promise<CheckResult[]> {
    return this.runEach(this.repository.recipe.checks, 'checks run');
  }

  /** What fails anew, once more, on the result: by command. */
  runAgain(commands: readonly string[]): Promise<Map<string, CheckResult>> {
    return this.onceMore(this.commit, commands, 'checks run once more');
  }

  /** How the checks end on the base; what is not known is found out if it is needed, and kept. */
  async baseline(how: 'if known' | 'needed'): Promise<Baseline | null> {
    const { id, recipe } = this.repository;
    const known = await readBaseline(this.deps.database, id, this.base, null);
    if (known !== null || how === 'if known') return known;
    const setupDigest = await this.demandAt(this.base);
    const first = await this.runEach(recipe.checks, 'checks run on the base');
    const red = first.filter((one) => !isGreen(one)).map(({ command }) => command);
    const again = await this.onceMore(this.base, red, 'checks run on the base once more');
    const checks = first.map((one) => again.get(one.command) ?? one);
    const baseline = { commit: this.base, setupDigest, checks };
    const by = { by: 'system:checks', door: 'system' };
    if (isLasting(baseline)) {
      await storeBaseline(this.deps.database, { ...baseline, ...by, repository: id, recipe });
    }
    return baseline;
  }

  /** Commands that were red, on a fresh copy: a check that only fails at times is not red. */
  private async onceMore(commit: string, commands: readonly string[], doing: string) {
    if (commands.length === 0) return new Map<string, CheckResult>();
    await this.demandAt(commit);
    const results = await this.runEach(commands, doing);
    return new Map(results.map((result) => [result.command, result]));
  }

  /** Where not even the setup works, no check says anything. */
  private async demandAt(commit: string): Promise<string> {
    const prepared = await this.readyAt(commit);
    if (prepared.kind === 'failed') throw new SetupFailed(prepared.output);
    return prepared.setupDigest;
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
    const request = {
      copy: this.copy,
      recipe: { ...this.repository.recipe, checks: [command] },
      timeoutMs: checks.timeLimitMs,
      onLine: (text: string) => this.progress.tell({ kind: 'log', source: 'check', text }),
      signal,
    };
    const [result] = await workspaces.check(request).catch((error: unknown) => {
      throw error instanceof CheckNotStarted ? new SetupFailed(error.message) : error;
    });
    if (result === undefined) throw new Error(`${command} was not run`);
    return result;
  }
}
