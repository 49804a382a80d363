import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import {
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
import { isTerminal, type Priority, type TaskStatus, type WaitReason } from '../src/domain/task.js';
import { timeline, timelineMarkdown } from '../src/domain/timeline.js';

/** What people see of a task in Temporal: state, timeline, search attributes, current details. */
export class TaskView {
  readonly taskId: string;
  private state: TaskState;
  private readonly runsById = new Map<string, RunSummary>();
  private shown: { status: TaskStatus; waiting: string; cycle: number } | null = null;

  constructor(begun: Begun) {
    this.taskId = begun.taskId;
    this.state = {
      taskId: begun.taskId,
      number: begun.number,
      label: taskLabel(begun.number),
      title: begun.title,
      status: begun.standing.status,
      blocked: begun.standing.blocked,
      waitingFor: null,
      priority: begun.priority,
      assignee: begun.assignee,
      reviewers: begun.reviewers,
      cycle: 0,
      paused: begun.paused,
      rehearsed: begun.rehearsed,
      runs: [],
    };
    upsertSearchAttributes([
      { key: attribute.priority, value: begun.priority },
      { key: attribute.assignee, value: begun.assignee },
      { key: attribute.reviewers, value: [...begun.reviewers] },
      ...this.changedAttributes(),
    ]);
    this.showDetails();
  }

  get paused(): boolean {
    return this.state.paused;
  }
  get priority(): Priority {
    return this.state.priority;
  }
  get cycle(): number {
    return this.state.cycle;
  }

  current(): TaskState {
    return { ...this.state, runs: [...this.runsById.values()] };
  }

  timeline(): string[] {
    return timeline(this.head(), this.lines());
  }

  stand(
    { status, blocked }: Pick<Standing, 'status' | 'blocked'>,
    wait: WaitReason | null = null,
  ): void {
    this.change({ status, blocked, waitingFor: wait });
  }

  /** A run that stands in line. */
  waits(run: OpenedRun, reason: WaitReason | null): void {
    this.remember(run, 'QUEUED');
    this.change({ cycle: run.cycle, waitingFor: this.state.status === 'BLOCKED' ? null : reason });
  }

  /** A run that may start: an admitted task is being worked on. */
  runs(run: OpenedRun): void {
    this.remember(run, 'RUNNING');
    const status = run.kind === 'REVIEW' ? 'REVIEW' : 'IN_PROGRESS';
    this.change({ cycle: run.cycle, waitingFor: null, status, blocked: null });
  }

  closed(run: RunSummary): void {
    this.runsById.set(run.id, run);
    this.showDetails();
  }

  /** After a verb: what a person has changed. */
  answered(answer: VerbAnswer): void {
    const { assignee, reviewers, priority, paused, status, blocked } = answer;
    const before = this.state;
    const waitingFor = status === 'INBOX' ? 'approval' : before.waitingFor;
    this.change({ assignee, reviewers, priority, paused, status, blocked, waitingFor });
    if (
      assignee === before.assignee &&
      priority === before.priority &&
      reviewers.join() === before.reviewers.join()
    )
      return;
    upsertSearchAttributes([
      { key: attribute.priority, value: priority },
      { key: attribute.assignee, value: assignee },
      { key: attribute.reviewers, value: [...reviewers] },
    ]);
  }

  outcome(): TaskOutcome {
    const { taskId, number, status, cycle, rehearsed } = this.state;
    if (!isTerminal(status)) throw new Error(`${taskId} ended while ${status}`);
    const last = [...this.runsById.values()].at(-1);
    return { taskId, number, status, cycles: cycle, rehearsed, summary: last?.summary ?? '' };
  }

  private remember(run: OpenedRun, state: 'QUEUED' | 'RUNNING'): void {
    const { id, kind, number, cycle } = run;
    const agentName = run.agentName ?? '(nobody yet)';
    this.runsById.set(id, {
      id,
      kind,
      number,
      cycle,
      agentName,
      state,
      summary: null,
      verdict: null,
      superseded: false,
      byPerson: false,
    });
  }

  private change(part: Partial<TaskState>): void {
    this.state = { ...this.state, ...part };
    const changed = this.changedAttributes();
    if (changed.length > 0) upsertSearchAttributes(changed);
    this.showDetails();
  }

  /** One upsert per change of status, cycle or wait: each costs an event. */
  private changedAttributes() {
    const { status, cycle } = this.state;
    const waiting = this.state.waitingFor ?? this.state.blocked ?? '';
    const before = this.shown;
    this.shown = { status, waiting, cycle };
    return [
      ...(before?.status === status ? [] : [{ key: attribute.status, value: status }]),
      ...(before?.waiting === waiting
        ? []
        : [{ key: attribute.waitingFor, value: waiting || null }]),
      ...(before?.cycle === cycle ? [] : [{ key: attribute.cycles, value: cycle }]),
    ];
  }

  private showDetails(): void {
    setCurrentDetails(timelineMarkdown(this.head(), this.lines()));
  }

  private head() {
    const { number, title, status, blocked, rehearsed, waitingFor, paused } = this.state;
    const waits = waitingFor ?? (paused ? 'task-paused' : null);
    return { number, title, status, blockedBy: blocked, rehearsed, waits };
  }

  private lines() {
    return [...this.runsById.values()].map((run) => ({ ...run, agent: run.agentName }));
  }
}
