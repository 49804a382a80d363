import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  AdmissionAnswer,
  Begun,
  OpenedRun,
  RunSpec,
  TaskEnd,
  TaskOutcome,
  VerbAnswer,
  VerbMessage,
} from '../src/contract.js';
import { stepName } from '../src/contract.js';
import { afterChecks, afterExecution, afterLanding, afterReview } from './courses.js';
import { endOf, Over, Rejected, sayingWhy } from './endings.js';
import { type Heard, listen } from './messages.js';
import { landings, runs, steps } from './proxies.js';
import { PullRequestWait } from './pull-request.js';
import { untilStill } from './still.js';
import { TaskRuns } from './task-runs.js';
import { TaskView } from './task-view.js';

/**
 * So many messages are enough for one history: at a wait it goes on in a new one, and after more of
 * them even while an agent works, who is stopped and resumed then. Temporal takes at most 51,200
 * events, 10,000 signals and 2,000 updates; and a workflow task must replay them in 5 seconds.
 */
const MESSAGES_MAX = { waiting: 500, working: 800 };

/** The verbs of the loop. Each decides nothing about the task's course: it does, waits, answers. */
export class TaskLife {
  private readonly view: TaskView;
  private readonly runs: TaskRuns;
  private readonly scope = new CancellationScope();
  private admission: AdmissionAnswer;
  private seats: number;
  private executions = 0;
  private reviews = 0;
  /** Seats of the rounds that a record which is re-entered holds, the next one first. */
  private readonly rounds: number[];
  private landings = 0;
  /** The accepted result has no files and goes into no repository. */
  private wordsOnly = false;
  private readonly pullRequest = new PullRequestWait();
  /** Set when a person cancels: whose decision the end is. */
  private cancel: TaskEnd | null = null;
  private isLong = false;
  private readonly inbox: ReturnType<typeof listen>;

  private constructor(begun: Begun, inbox: ReturnType<typeof listen>) {
    this.inbox = inbox;
    this.view = new TaskView(begun);
    this.runs = new TaskRuns(this.view, begun.standing);
    this.admission = begun.admission;
    this.seats = begun.seats;
    this.rounds = [...(begun.rounds ?? [])];
  }

  /** Registers the task. Bad input fails the workflow with the sentence that says what is wrong. */
  static async begin(input: unknown, before: Heard | null): Promise<TaskLife> {
    const inbox = listen(before);
    const { workflowId, firstExecutionRunId } = workflowInfo();
    const begun = await sayingWhy(steps.beginTask(input, { workflowId, firstExecutionRunId }));
    const life = new TaskLife(begun, inbox);
    inbox.open({
      view: life.view,
      granted: (run) => life.runs.grant(run),
      lookAgain: async () => {
        life.admission = await steps.decideAgain(begun.taskId);
        life.view.decided(life.admission);
      },
      applied: (message, answer) => life.heed(message, answer),
      pullRequestMoved: () => life.pullRequest.moved(),
      isStepping: () => life.runs.isStepping,
    });
    return life;
  }

  /** Runs the story and ends the task truthfully, also when it is cancelled or rejected. */
  async toItsEnd(story: () => Promise<void>): Promise<TaskOutcome> {
    this.watchLength().catch(() => undefined); // cancelled with the task
    try {
      await this.scope.run(story);
    } catch (error) {
      if (isCancellation(error) && (await this.mayGoOn())) await this.goOnAnew();
      if (!(error instanceof Over)) {
        const end = endOf(error, this.cancel);
        if (end === null) throw error;
        const { taskId } = this.view;
        const ending = () => this.runs.step(steps.endTask(taskId, end));
        this.view.stand(await CancellationScope.nonCancellable(ending));
      }
    }
    await CancellationScope.nonCancellable(() => condition(this.inbox.isQuiet));
    return this.view.outcome();
  }

  /** Waits in the inbox, by the name `approval`, until policy or a person has decided. */
  async untilAdmitted(): Promise<void> {
    await condition(() => this.admission.kind !== 'waits');
    if (this.admission.kind === 'rejected') throw new Rejected(this.admission);
  }

  /** Executes until one execution succeeds; a failed one waits for a person. */
  async execute(cycle: number): Promise<'executed' | 'toCheck' | 'accepted'> {
    for (;;) {
      await this.untilAdmitted(); // a LEAD that was assigned meanwhile needs its own approval
      const number = ++this.executions;
      const [run] = await this.runs.open([{ kind: 'EXECUTION', number, cycle, seat: 0 }]);
      if (run === undefined) throw new Error(`execution ${number} was not opened`);
      const end = await this.runs.perform(run, (ref, options) =>
        runs.performExecution.executeWithOptions(options, [
          ref,
          afterExecution(this.checksRun(cycle), this.reviewRound(cycle)),
        ]),
      );
      if (end === null) continue; // reassigned: the next number is the new executor's
      if (end.outcome === 'succeeded') return 'executed';
      if (end.outcome === 'toCheck') return end.outcome;
      const resolution = await this.runs.resolved(stepName('EXECUTION', number), end.standing);
      if (resolution === 'accept') return this.acceptedByPerson();
    }
  }

  /** Has the machine check the execution, as the review before the first that is paid for. */
  async check(cycle: number): Promise<'executed' | 'accepted' | 'revision' | 'superseded'> {
    const came = await this.reviewed(cycle, () => this.checksRun(cycle));
    return came === 'passed' ? 'executed' : came;
  }

  /** Has the execution reviewed by every seat and answers what the verdicts come to. */
  async review(cycle: number): Promise<'accepted' | 'revision' | 'superseded'> {
    const came = await this.reviewed(cycle, () => this.reviewRound(cycle));
    return came === 'passed' ? 'accepted' : came;
  }

  private async reviewed(cycle: number, next: () => RunSpec[]) {
    for (;;) {
      const round = next();
      const opened = await this.runs.open(round);
      this.reviews += round.length;
      const byAgents = round[0]?.by !== 'checks';
      if (byAgents) this.rounds.shift();
      const end = byAgents
        ? await this.judge(round, opened, cycle)
        : await this.checked(opened, cycle);
      if (end === null) {
        if (this.runs.reassigned(opened)) return 'superseded';
        continue; // the new reviewer begins anew
      }
      if (end.outcome === 'accepted') return 'passed';
      if (end.outcome === 'revision') return end.outcome;
      const step = stepName('REVIEW', this.reviews);
      const resolution = await this.runs.resolved(step, end.standing);
      if (resolution === 'accept') return this.acceptedByPerson();
      if (resolution === 'reassign') return 'superseded';
      if (end.outcome === 'atCap') return 'revision';
    }
  }

  /** Lands the accepted result; what landing cannot do waits for a person. */
  async land(cycle: number): Promise<'landed' | 'conflict' | 'superseded'> {
    for (let number = ++this.landings; ; ) {
      await condition(() => !this.view.paused);
      this.pullRequest.begin();
      const then = afterLanding(this.nextExecution(cycle + 1));
      const land = this.wordsOnly ? steps.landWords : landings.land;
      const landing = land.executeWithOptions({ summary: `Landing ${number}` }, [
        this.view.taskId,
        number,
        then,
      ]);
      const end = await (this.wordsOnly ? this.runs.step(landing) : landing);
      const quietly = end.kind === 'waiting'; // what it waits for is told with it
      this.view.stand(end.standing, { quietly });
      if (end.kind === 'landed') return 'landed';
      this.runs.stand(end.standing, { quietly });
      if (end.kind === 'waiting') {
        this.view.waitsFor({ reason: 'pull-request', detail: end.summary });
        await this.pullRequest.untilMoved(this.view, { number, then, isOver: () => this.isOver() });
        continue; // the same landing, looked at again
      }
      if (end.kind === 'conflict') return 'conflict';
      const resolution = await this.runs.resolved(stepName('LANDING', number), end.standing);
      if (resolution === 'accept') this.acceptedByPerson();
      if (resolution === 'reassign') return 'superseded';
      if (resolution === 'retry' && end.kind === 'atCap') return 'conflict';
      number = ++this.landings;
    }
  }

  // ── Helpers ───────────────────────────────────────────────────────────────────────────────────

  /** One reviewer's close applies the verdict itself; those of several are settled afterwards. */
  private async judge(round: readonly RunSpec[], opened: readonly OpenedRun[], cycle: number) {
    const then = afterReview(this.nextExecution(cycle + 1));
    const alone = opened.length === 1 ? then : null;
    const ends = await Promise.all(
      opened.map((run) =>
        this.runs.perform(run, (ref, options) =>
          runs.performReview.executeWithOptions(options, [ref, alone]),
        ),
      ),
    );
    if (ends.includes(null)) return null;
    if (alone !== null) {
      const [end = null] = ends;
      this.wordsOnly = end?.wordsOnly === true;
      return end;
    }
    const settled = await this.runs.step(steps.settleReviews(this.view.taskId, round, then));
    this.runs.stand(settled.standing);
    return settled;
  }

  private async checked([run]: readonly OpenedRun[], cycle: number) {
    if (run === undefined) throw new Error(`the checks of cycle ${cycle} were not opened`);
    const then = afterChecks(this.reviewRound(cycle), this.nextExecution(cycle + 1));
    return this.runs.perform(run, (ref, options) =>
      runs.performChecks.executeWithOptions(options, [ref, then]),
    );
  }

  private checksRun(cycle: number): RunSpec[] {
    return [{ kind: 'REVIEW', number: this.reviews + 1, cycle, seat: 0, by: 'checks' }];
  }

  private reviewRound(cycle: number): RunSpec[] {
    return Array.from({ length: this.rounds[0] ?? this.seats }, (_, seat) => ({
      kind: 'REVIEW' as const,
      number: this.reviews + 1 + seat,
      cycle,
      seat,
    }));
  }

  private nextExecution(cycle: number): RunSpec[] {
    return [{ kind: 'EXECUTION', number: this.executions + 1, cycle, seat: 0 }];
  }

  /** Stops the story once its history is long: at a wait, or when even an agent must be stopped. */
  private async watchLength(): Promise<void> {
    const { waiting, working } = MESSAGES_MAX;
    const isLong = () => this.inbox.count() >= (this.runs.idle ? waiting : working);
    do {
      await condition(isLong);
      if (patched('signals-apart')) await untilStill(() => this.runs.isStepping);
    } while (!isLong());
    this.isLong = true;
    this.scope.cancel();
  }

  /** Whether the length of the history is all that has stopped the story. */
  private async mayGoOn(): Promise<boolean> {
    if (!this.isLong) return false;
    this.inbox.close(true);
    const quiet = () => this.inbox.isQuiet() && this.runs.idle;
    await CancellationScope.nonCancellable(() => condition(quiet));
    const mayGoOn = this.cancel === null && !CancellationScope.current().consideredCancelled;
    if (!mayGoOn) this.inbox.close(false);
    return mayGoOn;
  }

  /** Cancelled, and not only stopped to go on in a new history. */
  private isOver(): boolean {
    return this.cancel !== null || !this.isLong;
  }

  /** A new history under the same id. The record is the truth: it is entered again from there. */
  private goOnAnew(): Promise<never> {
    return continueAsNew({ title: this.view.current().title }, this.inbox.heard());
  }

  private acceptedByPerson(): 'accepted' {
    this.reviews++; // the acceptance is a review run of its own
    return 'accepted';
  }

  private heed(message: VerbMessage, answer: VerbAnswer): void {
    this.admission = answer.admission;
    this.seats = Math.max(1, answer.reviewers.length);
    this.runs.heed(answer);
    if (message.verb !== 'cancel' || !answer.applied) return;
    const { by, door, reason } = message;
    this.cancel = { status: 'CANCELLED', by, door, reason: reason ?? '' };
    this.scope.cancel();
  }
}
