import { condition } from '@temporalio/workflow';
import {
  type OpenedRun,
  type Resolution,
  type RunEnd,
  type RunRef,
  type RunSpec,
  type Standing,
  stepName,
  TEMPORAL_PRIORITY,
  type VerbAnswer,
} from '../src/contract.js';
import { isTerminal } from '../src/domain/task.js';
import { Over } from './endings.js';
import { steps } from './proxies.js';
import type { TaskView } from './task-view.js';

type ClosedRun = Extract<RunEnd, { kind: 'closed' }>;
type Performing = (
  ref: RunRef,
  options: { summary: string; priority: { priorityKey: number } },
) => Promise<RunEnd>;

/** The runs of one task: opened, granted, performed, and what people have decided about them. */
export class TaskRuns {
  private readonly view: TaskView;
  private readonly granted = new Set<string>();
  private readonly withdrawn = new Set<string>();
  private readonly resolutions = new Map<string, Resolution>();
  /** Runs that the closing of the run before them has opened. */
  private ready: readonly OpenedRun[];
  private working = 0;
  private stepping = 0;

  constructor(view: TaskView, standing: Standing) {
    this.view = view;
    this.ready = standing.opened;
  }

  /** Whether no agent and no landing is at work. */
  get idle(): boolean {
    return this.working === 0;
  }

  /** Waits for what an agent or a landing does. */
  async atWork<T>(work: Promise<T>): Promise<T> {
    this.working++;
    try {
      return await work;
    } finally {
      this.working--;
    }
  }

  /** Whether a small step of the story is at work. */
  get isStepping(): boolean {
    return this.stepping > 0;
  }

  /** The same promise: what waits for it goes on neither earlier nor later than before. */
  step<T>(work: Promise<T>): Promise<T> {
    this.stepping++;
    const done = () => void this.stepping--;
    work.then(done, done);
    return work;
  }

  grant(run: string): void {
    this.granted.add(run);
  }

  /** What a person's verb has done to the runs and to the block. */
  heed({ admitted, cancelled, resolved, runs }: VerbAnswer): void {
    for (const run of admitted) this.granted.add(run);
    // After a reset the record may be ahead: what has ended there is asked for its end.
    for (const { id, state } of runs) {
      if (state === 'SUCCEEDED' || state === 'FAILED') this.granted.add(id);
    }
    for (const run of cancelled) this.withdrawn.add(run);
    if (resolved !== null) this.resolutions.set(resolved.step, resolved.resolution);
  }

  /** The runs of these specs: opened by the close before them, or now. */
  async open(specs: readonly RunSpec[]): Promise<OpenedRun[]> {
    const wanted = () =>
      this.ready.filter((run) =>
        specs.some((spec) => run.kind === spec.kind && run.number === spec.number),
      );
    if (wanted().length < specs.length) {
      this.stand(await this.step(steps.openRuns(this.view.taskId, specs)));
    }
    return wanted();
  }

  /** Waits for the grant and performs the run, again after every re-queue; null: withdrawn. */
  async perform(run: OpenedRun, performing: Performing): Promise<ClosedRun | null> {
    const ref = { id: run.id, taskId: this.view.taskId };
    let { state, wait } = run;
    for (;;) {
      if (state === 'QUEUED' && !this.granted.has(run.id)) {
        this.view.waits(run, wait);
        await condition(() => this.granted.has(run.id) || this.withdrawn.has(run.id));
      }
      if (this.withdrawn.has(run.id)) return null;
      this.granted.delete(run.id); // a re-queued run keeps its id and waits for a new grant
      this.view.starts(run);
      const end = await this.atWork(performing(ref, this.activityOptions(run)));
      const landsAtOnce = end.kind === 'closed' && end.wordsOnly === true && !this.view.paused;
      this.stand(end.standing, { quietly: landsAtOnce });
      if (end.kind === 'closed') {
        const { resolution } = end.standing;
        if (resolution !== null) this.resolutions.set(stepOf(run), resolution);
        return end.outcome === 'cancelled' ? null : end;
      }
      state = end.admitted ? 'ADMITTED' : 'QUEUED';
      wait = end.wait;
    }
  }

  /** Whether the task was given to another executor while one of these runs was held. */
  reassigned(runs: readonly OpenedRun[]): boolean {
    return runs.some((run) => this.resolutions.get(stepOf(run)) === 'reassign');
  }

  /** Waits until a person has ended the block of this step. */
  async resolved(step: string, { resolution }: Standing): Promise<Resolution> {
    if (resolution !== null) return resolution; // a record that is re-entered
    await condition(() => this.resolutions.has(step));
    return this.resolutions.get(step) ?? 'retry';
  }

  stand(standing: Standing, { quietly = false } = {}): void {
    this.ready = standing.opened;
    this.view.stand(standing, { quietly });
    if (isTerminal(standing.status)) throw new Over(standing.status);
  }

  private activityOptions(run: OpenedRun) {
    const kind = run.kind === 'EXECUTION' ? 'Execution' : 'Review';
    return {
      summary: `${kind} ${run.number} · ${run.agentName ?? 'whoever reviews'}`,
      priority: { priorityKey: TEMPORAL_PRIORITY[this.view.priority] },
    };
  }
}

const stepOf = ({ kind, number }: OpenedRun): string => stepName(kind, number);
