import type { TaskStatus } from '../../src/domain/task.js';
import { isOpen } from './line.js';
import { ended, stepOf } from './runs.js';
import type { Statements } from './statements.js';
import type { Course, Run, Spec, Task } from './world.js';

type Place =
  | 'unregistered'
  | 'execute'
  | 'executing'
  | 'execution blocked'
  | 'review'
  | 'reviewing'
  | 'review blocked'
  | 'land'
  | 'landing'
  | 'landing blocked';

/** One task's workflow: does what `workflows/task-life.ts` does, one statement at a time. */
export class Life {
  private readonly driver: Statements;
  private readonly id: string;
  at: Place = 'unregistered';
  cycle = 1;
  private executions = 0;
  private reviews = 0;
  private landings = 0;
  private round: readonly Spec[] = [];
  private rounds: number[] = [];
  private opened: readonly string[] = [];
  /** What the last step came to, while a person is waited for. */
  private came = '';
  /** Set when a person cancels. */
  cancelled = false;

  constructor(driver: Statements, id: string) {
    this.driver = driver;
    this.id = id;
  }

  get task(): Task {
    return this.driver.record.task(this.id);
  }

  /** As after a reset: the workflow begins anew on the record that is there. */
  reset(): void {
    this.at = 'unregistered';
    this.cycle = 1;
    this.executions = this.reviews = this.landings = 0;
    this.rounds = roundsOf(this.runs('REVIEW'));
  }

  /** Goes on until one statement was asked for; false: it waits. */
  step(): boolean {
    const { driver, task } = this;
    if (ended(task.status) && this.at !== 'unregistered') return false;
    if (this.at === 'unregistered') return this.register();
    const rejected = driver.record.admissionOf(task) === 'rejected' && this.at === 'execute';
    if (this.cancelled || rejected) {
      const status = this.cancelled ? 'CANCELLED' : 'REJECTED';
      driver.call('end_task', { task: this.id, status, by: 'person:ann' });
      return true;
    }
    for (;;) {
      const { calls } = driver;
      const before: Place = this.at;
      this.move();
      if (driver.calls > calls) return true;
      if (this.at === before) return false;
    }
  }

  private register(): boolean {
    const { driver, task } = this;
    if (ended(task.status)) return false;
    const first = this.spec('EXECUTION', 1, 1);
    const admission = driver.admission(task.assignee, task.priority);
    const { id, workflowId } = task;
    driver.call('begin_task', { id, workflowId, request: null, admission, first });
    this.at = 'execute';
    return true;
  }

  private move(): void {
    const { at } = this;
    if (at === 'unregistered') return;
    if (at === 'execute') this.execute();
    else if (at === 'executing') this.executing();
    else if (at === 'review') this.review();
    else if (at === 'reviewing') this.reviewing();
    else if (at === 'land') this.land();
    else if (at === 'landing') this.landing();
    else this.blocked(at);
  }

  private execute(): void {
    if (this.driver.record.admissionOf(this.task) !== 'admitted') return;
    this.executions += 1;
    this.open([this.spec('EXECUTION', this.executions, this.cycle)]);
    this.at = 'executing';
  }
  private executing(): void {
    const run = this.runs('EXECUTION')[this.executions - 1];
    if (run === undefined || isOpen(run)) return;
    if (run.state === 'CANCELLED') this.at = 'execute';
    else this.at = run.state === 'SUCCEEDED' ? 'review' : 'execution blocked';
  }

  private review(): void {
    this.round = this.reviewRound(this.cycle);
    this.open(this.round);
    this.opened = this.runs('REVIEW')
      .filter(({ number }) => this.round.some((spec) => spec.number === number))
      .map(({ id }) => id);
    this.reviews += this.round.length;
    this.rounds.shift();
    this.at = 'reviewing';
  }
  private reviewing(): void {
    const { driver } = this;
    const runs = this.opened.map((id) => driver.record.run(id));
    if (runs.some(isOpen)) return;
    if (runs.some(({ state }) => state === 'CANCELLED')) {
      const isReassigned = (run: Run) => this.resolution(stepOf(run)) === 'reassign';
      this.at = runs.some(isReassigned) ? 'execute' : 'review';
      return;
    }
    if (runs.length === 1) this.came = runs[0]?.outcome ?? '';
    else {
      const settled = driver.cameTo(runs, this.cycle);
      this.came = settled.outcome;
      const then = this.afterReview(this.cycle);
      const course = settled.unprepared ? then.unprepared : then[settled.outcome];
      const { outcome } = settled;
      driver.call('settle_cycle', { task: this.id, specs: this.round, course, outcome });
    }
    if (this.came === 'accepted') this.at = 'land';
    else if (this.came === 'revision') this.nextCycle();
    else this.at = 'review blocked';
  }

  private land(): void {
    if (this.task.paused) return;
    this.landings += 1;
    this.at = 'landing';
  }
  private landing(): void {
    const { landings } = this.driver.record.world;
    const isThis = (each: { task: string; number: number }) =>
      each.task === this.id && each.number === this.landings;
    const outcome = landings.find(isThis)?.outcome;
    if (outcome === undefined || outcome === 'landed') return;
    this.came = outcome;
    if (outcome === 'conflict') this.nextCycle();
    else this.at = 'landing blocked';
  }
  /** What is landed now, and what may follow. */
  get due(): { number: number; after: ReturnType<Life['afterLanding']> } | null {
    const { landings } = this.driver.record.world;
    const done = landings.some((each) => each.task === this.id && each.number === this.landings);
    if (this.at !== 'landing' || done || this.cancelled) return null;
    return { number: this.landings, after: this.afterLanding(this.cycle) };
  }

  private blocked(at: 'execution blocked' | 'review blocked' | 'landing blocked'): void {
    const [kind = '', number] = {
      'execution blocked': ['EXECUTION', this.executions] as const,
      'review blocked': ['REVIEW', this.reviews] as const,
      'landing blocked': ['LANDING', this.landings] as const,
    }[at];
    const how = this.resolution(`${kind} ${number}`);
    if (how === null) return;
    if (how === 'accept') {
      this.reviews += 1; // the acceptance is a review run of its own
      this.at = 'land';
    } else if (how === 'reassign' || at === 'execution blocked') this.at = 'execute';
    else if (this.came === 'atCap') this.nextCycle();
    else this.at = at === 'review blocked' ? 'review' : 'land';
  }

  private nextCycle(): void {
    this.cycle += 1;
    this.at = 'execute';
  }
  private resolution(step: string): string | null {
    return this.driver.record.decided(this.id, `block:${step}`)?.decision ?? null;
  }
  private runs(kind: Run['kind']): Run[] {
    return this.driver.record.runsOf(this.id).filter((run) => run.kind === kind);
  }
  /** The runs of these specs: opened by the close before them, or now. */
  private open(specs: readonly Spec[]): void {
    const there = this.runs(specs[0]?.kind ?? 'EXECUTION');
    const missing = specs.some(({ number }) => !there.some((run) => run.number === number));
    if (missing) this.driver.call('open_runs', this.id, specs);
  }

  // ── What may come after each step ─────────────────────────────────────────────────────────────

  private spec(kind: Spec['kind'], number: number, cycle: number, seat = 0): Spec {
    return { id: this.driver.newId(), kind, number, cycle, seat };
  }
  private reviewRound(cycle: number): Spec[] {
    const seats = this.rounds[0] ?? this.driver.record.seatsOf(this.task);
    return Array.from({ length: seats }, (_, seat) =>
      this.spec('REVIEW', this.reviews + 1 + seat, cycle, seat),
    );
  }
  private again(status: TaskStatus, cycle: number): Course {
    return { status, next: [this.spec('EXECUTION', this.executions + 1, cycle)] };
  }
  afterExecution() {
    return {
      succeeded: { status: 'REVIEW', next: this.reviewRound(this.cycle) },
      failed: { status: 'BLOCKED', blocked: 'execution-failed', next: [] },
      unprepared: { status: 'BLOCKED', blocked: 'setup-failed', next: [] },
    } as const satisfies Record<string, Course>;
  }
  afterReview(cycle: number) {
    return {
      accepted: { status: 'LANDING', next: [] },
      revision: this.again('IN_PROGRESS', cycle + 1),
      atCap: { status: 'BLOCKED', blocked: 'revision-cap', next: [] },
      failed: { status: 'BLOCKED', blocked: 'review-failed', next: [] },
      unprepared: { status: 'BLOCKED', blocked: 'setup-failed', next: [] },
    } as const satisfies Record<string, Course>;
  }
  private afterLanding(cycle: number) {
    return {
      landed: { status: 'DONE', next: [] },
      conflict: this.again('IN_PROGRESS', cycle + 1),
      atCap: { status: 'BLOCKED', blocked: 'landing-cap', next: [] },
      refused: { status: 'BLOCKED', blocked: 'landing-failed', next: [] },
    } as const satisfies Record<string, Course>;
  }
  /** Whether a review closes its cycle by itself: several are settled afterwards. */
  get alone(): boolean {
    return this.opened.length === 1;
  }
}

/** As `review_rounds` counts them: a round begins with its first seat. */
function roundsOf(reviews: readonly Run[]): number[] {
  const rounds: number[] = [];
  for (const { byPerson, seat } of reviews) {
    if (byPerson) continue;
    if (seat === 0) rounds.push(1);
    else rounds.push((rounds.pop() ?? 0) + 1);
  }
  return rounds;
}
