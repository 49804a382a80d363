import type { PolicyName } from '../../src/domain/policy.js';
import type { Priority, TaskStatus, Verb } from '../../src/domain/task.js';
import { isOpen } from './line.js';
import { blankRun, stepOf } from './runs.js';
import { Tasks } from './tasks.js';
import type { Run, Task } from './world.js';

export interface VerbCall {
  readonly task: string;
  readonly verb: Verb;
  readonly by: string;
  readonly messageId: string;
  readonly legalIn: readonly TaskStatus[];
  readonly refused: string | null;
  readonly freshId: string;
  readonly text?: string;
  readonly executor?: string;
  readonly reviewers?: readonly string[];
  readonly priority?: Priority;
}

/** The verbs as `0004_verbs.sql` has them, configuration as `0005_configuration.sql` does. */
export class Model extends Tasks {
  apply_verb(given: VerbCall) {
    const task = this.task(given.task);
    const message = `${task.id} ${given.messageId}`;
    const told = this.world.messages.get(message);
    if (told) return { ...this.verbAnswer(task, told.error, told.step, told.how), wake: [] };
    const before = { ...task };
    let error = given.refused ?? this.verbError(task, given);
    let how: string | null = null;
    if (error === null) ({ error = null, how = null } = this.applyVerb(before, given));
    const action = `task.${given.verb}${error === null ? '' : '.refused'}`;
    this.world.audit.push({ by: given.by, action, subject: task.id });
    const wake = this.promote().filter((id) => this.run(id).task !== task.id);
    const step = how === null ? null : before.blockedStep;
    this.world.messages.set(message, { error, step, how });
    return { ...this.verbAnswer(task, error, step, how), wake };
  }

  verbError(task: Task, given: VerbCall): string | null {
    const { verb, by, legalIn } = given;
    if (!by.startsWith('person:')) return 'NotPermitted';
    const admits = verb === 'approve' || verb === 'reject';
    if (admits && this.admissionOf(task) !== 'waits') return 'AlreadyDecided';
    const refused = task.status === 'INBOX' && this.wasRejected(task);
    if ((admits || verb === 'reassign') && refused) return 'AlreadyDecided';
    const asks = task.blocked === 'question';
    const isGated = verb === 'approve' && this.waitsForApproval(task);
    if (!legalIn.includes(task.status) && !isGated) return 'WrongState';
    return (verb === 'answer' && !asks) || (verb === 'retry' && asks) ? 'WrongState' : null;
  }

  verbAnswer(task: Task, error: string | null, step: string | null, how: string | null) {
    const runs = this.runsOf(task.id);
    const inState = (state: string) => runs.filter((r) => r.state === state).map(({ id }) => id);
    const { status, blocked } = task;
    const resolved = how === null ? null : `${step} ${how}`;
    const answer = { error, status, blocked, resolved, admission: this.admissionOf(task) };
    return { ...answer, admitted: inState('ADMITTED'), cancelled: inState('CANCELLED') };
  }

  private applyVerb(task: Task, given: VerbCall): { error?: string | null; how?: string | null } {
    const row = this.task(task.id);
    switch (given.verb) {
      case 'approve':
        return { error: this.decideAdmission(task, given, 'admitted') };
      case 'reject':
        return { error: this.decideAdmission(task, given, 'rejected') };
      case 'answer':
        this.releaseHeld(task);
        return {};
      case 'retry':
        return { how: this.retryBlock(task, given.by) };
      case 'accept': {
        const error = this.acceptWork(task, given);
        return { error, how: error === null ? 'accept' : null };
      }
      case 'reassign': {
        const first = given.reviewers ? this.reassignReviewers(task, given) : null;
        const how = given.executor ? this.reassignExecutor(task, given.executor, given.by) : first;
        return { how };
      }
      case 'reprioritise':
        row.priority = given.priority ?? row.priority;
        row.admissionVersion = null;
        for (const run of this.runsOf(task.id)) {
          if (run.state === 'QUEUED') run.priority = row.priority;
        }
        return {};
      case 'pause':
      case 'resume':
        row.paused = given.verb === 'pause';
        return {};
      case 'guide':
      case 'cancel':
        return {};
      default:
        return given.verb satisfies never;
    }
  }

  decideAdmission(task: Task, { by }: VerbCall, decision: string): string | null {
    const question = this.admissionQuestion(task);
    if (!this.decide(task.id, question, decision, by)) return 'AlreadyDecided';
    const isInInbox = task.status === 'INBOX';
    if (decision === 'admitted' && isInInbox) this.setStatus(task.id, 'ASSIGNED', null, null);
    return null;
  }

  held(task: string): Run[] {
    return this.runsOf(task).filter(({ hold }) => hold !== null);
  }
  releaseHeld({ id, blockedStep }: Task): void {
    const run = this.held(id).find((each) => stepOf(each) === blockedStep);
    if (run) Object.assign(run, { hold: null, later: false });
    const [next] = this.held(id).sort((left, right) => left.number - right.number);
    if (next) this.setStatus(id, 'BLOCKED', next.hold, stepOf(next));
    else this.setStatus(id, run?.kind === 'EXECUTION' ? 'IN_PROGRESS' : 'REVIEW', null, null);
  }

  resolve(task: Task, how: string, by: string, status: TaskStatus): void {
    this.decide(task.id, `block:${task.blockedStep}`, how, by);
    this.setStatus(task.id, status, null, null);
  }
  retryBlock(task: Task, by: string): string | null {
    if (this.held(task.id).length > 0) {
      this.releaseHeld(task);
      return null;
    }
    const row = this.task(task.id);
    if (task.blocked === 'revision-cap') row.grantedCycles += 1;
    if (task.blocked === 'landing-cap') row.grantedLandings += 1;
    const step = task.blockedStep ?? '';
    const again =
      step.startsWith('LANDING') && task.blocked !== 'landing-cap'
        ? 'LANDING'
        : step.startsWith('REVIEW') && task.blocked !== 'revision-cap'
          ? 'REVIEW'
          : 'IN_PROGRESS';
    this.resolve(task, 'retry', by, again);
    return 'retry';
  }

  acceptWork(task: Task, { by, freshId }: VerbCall): string | null {
    const work = this.lastExecution(task.id);
    if (work === undefined || this.runsOf(task.id).some(isOpen)) return 'WrongState';
    const number = this.runsOf(task.id).filter(({ kind }) => kind === 'REVIEW').length + 1;
    const spec = { id: freshId, kind: 'REVIEW', number, cycle: work.cycle, seat: 0 } as const;
    const at = ++this.world.clock;
    const empty = { issues: [], criteria: [], earlier: [], followUps: [] };
    this.world.runs.push(
      blankRun(task.id, spec, {
        agent: null,
        byPerson: true,
        priority: task.priority,
        place: this.world.runs.length + 1,
        state: 'SUCCEEDED',
        startedAt: at,
        endedAt: at,
        outcome: 'accepted',
        verdict: { kind: 'APPROVED', summary: 'accepted by a person', ...empty },
        reviewed: work.id,
      }),
    );
    this.resolve(task, 'accept', by, 'LANDING');
    return null;
  }

  cancelQueued(task: string, kind: Run['kind']): void {
    for (const run of this.runsOf(task)) {
      const waits = run.state === 'QUEUED' || (run.state === 'ADMITTED' && run.attempt === 0);
      if (run.kind === kind && waits) this.cancelRun(run);
    }
  }
  reassignReviewers(task: Task, { reviewers = [], executor, by }: VerbCall): string | null {
    this.task(task.id).reviewers = reviewers;
    const held = this.held(task.id).some(({ kind }) => kind === 'REVIEW');
    this.cancelQueued(task.id, 'REVIEW');
    if (held && !executor) this.setStatus(task.id, 'REVIEW', null, null);
    if (task.blocked !== 'review-failed' || executor) return null;
    this.resolve(task, 'retry', by, 'REVIEW');
    return 'retry';
  }
  reassignExecutor(task: Task, executor: string, by: string): string | null {
    const row = this.task(task.id);
    const agent = this.agent(executor);
    Object.assign(row, { assignee: executor, admission: null, admissionVersion: null });
    row.rehearsed ||= !agent.connected;
    this.cancelQueued(task.id, 'EXECUTION');
    if (task.status === 'BLOCKED') {
      this.cancelOpen(task.id);
      this.supersede(task.id);
    }
    if (task.status !== 'INBOX' && agent.type !== 'LEAD') {
      this.decide(task.id, `admission:${executor}`, 'admitted', by);
    }
    const blocked = task.status === 'BLOCKED';
    if (blocked) this.decide(task.id, `block:${task.blockedStep}`, 'reassign', by);
    const onward: Partial<Record<TaskStatus, TaskStatus>> = {
      INBOX: 'ASSIGNED',
      BLOCKED: 'IN_PROGRESS',
    };
    const to = this.mayExecute(row, agent) ? (onward[task.status] ?? task.status) : 'INBOX';
    this.setStatus(task.id, to, null, null);
    return blocked ? 'reassign' : null;
  }
  supersede(task: string): void {
    for (const run of this.runsOf(task)) {
      const done = run.kind === 'EXECUTION' && run.state === 'SUCCEEDED';
      if (done) run.superseded = true;
    }
  }

  set_policy(given: {
    readonly name: PolicyName;
    readonly baseVersion?: number;
    readonly enabled?: boolean;
    readonly value?: Readonly<Record<string, unknown>>;
    readonly by: string;
  }) {
    const { name, baseVersion, by } = given;
    const now = this.policyNow(name);
    if (baseVersion !== undefined && baseVersion !== now.version) return { kind: 'changed' };
    const version = now.version + 1;
    const { enabled = now.enabled, value = now.value } = given;
    this.world.policies.push({ name, version, enabled, value, by });
    const detail = { before: now.value, after: value, wasEnabled: now.enabled, enabled };
    this.world.audit.push({ by, action: 'policy.set', subject: name, detail });
    return { kind: 'set', version, wake: this.promote() };
  }
  set_agent({ agent, enabled, by }: { agent: string; enabled: boolean; by: string }) {
    const row = this.agent(agent);
    if (row.enabled !== enabled) this.decideInboxAgain();
    Object.assign(row, { enabled, paused: enabled ? false : row.paused });
    if (enabled) row.enabledAt = ++this.world.clock;
    const action = enabled ? 'agent.enable' : 'agent.disable';
    this.world.audit.push({ by, action, subject: agent });
    return { kind: 'set', wake: this.promote() };
  }
  set_squad_paused({ paused, by }: { paused: boolean; by: string }) {
    this.world.squadPaused = paused;
    this.world.audit.push({ by, action: `squad.${paused ? 'pause' : 'resume'}`, subject: 'squad' });
    return { wake: this.promote() };
  }
  /** Whatever a seed holds: rows that are there are left alone. */
  seed({ policies }: { policies: readonly { name: PolicyName }[] }) {
    const known = ({ name }: { name: PolicyName }) =>
      this.world.policies.some((policy) => policy.name === name);
    return { left: policies.every(known) };
  }

  /** Asked by the landing: nothing rehearsed changes what belongs to a person. */
  mayLandIn({ repository, rehearsed }: Task): boolean {
    return repository !== null && !(rehearsed && repository === 'person');
  }

  /** What no function does, but the world: days pass, people edit the roster. */
  midnight() {
    this.world.today += 1;
  }
  come() {
    for (const run of this.world.runs) run.later = false;
  }
  retype({ agent, type }: { agent: string; type: 'LEAD' | 'SPC' }) {
    const row = this.agent(agent);
    if (row.type !== type) this.decideInboxAgain();
    row.type = type;
  }
  /** What was decided under another roster is decided again. */
  decideInboxAgain() {
    for (const task of this.world.tasks) {
      if (task.status === 'INBOX') task.admissionVersion = null;
    }
  }
  connect({ agent }: { agent: string }) {
    this.agent(agent).connected = true;
  }
}
