import { PRIORITIES, type TaskStatus } from '../../src/domain/task.js';
import {
  type Agent,
  emptyWorld,
  type PolicyVersion,
  type Run,
  type Spec,
  type Task,
  type World,
} from './world.js';

const rank = (run: Run): number => PRIORITIES.indexOf(run.priority);
export const isOpen = ({ state }: Run): boolean =>
  state === 'QUEUED' || state === 'ADMITTED' || state === 'RUNNING';
const holdsSlot = ({ state }: Run): boolean => state === 'ADMITTED' || state === 'RUNNING';
/** First in line first. */
export const byLine = (left: Run, right: Run): number =>
  rank(right) - rank(left) || left.place - right.place;

/** The line as `0001_line.sql` has it: who may run, and when. A mutant overrides a method. */
export class Line {
  readonly world: World = emptyWorld();

  task(id: string): Task {
    return found(this.world.tasks, id);
  }
  run(id: string): Run {
    return found(this.world.runs, id);
  }
  agent(id: string): Agent {
    return found(this.world.agents, id);
  }
  runsOf(task: string): Run[] {
    return this.world.runs.filter((run) => run.task === task);
  }
  decided(task: string, question: string) {
    return this.world.decisions.find((each) => each.task === task && each.question === question);
  }
  policyNow(name: string): PolicyVersion {
    const now = this.world.policies.findLast((policy) => policy.name === name);
    if (now === undefined) throw new Error(`no policy ${name}`);
    return now;
  }
  figure(policy: string, name: string): number {
    const { enabled, value } = this.policyNow(policy);
    return enabled ? Number(value[name] ?? 0) : 0;
  }

  rehearsing(): boolean {
    return !this.world.agents.some(({ connected }) => connected);
  }
  hasBackend(agent: Agent): boolean {
    return agent.connected || this.rehearsing();
  }
  canWork(agent: Agent): boolean {
    return agent.enabled && !agent.paused && this.hasBackend(agent);
  }

  lastExecution(task: string): Run | undefined {
    return this.runsOf(task).findLast(
      (run) => run.kind === 'EXECUTION' && run.state === 'SUCCEEDED' && !run.superseded,
    );
  }
  executorOf(task: string, cycle: number): string | null {
    const run = this.runsOf(task).findLast(
      (each) =>
        each.kind === 'EXECUTION' &&
        each.cycle === cycle &&
        each.state === 'SUCCEEDED' &&
        !each.superseded,
    );
    return run?.agent ?? null;
  }
  seatsOf(task: Task): number {
    return Math.max(task.reviewers.length, 1);
  }
  mayReview(task: Task, executor: string | null, seat: number, agent: Agent): boolean {
    if (!agent.reviews || executor === null || agent.id === executor) return false;
    const { reviewers } = task;
    return this.canWork(agent) && (reviewers.length === 0 || reviewers[seat] === agent.id);
  }
  chooseReviewer(task: Task, executor: string | null, seat: number): string | null {
    const { runs } = this.world;
    const load = ({ id }: Agent) => runs.filter((run) => run.agent === id && isOpen(run)).length;
    const knows = ({ id }: Agent) =>
      runs.filter((run) => run.agent === id && run.task === task.id).length;
    const able = this.world.agents.filter((agent) => this.mayReview(task, executor, seat, agent));
    if (able.length < 2) return able[0]?.id ?? null;
    const [best] = able.sort(
      (a, b) => load(a) - load(b) || knows(b) - knows(a) || (a.id < b.id ? -1 : 1),
    );
    return best?.id ?? null;
  }
  hasReviewers(task: Task, executor: string): boolean {
    const seats = Array.from({ length: this.seatsOf(task) }, (_, seat) => seat);
    return seats.every((seat) => this.chooseReviewer(task, executor, seat) !== null);
  }
  /** Whom a policy has admitted and who became a LEAD since is asked about again, apart. */
  admissionQuestion(task: Task): string {
    const question = `admission:${task.assignee}`;
    const { decision, by } = this.decided(task.id, question) ?? {};
    const isLead = this.agent(task.assignee).type === 'LEAD';
    const again = isLead && decision === 'admitted' && !by?.startsWith('person:');
    return again ? `${question} as LEAD` : question;
  }
  mayExecute(task: Task, agent: Agent): boolean {
    const question = `admission:${agent.id}`;
    return [question, `${question} as LEAD`].some((each) => {
      const decision = this.decided(task.id, each);
      if (decision?.decision !== 'admitted') return false;
      return agent.type !== 'LEAD' || decision.by.startsWith('person:');
    });
  }
  waitsForApproval(task: Task): boolean {
    return this.runsOf(task.id).some(
      ({ kind, state, hold, agent }) =>
        kind === 'EXECUTION' &&
        state === 'QUEUED' &&
        hold === null &&
        agent !== null &&
        !this.mayExecute(task, this.agent(agent)),
    );
  }

  gate(run: Run): string | null {
    if (run.hold !== null) return 'held';
    if (this.world.squadPaused) return 'squad-paused';
    const task = this.task(run.task);
    if (task.paused) return 'task-paused';
    if (run.agent === null) return 'no-reviewer';
    const agent = this.agent(run.agent);
    if (!this.isEnabled(agent)) return 'agent-disabled';
    if (!this.hasBackend(agent)) return 'no-backend';
    if (run.kind === 'EXECUTION') {
      if (!this.mayExecute(task, agent)) return 'approval';
      if (!this.hasReviewers(task, agent.id)) return 'no-reviewer';
    } else if (this.executorOf(task.id, run.cycle) === agent.id) return 'no-reviewer';
    return run.later ? 'back-off' : null;
  }
  isEnabled(agent: Agent): boolean {
    return agent.enabled && !agent.paused;
  }
  slotsOf(agent: string): number {
    return this.world.runs.filter((run) => run.agent === agent && holdsSlot(run)).length;
  }
  chargedTo(agent: string): number {
    const { runs, today } = this.world;
    return runs.filter((run) => run.agent === agent && run.charged && run.day === today).length;
  }
  reservedBy(run: Run): number {
    return Math.max(run.estimate - run.tokens, 0);
  }
  tokensOf(): number {
    const { runs, today } = this.world;
    const spent = runs.reduce((sum, run) => sum + (run.day === today ? run.tokens : 0), 0);
    return spent + this.reserved();
  }
  reserved(): number {
    const open = this.world.runs.filter(holdsSlot);
    return open.reduce((sum, run) => sum + this.reservedBy(run), 0);
  }
  dailyLimit({ reviews }: Agent): number {
    return this.figure('execution-limits', reviews ? 'maxDailyPerReviewer' : 'maxDailyPerAgent');
  }
  mayBeCharged(agent: Agent): boolean {
    return this.chargedTo(agent.id) < this.dailyLimit(agent);
  }
  hasSlot(agent: Agent): boolean {
    return this.slotsOf(agent.id) < this.figure('execution-limits', 'maxConcurrentPerAgent');
  }

  /** The first in line of the whole squad: the day's tokens apart, it would go now. */
  head(): Run | undefined {
    return this.world.runs.filter((run) => this.fits(run)).sort(byLine)[0];
  }
  fits(run: Run): boolean {
    if (run.state !== 'QUEUED' || run.agent === null || this.gate(run) !== null) return false;
    const agent = this.agent(run.agent);
    return this.canWork(agent) && this.hasSlot(agent) && (run.charged || this.mayBeCharged(agent));
  }
  seatReviewers(): void {
    for (const run of this.world.runs) {
      if (run.state !== 'QUEUED' || run.agent !== null) continue;
      const executor = this.executorOf(run.task, run.cycle);
      const chosen = this.chooseReviewer(this.task(run.task), executor, run.seat);
      if (chosen !== null) this.seat(run, chosen);
    }
  }
  seat(run: Run, chosen: string): void {
    const { estimate, connected } = this.agent(chosen);
    Object.assign(run, { agent: chosen, estimate, rehearsed: !connected });
  }

  /** Promotes the runs that fit; answers whom to wake. */
  promote(): string[] {
    const woken: string[] = [];
    if (this.world.squadPaused) return woken;
    this.seatReviewers();
    let spent = this.tokensOf();
    for (;;) {
      const head = this.head();
      if (head === undefined) return woken;
      if (spent + head.estimate > this.figure('execution-limits', 'maxDailyTokens')) return woken;
      head.state = 'ADMITTED';
      head.day ??= this.world.today;
      head.charged = true;
      spent += this.reservedBy(head);
      woken.push(head.id);
    }
  }

  waitOf(run: Run): string | null {
    if (run.state !== 'QUEUED') return null;
    const gate = this.gate(run);
    if (gate !== null) return gate === 'held' ? null : gate;
    const agent = this.agent(run.agent ?? '');
    if (!this.hasSlot(agent)) return 'slot';
    if (!run.charged && !this.mayBeCharged(agent)) return 'daily-runs';
    const needed = this.tokensOf() + (this.head()?.estimate ?? 0);
    return needed > this.figure('execution-limits', 'maxDailyTokens') ? 'daily-tokens' : 'slot';
  }

  standing(task: string, specs: readonly Spec[], step: string | null) {
    const { status, blocked } = this.task(task);
    const opened = this.runsOf(task)
      .filter((run) => specs.some(({ kind, number }) => kind === run.kind && number === run.number))
      .map(({ id, state, agent }) => ({ id, state, agent }));
    const resolution = this.decided(task, `block:${step}`)?.decision ?? null;
    return { status: status as TaskStatus, blocked, opened, resolution };
  }
}

function found<T extends { readonly id: string }>(rows: readonly T[], id: string): T {
  const row = rows.find((each) => each.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row;
}
