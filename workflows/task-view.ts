import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import {
  type AdmissionAnswer,
  attribute,
  type Begun,
  type OpenedRun,
  type RunSummary,
  type Standing,
  type TaskOutcome,
  type TaskState,
  type VerbAnswer,
} from '../src/contract.js';
import { taskLabel } from '../src/domain/ids.js';
import { isTerminal, type Priority, type WaitReason } from '../src/domain/task.js';
import { timeline, timelineMarkdown } from '../src/domain/timeline.js';
import { explainWait } from '../src/domain/wait.js';
import { whatToDo } from './what-to-do.js';

type Facts = Omit<TaskState, 'runs' | 'cycle' | 'waitingFor'>;

interface Outside {
  readonly reason: WaitReason;
  readonly detail: string;
}

/** What people see of a task in Temporal: state, timeline, search attributes, current details. */
export class TaskView {
  readonly taskId: string;
  private facts: Facts;
  private admission: AdmissionAnswer;
  /** Every run, as the record last told. */
  private record: readonly RunSummary[] = [];
  /** Runs that were granted since: the record tells of them when they end. */
  private readonly working = new Set<string>();
  private readonly waiting = new Map<string, WaitReason | null>();
  /** What the landing waits for outside. */
  private outside: Outside | null = null;
  /** Of what was told, the latest. */
  private asOf = 0;
  private shown: Readonly<Record<string, string>> = {};

  constructor(begun: Begun) {
    this.taskId = begun.taskId;
    this.admission = begun.admission;
    this.facts = {
      taskId: begun.taskId,
      number: begun.number,
      label: taskLabel(begun.number),
      title: begun.title,
      status: begun.standing.status,
      blocked: begun.standing.blocked,
      priority: begun.priority,
      assignee: begun.assignee,
      reviewers: begun.reviewers,
      paused: begun.paused,
      rehearsed: begun.rehearsed,
    };
    // An admitted task's first run is told of in the same breath: starting, or waiting in line.
    const quietly = begun.shownAtStart === true && begun.standing.status === 'ASSIGNED';
    this.stand(begun.standing, { quietly });
  }

  get paused(): boolean {
    return this.facts.paused;
  }
  get priority(): Priority {
    return this.facts.priority;
  }

  current(): TaskState {
    const cycle = Math.max(0, ...this.record.map((run) => run.cycle));
    return { ...this.facts, cycle, waitingFor: this.waitingFor(), runs: this.runs() };
  }

  timeline(): string[] {
    return timeline(this.head(), this.lines());
  }

  /** What the record tells; `quietly` where the next change follows at once and tells it too. */
  stand(
    { status, blocked, runs, asOf }: Pick<Standing, 'status' | 'blocked' | 'runs' | 'asOf'>,
    { quietly = false } = {},
  ): void {
    if (this.isOvertaken(asOf)) return;
    this.record = runs;
    this.outside = null;
    this.change({ status, blocked }, { quietly });
  }

  /** A landing that has to wait. */
  waitsFor(outside: Outside): void {
    this.outside = outside;
    this.change({});
  }

  /** A run that stands in line. */
  waits(run: OpenedRun, reason: WaitReason | null): void {
    this.working.delete(run.id);
    this.waiting.set(run.id, reason);
    this.change({});
  }

  /** A run that may start: an admitted task is being worked on. */
  starts(run: OpenedRun): void {
    this.waiting.delete(run.id);
    this.working.add(run.id);
    this.change(this.facts.status === 'ASSIGNED' ? { status: 'IN_PROGRESS' } : {});
  }

  /** After a verb: what a person has changed. */
  answered(answer: VerbAnswer): void {
    if (this.isOvertaken(answer.asOf)) return;
    const { assignee, reviewers, priority, paused, status, blocked } = answer;
    this.record = answer.runs;
    this.admission = answer.admission;
    this.change({ assignee, reviewers, priority, paused, status, blocked });
  }

  /** After a change of policy or roster. */
  decided(admission: AdmissionAnswer): void {
    this.admission = admission;
    this.change({});
  }

  outcome(): TaskOutcome {
    const { taskId, number, status, rehearsed } = this.facts;
    if (!isTerminal(status)) throw new Error(`${taskId} ended while ${status}`);
    const { cycle, runs } = this.current();
    const summary = runs.findLast((run) => run.summary !== null)?.summary ?? '';
    return { taskId, number, status, cycles: cycle, rehearsed, summary };
  }

  /** What a run came to may arrive after the answer to a verb that has changed it since. */
  private isOvertaken(asOf = this.asOf): boolean {
    const isOlder = asOf < this.asOf;
    if (!isOlder) this.asOf = asOf;
    return isOlder;
  }

  private change(part: Partial<Facts>, { quietly = false } = {}): void {
    // Ends absorb, whatever an answer that was on its way says.
    const { status, blocked } = this.facts;
    this.facts = { ...this.facts, ...part, ...(isTerminal(status) ? { status, blocked } : {}) };
    if (!quietly) this.showAttributes();
    this.showDetails();
  }

  /** No event: the page asks a worker for them. */
  private showDetails(): void {
    const below = whatToDo(this.current(), this.admission);
    setCurrentDetails(timelineMarkdown(this.head(), this.lines(), below));
  }

  /** One upsert for all that has changed: each costs an event. */
  private showAttributes(): void {
    const { status, blocked, priority, assignee, reviewers, cycle, waitingFor } = this.current();
    const waiting = waitingFor ?? blocked ?? '';
    const pairs = [
      { key: attribute.status, value: status },
      { key: attribute.waitingFor, value: waiting || null },
      { key: attribute.cycles, value: cycle },
      { key: attribute.priority, value: priority },
      { key: attribute.assignee, value: assignee },
      { key: attribute.reviewers, value: [...reviewers] },
    ];
    const before = this.shown;
    this.shown = Object.fromEntries(pairs.map(({ key, value }) => [key.name, String(value)]));
    const changed = pairs.filter(({ key }) => before[key.name] !== this.shown[key.name]);
    if (changed.length > 0) upsertSearchAttributes(changed);
  }

  private waitingFor(): WaitReason | null {
    const { status, paused } = this.facts;
    if (isTerminal(status) || status === 'BLOCKED') return null;
    if (paused) return 'task-paused';
    if (status === 'INBOX') return 'approval';
    if (status === 'LANDING' && this.outside !== null) return this.outside.reason;
    const queued = this.record.filter(({ state }) => state === 'QUEUED');
    return (
      queued.map(({ id }) => this.waiting.get(id) ?? null).find((each) => each !== null) ?? null
    );
  }

  private runs(): RunSummary[] {
    return this.record.map((run) =>
      this.working.has(run.id) && (run.state === 'QUEUED' || run.state === 'ADMITTED')
        ? { ...run, state: 'RUNNING' }
        : run,
    );
  }

  private head() {
    const { number, label, title, status, blocked, rehearsed } = this.facts;
    const reason = this.waitingFor();
    const detail = reason === this.outside?.reason ? (this.outside?.detail ?? null) : null;
    const wait = { ...BARE, detail, reason };
    const waits = reason === null ? null : explainWait({ ...wait, reason }, { label }).sentence;
    return { number, title, status, blockedBy: blocked, rehearsed, waits };
  }

  private lines() {
    return this.runs().map((run) => ({ ...run, agent: run.agentName }));
  }
}

/** The numbers behind a wait are read where it is shown: here they would be those of long ago. */
const BARE = { rule: null, value: null, since: null, place: null, detail: null } as const;
