import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  AdmissionAnswer,
  Begun,
  ExecutionThen,
  LandingThen,
  OpenedRun,
  Resolution,
  ReviewThen,
  RunEnd,
  RunSpec,
  Standing,
  TaskEnd,
  TaskOutcome,
} from '../src/contract.js';
import { stepName, TEMPORAL_PRIORITY } from '../src/contract.js';
import { listen } from './messages.js';
import { landings, runs, steps } from './proxies.js';
import { TaskView } from './task-view.js';

type ClosedRun = Extract<RunEnd, { kind: 'closed' }>;

class Rejected extends Error {}

/** The verbs of the loop. Each decides nothing about the task's course: it does, waits, answers. */
export class TaskLife {
  /** What people see of the task; kept by the steps below and by the messages. */
  readonly view: TaskView;
  private readonly scope = new CancellationScope();
  private readonly promoted = new Set<string>();
  private readonly cancelled = new Set<string>();
  private readonly resolutions = new Map<string, Resolution>();
  /** Runs that the closing of the run before them has opened. */
  private ready: readonly OpenedRun[];
  private admission: AdmissionAnswer;
  private seats: number;
  private executions = 0;
  private reviews = 0;
  private landings = 0;
  private end: TaskEnd | null = null;

  private constructor(begun: Begun) {
    this.view = new TaskView(begun);
    this.ready = begun.standing.opened;
    this.admission = begun.admission;
    this.seats = begun.seats;
  }

  /** Registers the task. Bad input fails the workflow with the sentence that says what is wrong. */
  static async begin(input: unknown): Promise<TaskLife> {
    const inbox = listen();
    const { workflowId, firstExecutionRunId } = workflowInfo();
    const begun = await sayingWhy(steps.beginTask(input, { workflowId, firstExecutionRunId }));
    const life = new TaskLife(begun);
    inbox.open({
      view: life.view,
      granted: (run) => void life.promoted.add(run),
      lookAgain: async () => life.admitted(await steps.decideAgain(begun.taskId)),
      applied: (message, answer) => {
        life.admitted(answer.admission);
        life.seats = Math.max(1, answer.reviewers.length);
        for (const run of answer.admitted) life.promoted.add(run);
        for (const run of answer.cancelled) life.cancelled.add(run);
        if (answer.resolved) life.resolutions.set(answer.resolved.step, answer.resolved.resolution);
        if (message.verb === 'cancel' && answer.applied) {
          const { by, door, reason } = message;
          life.end = { status: 'CANCELLED', by, door, reason: reason ?? '' };
          life.scope.cancel();
        }
      },
    });
    return life;
  }

  /** Runs the story and ends the task truthfully, also when it is cancelled or rejected. */
  async toItsEnd(story: () => Promise<void>): Promise<TaskOutcome> {
    try {
      await this.scope.run(story);
    } catch (error) {
      const end = this.endOf(error);
      if (end === null) throw error;
      const status = await CancellationScope.nonCancellable(() =>
        steps.endTask(this.view.taskId, end),
      );
      this.view.stand({ status, blocked: null });
    }
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    return this.view.outcome();
  }

  /** Waits in the inbox, by the name `approval`, until policy or a person has decided. */
  async untilAdmitted(): Promise<void> {
    if (this.admission.kind === 'waits') {
      this.view.stand({ status: 'INBOX', blocked: null }, 'approval');
      await condition(() => this.admission.kind !== 'waits');
    }
    if (this.admission.kind === 'rejected') throw new Rejected(this.admission.reason);
  }

  /** Executes until one execution succeeds; a failed one waits for a person. */
  async execute(cycle: number): Promise<'executed' | 'accepted'> {
    for (;;) {
      await this.untilAdmitted(); // a LEAD that was assigned meanwhile needs its own approval
      const number = ++this.executions;
      const run = await this.open({ kind: 'EXECUTION', number, cycle, seat: 0 });
      const then: ExecutionThen = {
        succeeded: { status: 'REVIEW', next: this.reviewSpecs(cycle) },
        failed: { status: 'BLOCKED', blocked: 'execution-failed' },
      };
      const end = await this.perform(run, (ref, options) =>
        runs.performExecution.executeWithOptions(options, [ref, then]),
      );
      if (end?.outcome === 'succeeded') return 'executed';
      if (end?.outcome !== 'failed') continue; // reassigned: the next number is the new executor's
      const resolution = await this.resolved(stepName('EXECUTION', number), end.standing);
      if (resolution === 'accept') return this.acceptedByPerson();
    }
  }

  /** Has the execution reviewed by every seat and answers what the verdicts come to. */
  async review(cycle: number): Promise<'accepted' | 'revision' | 'superseded'> {
    for (;;) {
      const specs = this.reviewSpecs(cycle);
      const opened = await this.openAll(specs);
      this.reviews += specs.length;
      const step = stepName('REVIEW', this.reviews);
      const end = await this.judge(cycle, opened, step);
      if (end === null) continue; // reassigned: the new reviewer begins anew
      if (end.outcome === 'accepted' || end.outcome === 'revision') return end.outcome;
      const resolution = await this.resolved(step, end.standing);
      if (resolution === 'accept') return this.acceptedByPerson();
      if (resolution === 'reassign') return 'superseded';
      if (end.outcome === 'atCap') return 'revision';
    }
  }

  /** Lands the accepted result; what landing cannot do waits for a person. */
  async land(): Promise<'landed' | 'conflict' | 'superseded'> {
    for (;;) {
      await condition(() => !this.view.paused);
      const number = ++this.landings;
      const then: LandingThen = {
        landed: { status: 'DONE' },
        conflict: { status: 'IN_PROGRESS', next: this.nextExecution() },
        atCap: { status: 'BLOCKED', blocked: 'landing-cap' },
        refused: { status: 'BLOCKED', blocked: 'landing-failed' },
      };
      const summary = `Landing ${number}`;
      const end = await landings.land.executeWithOptions({ summary }, [
        this.view.taskId,
        number,
        then,
      ]);
      this.stand(end.standing);
      if (end.kind === 'landed' || end.kind === 'conflict') return end.kind;
      const resolution = await this.resolved(stepName('LANDING', number), end.standing);
      if (resolution === 'accept') this.reviews++;
      if (resolution === 'reassign') return 'superseded';
      if (resolution === 'retry' && end.kind === 'atCap') return 'conflict';
    }
  }

  // ── Helpers ───────────────────────────────────────────────────────────────────────────────────

  /** One reviewer's close applies the verdict itself; those of several are settled afterwards. */
  private async judge(cycle: number, opened: readonly OpenedRun[], step: string) {
    const then: ReviewThen = {
      accepted: { status: 'LANDING' },
      revision: { status: 'IN_PROGRESS', next: this.nextExecution(cycle + 1) },
      atCap: { status: 'BLOCKED', blocked: 'revision-cap' },
      failed: { status: 'BLOCKED', blocked: 'review-failed' },
    };
    const alone = opened.length === 1;
    const ends = await Promise.all(
      opened.map((run) =>
        this.perform(run, (ref, options) =>
          runs.performReview.executeWithOptions(options, [ref, alone ? then : null]),
        ),
      ),
    );
    if (ends.some((end) => end === null || end.outcome === 'cancelled')) return null;
    if (alone) return ends[0] ?? null;
    const settled = await steps.settleReviews(this.view.taskId, cycle, step, then);
    this.stand(settled.standing);
    return settled;
  }

  /** Waits for the run's grant and performs it, again after every re-queue; null when it was cancelled. */
  private async perform(
    run: OpenedRun,
    activity: (
      ref: { id: string; taskId: string },
      options: { summary: string; priority: { priorityKey: number } },
    ) => Promise<RunEnd>,
  ): Promise<ClosedRun | null> {
    const ref = { id: run.id, taskId: this.view.taskId };
    let { state, wait } = run;
    for (;;) {
      if (state === 'QUEUED' && !this.promoted.has(run.id)) {
        this.view.waits(run, wait);
        await condition(() => this.promoted.has(run.id) || this.cancelled.has(run.id));
      }
      if (this.cancelled.has(run.id)) return null;
      this.promoted.delete(run.id);
      this.view.runs(run);
      const end = await activity(ref, this.activityOptions(run));
      this.stand(end.standing);
      if (end.kind === 'closed') {
        this.view.closed(end.run);
        return end;
      }
      state = end.admitted ? 'ADMITTED' : 'QUEUED';
      wait = end.wait;
    }
  }

  private activityOptions(run: OpenedRun) {
    const kind = run.kind === 'EXECUTION' ? 'Execution' : 'Review';
    return {
      summary: `${kind} ${run.number} · ${run.agentName ?? 'whoever reviews'}`,
      priority: { priorityKey: TEMPORAL_PRIORITY[this.view.priority] },
    };
  }

  /** The run of this spec: opened by the close before it, or now. */
  private async open(spec: RunSpec): Promise<OpenedRun> {
    const [run] = await this.openAll([spec]);
    if (run === undefined) throw new Error(`${spec.kind} ${spec.number} was not opened`);
    return run;
  }

  private async openAll(specs: readonly RunSpec[]): Promise<OpenedRun[]> {
    const wanted = () =>
      this.ready.filter((run) =>
        specs.some((spec) => run.kind === spec.kind && run.number === spec.number),
      );
    if (wanted().length < specs.length) {
      this.stand(await steps.openRuns(this.view.taskId, specs));
    }
    return wanted();
  }

  private reviewSpecs(cycle: number): RunSpec[] {
    return Array.from({ length: this.seats }, (_, seat) => ({
      kind: 'REVIEW' as const,
      number: this.reviews + 1 + seat,
      cycle,
      seat,
    }));
  }

  private nextExecution(cycle = this.view.cycle + 1): RunSpec[] {
    return [{ kind: 'EXECUTION', number: this.executions + 1, cycle, seat: 0 }];
  }

  private acceptedByPerson(): 'accepted' {
    this.reviews++; // the acceptance is a review run of its own
    return 'accepted';
  }

  private async resolved(step: string, standing: Standing): Promise<Resolution> {
    if (standing.resolution !== null) return standing.resolution; // a record that is re-entered
    await condition(() => this.resolutions.has(step));
    return this.resolutions.get(step) ?? 'retry';
  }

  private stand(standing: Standing): void {
    this.ready = standing.opened;
    this.view.stand(standing);
  }

  private admitted(answer: AdmissionAnswer): void {
    this.admission = answer;
  }

  private endOf(error: unknown): TaskEnd | null {
    if (error instanceof Rejected && this.admission.kind === 'rejected') {
      const { by, reason } = this.admission;
      return { status: 'REJECTED', by, door: 'temporal', reason };
    }
    if (!isCancellation(error)) return null;
    const by = 'person:unnamed';
    return (
      this.end ?? { status: 'CANCELLED', by, door: 'temporal', reason: 'cancelled in Temporal' }
    );
  }
}

/** An activity's own failure instead of the envelope that Temporal puts around it. */
async function sayingWhy<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : null;
    if (!(cause instanceof ApplicationFailure)) throw error;
    throw ApplicationFailure.nonRetryable(cause.message, cause.type, ...(cause.details ?? []));
  }
}
