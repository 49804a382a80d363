import type { BlockReason, TaskStatus } from '../../src/domain/task.js';
import type { Verdict } from '../../src/domain/verdict.js';
import { isOpen, Line } from './line.js';
import { type Course, Raised, type Run, type Spec } from './world.js';

const MOVES: Record<TaskStatus, readonly TaskStatus[]> = {
  INBOX: ['ASSIGNED', 'REJECTED', 'CANCELLED'],
  ASSIGNED: ['IN_PROGRESS', 'INBOX', 'CANCELLED'],
  IN_PROGRESS: ['REVIEW', 'BLOCKED', 'CANCELLED'],
  REVIEW: ['IN_PROGRESS', 'LANDING', 'BLOCKED', 'CANCELLED'],
  LANDING: ['DONE', 'IN_PROGRESS', 'BLOCKED', 'CANCELLED'],
  BLOCKED: ['INBOX', 'IN_PROGRESS', 'REVIEW', 'LANDING', 'CANCELLED'],
  DONE: [],
  REJECTED: [],
  CANCELLED: [],
};
export const ended = (status: TaskStatus): boolean => MOVES[status].length === 0;
export const stepOf = ({ kind, number }: { kind: string; number: number }): string =>
  `${kind} ${number}`;

export interface Closing {
  readonly run: string;
  readonly attempt: number;
  readonly state: 'SUCCEEDED' | 'FAILED' | 'REQUEUED';
  readonly outcome?: string;
  readonly workTokens: number;
  readonly cause?: string;
  readonly fault?: string;
  readonly hold?: BlockReason;
  readonly question?: string;
  readonly delaySeconds?: number;
  readonly verdict?: Verdict;
  readonly verdictKind?: string;
  readonly reviewedRun?: string;
  readonly reviewedCommit?: string;
  readonly commit?: string;
  readonly course?: Course | null;
}

/** A run's life as `0002_runs.sql` has it. */
export class Runs extends Line {
  setStatus(id: string, to: TaskStatus, blocked: BlockReason | null, step: string | null): void {
    const task = this.task(id);
    const from = task.status;
    if (from !== to && !this.mayMove(from, to)) {
      throw new Raised(`task cannot move from ${from} to ${to}`);
    }
    Object.assign(task, { status: to, blocked, blockedStep: blocked === null ? null : step });
    if (ended(to) && from !== to) this.cancelOpen(id);
  }
  mayMove(from: TaskStatus, to: TaskStatus): boolean {
    return MOVES[from].includes(to);
  }
  cancelOpen(task: string): void {
    for (const run of this.runsOf(task)) if (isOpen(run)) this.cancelRun(run);
  }
  cancelRun(run: Run): void {
    const endedAt = ++this.world.clock;
    Object.assign(run, { state: 'CANCELLED', outcome: 'cancelled', charged: false, hold: null });
    run.endedAt = endedAt;
  }

  openRun(id: string, spec: Spec): void {
    const task = this.task(id);
    if (ended(task.status)) return;
    if (spec.kind === 'REVIEW' && spec.seat >= this.seatsOf(task)) return;
    const last = this.runsOf(id).filter(({ kind }) => kind === spec.kind).length;
    if (spec.number <= last) return;
    if (spec.number !== last + 1) throw new Raised(`cannot open ${stepOf(spec)} after ${last}`);
    if (spec.kind === 'EXECUTION' && this.runsOf(id).some((r) => r.kind === spec.kind && isOpen(r)))
      throw new Raised('a second open execution');
    const agent =
      spec.kind === 'EXECUTION'
        ? task.assignee
        : this.chooseReviewer(task, this.executorOf(id, spec.cycle), spec.seat);
    const { priority } = task;
    const run = blankRun(id, spec, { agent: null, priority, place: this.world.runs.length + 1 });
    if (agent !== null) this.seat(run, agent);
    this.world.runs.push(run);
    task.cycles = Math.max(task.cycles, spec.cycle);
  }

  applyThen(id: string, course: Course | null | undefined, step: string): void {
    if (!course) return;
    for (const spec of course.next) this.openRun(id, spec);
    this.setStatus(id, course.status, course.blocked ?? null, step);
  }

  open_runs(id: string, specs: readonly Spec[]) {
    for (const spec of specs) this.openRun(id, spec);
    const wake = this.others(this.promote(), id, specs);
    return { wake, standing: this.standing(id, specs, null) };
  }
  /** Without the runs of which the caller is told by the answer itself. */
  others(woken: readonly string[], task: string, specs: readonly Spec[]): string[] {
    const told = this.standing(task, specs, null).opened.map(({ id }) => id);
    return woken.filter((id) => !told.includes(id));
  }

  start_attempt(id: string) {
    const run = this.run(id);
    const task = this.task(run.task);
    if (!isOpen(run)) return { kind: 'closed' as const, outcome: run.outcome };
    if (run.state === 'QUEUED') return { kind: 'queued' as const, wait: this.waitOf(run) };
    run.attempt += 1;
    run.state = 'RUNNING';
    run.startedAt ||= ++this.world.clock;
    if (run.kind === 'EXECUTION' && task.status === 'ASSIGNED') {
      this.setStatus(task.id, 'IN_PROGRESS', null, null);
    }
    return { kind: 'go' as const, attempt: run.attempt };
  }

  isLive(run: Run, attempt: number): boolean {
    return run.attempt === attempt && run.state === 'RUNNING';
  }

  close_run(closing: Closing) {
    const run = this.run(closing.run);
    const next = closing.course?.next ?? [];
    const step = stepOf(run);
    if (!isOpen(run)) {
      const wake = this.others(this.promote(), run.task, next);
      return { outcome: run.outcome, standing: this.standing(run.task, next, step), wake };
    }
    if (!this.isLive(run, closing.attempt)) return { stale: true, wake: [] };
    run.tokens += closing.workTokens;
    if (closing.state === 'REQUEUED') return this.requeue(run, closing);
    Object.assign(run, {
      state: closing.state,
      endedAt: ++this.world.clock,
      outcome: closing.outcome ?? null,
      charged: closing.state === 'SUCCEEDED',
      cause: closing.cause ?? null,
      fault: closing.fault ?? null,
      verdict: closing.verdict ?? null,
      commit: closing.commit ?? null,
      reviewed: closing.reviewedRun ?? null,
    });
    const task = this.task(run.task);
    task.rehearsed ||= run.rehearsed;
    if (run.fault === 'agent') this.pauseFailing(run.agent ?? '');
    this.applyThen(run.task, closing.course, step);
    const wake = this.others(this.promote(), run.task, next);
    return { outcome: run.outcome, standing: this.standing(run.task, next, step), wake };
  }

  requeue(run: Run, { hold, delaySeconds }: Closing) {
    Object.assign(run, { state: 'QUEUED', hold: hold ?? null, later: (delaySeconds ?? 0) > 0 });
    if (hold) this.setStatus(run.task, 'BLOCKED', hold, stepOf(run));
    const wake = this.others(this.promote(), run.task, [run]);
    const admitted = this.run(run.id).state === 'ADMITTED';
    return { outcome: 'requeued', admitted, standing: this.standing(run.task, [], null), wake };
  }

  pauseFailing(id: string): void {
    const agent = this.agent(id);
    const last = this.world.runs
      .filter((run) => run.agent === id && run.endedAt > agent.enabledAt)
      .filter(({ state, fault }) => state === 'SUCCEEDED' || fault === 'agent')
      .sort((left, right) => right.endedAt - left.endedAt)
      .slice(0, 3);
    if (last.filter(({ fault }) => fault === 'agent').length !== 3 || agent.paused) return;
    agent.paused = true;
    this.world.audit.push({ by: 'system:limits', action: 'agent.pause', subject: id });
  }

  settle_cycle(given: {
    readonly task: string;
    readonly specs: readonly Spec[];
    readonly outcome: string;
    readonly course: Course;
  }) {
    const { task, specs, outcome, course } = given;
    const last = specs.at(-1)?.number ?? 0;
    const step = `REVIEW ${last}`;
    const reviews = this.runsOf(task).filter(({ kind }) => kind === 'REVIEW');
    const due = this.task(task).status === 'REVIEW' && last === reviews.length;
    if (due && !this.decided(task, `block:${step}`)) {
      for (const run of reviews) {
        const inRound = specs.some(({ number }) => number === run.number);
        if (inRound && run.outcome === 'reviewed') run.outcome = outcome;
      }
      this.applyThen(task, course, step);
    }
    const wake = this.others(this.promote(), task, course.next);
    return { wake, standing: this.standing(task, course.next, step) };
  }
}

/** A run as it is queued; what stands in `more` differs. */
export const blankRun = (
  task: string,
  { id, kind, number, cycle, seat }: Spec,
  more: Pick<Run, 'agent' | 'priority' | 'place'> & Partial<Run>,
): Run => ({
  ...{ id, kind, number, cycle, seat, task },
  byPerson: false,
  state: 'QUEUED',
  hold: null,
  later: false,
  attempt: 0,
  day: null,
  charged: false,
  estimate: 0,
  tokens: 0,
  fault: null,
  cause: null,
  outcome: null,
  verdict: null,
  commit: null,
  reviewed: null,
  superseded: false,
  spawned: false,
  rehearsed: false,
  startedAt: 0,
  endedAt: 0,
  ...more,
});
