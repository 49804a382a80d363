import type { PolicyValues } from '../../src/domain/policy.js';
import { PRIORITIES, type Priority, type TaskStatus } from '../../src/domain/task.js';
import { ended, Runs } from './runs.js';
import type { Course, Spec, Task } from './world.js';

export interface Request {
  readonly title: string;
  readonly description: string;
  readonly acceptance: readonly string[];
  readonly priority: Priority;
  readonly assignee: string;
  readonly reviewers: readonly string[];
  readonly repository: string | null;
  readonly owner: string;
  readonly source: string | null;
  readonly key: string | null;
}
export interface Filing {
  readonly id: string;
  readonly workflowId: string;
  readonly request: Request;
}
export interface Answer {
  readonly kind: string;
  readonly policyVersion: number;
}

/** A task's life around its runs as `0003_tasks.sql` has it. */
export class Tasks extends Runs {
  insertTask({ id, workflowId, request }: Filing, origin?: { run: string; index: number }): void {
    const { tasks } = this.world;
    const parent = origin === undefined ? undefined : this.task(this.run(origin.run).task);
    const isTwin = (task: Task) =>
      task.id === id ||
      task.workflowId === workflowId ||
      (request.key !== null && task.source === request.source && task.key === request.key) ||
      (origin !== undefined && task.originRun === origin.run && task.originIndex === origin.index);
    if (tasks.some(isTwin)) return;
    const { title, priority, assignee, reviewers, source, key, owner } = request;
    tasks.push({
      ...{ id, workflowId, title, priority, assignee, reviewers, source, key },
      number: tasks.length + 1,
      repository: parent?.repository ?? request.repository,
      status: 'INBOX',
      blocked: null,
      blockedStep: null,
      paused: false,
      registered: false,
      admission: null,
      admissionVersion: null,
      cycles: 0,
      landingCycles: 0,
      grantedCycles: 0,
      grantedLandings: 0,
      root: parent?.root ?? id,
      depth: (parent?.depth ?? -1) + 1,
      originRun: origin?.run ?? null,
      originIndex: origin?.index ?? null,
      rehearsed: false,
      landedFrom: null,
      landedCommit: null,
    });
    this.world.audit.push({ by: owner, action: 'task.file', subject: id });
  }

  file_task(filing: Filing) {
    this.insertTask(filing);
    const { source, key } = filing.request;
    const { tasks } = this.world;
    const own = tasks.find(({ id }) => id === filing.id);
    const task = own ?? tasks.find((each) => each.source === source && each.key === key);
    return { created: own !== undefined, number: task?.number ?? 0 };
  }

  admissionOf(task: Task): 'admitted' | 'rejected' | 'waits' {
    const decision = this.decided(task.id, this.admissionQuestion(task))?.decision;
    return decision === 'admitted' || decision === 'rejected' ? decision : 'waits';
  }
  wasRejected(task: Task): boolean {
    return this.world.decisions.some(
      (each) =>
        each.task === task.id &&
        each.question.startsWith('admission:') &&
        each.decision === 'rejected',
    );
  }
  policyAdmits(task: Task): boolean {
    const { enabled, value } = this.policyNow('auto-approve');
    const { type } = this.agent(task.assignee);
    const types = value.allowedAgentTypes as readonly string[];
    const highest = PRIORITIES.indexOf(value.maxPriority as Priority);
    if (!enabled || type === 'LEAD' || !types.includes(type)) return false;
    return PRIORITIES.indexOf(task.priority) <= highest;
  }
  decide(task: string, question: string, decision: string, by: string): boolean {
    if (this.decided(task, question) !== undefined) return false;
    this.world.decisions.push({ task, question, decision, by });
    return true;
  }
  applyAdmission(id: string, answer: Answer): void {
    const task = this.task(id);
    if (task.status !== 'INBOX' || this.wasRejected(task)) return;
    const admits = answer.kind === 'admitted';
    const agrees = admits === this.policyAdmits(task);
    task.admission = agrees || !admits ? answer.kind : null;
    task.admissionVersion = agrees ? answer.policyVersion : null;
    if (!(admits && agrees)) return;
    const question = `admission:${task.assignee}`;
    const by = 'policy:auto-approve';
    if (this.decide(id, question, 'admitted', by)) {
      this.world.audit.push({ by, action: 'task.admit', subject: id });
    }
    this.setStatus(id, 'ASSIGNED', null, null);
  }

  begin_task(
    given: Omit<Filing, 'request'> & {
      readonly request: Request | null;
      readonly admission: Answer;
      readonly first: Spec;
    },
  ) {
    const { workflowId, request, first } = given;
    const standing = this.world.tasks.find((task) => task.workflowId === workflowId);
    if (standing === undefined && request !== null) {
      const { source, key } = request;
      const twin = this.world.tasks.find((each) => each.source === source && each.key === key);
      if (key !== null && twin) return { error: 'DuplicateKey', number: twin.number };
      this.insertTask({ ...given, request });
    } else if (standing !== undefined && ended(standing.status)) {
      return { error: 'TaskEnded', number: standing.number };
    }
    const task = this.world.tasks.find((each) => each.workflowId === workflowId);
    if (task === undefined) throw new Error('neither a record nor a request');
    task.registered = true;
    task.rehearsed ||= !this.agent(task.assignee).connected;
    this.applyAdmission(task.id, given.admission);
    let wake: string[] = [];
    if (task.status !== 'INBOX' && this.admissionOf(task) === 'admitted') {
      this.openRun(task.id, first);
      wake = this.others(this.promote(), task.id, [first]);
    }
    const admission = this.admissionOf(task);
    return { admission, wake, standing: this.standing(task.id, [first], null) };
  }

  decide_again(id: string, answer: Answer) {
    this.applyAdmission(id, answer);
    return { admission: this.admissionOf(this.task(id)) };
  }

  close_landing(given: {
    readonly task: string;
    readonly number: number;
    readonly outcome?: string;
    readonly landedFrom?: string;
    readonly landedCommit?: string;
    readonly course: Course | null;
  }) {
    const { number, outcome, course } = given;
    const task = this.task(given.task);
    const { landings } = this.world;
    const closed = () => landings.find((each) => each.task === task.id && each.number === number);
    let wake: string[] = [];
    if (task.status === 'LANDING' && outcome !== undefined && closed() === undefined) {
      landings.push({ task: task.id, number, outcome });
      if (outcome === 'conflict' || outcome === 'atCap') task.landingCycles += 1;
      task.landedFrom = outcome === 'landed' ? (given.landedFrom ?? null) : null;
      task.landedCommit = given.landedCommit ?? null;
      this.applyThen(task.id, course, `LANDING ${number}`);
      wake = this.others(this.promote(), task.id, course?.next ?? []);
    }
    const standing = this.standing(task.id, course?.next ?? [], `LANDING ${number}`);
    const came = closed()?.outcome;
    return came === undefined ? { wake, came: null } : { wake, came, standing };
  }

  read_followups(id: string) {
    const { root, depth, cycles } = this.task(id);
    const titles = this.world.tasks.filter((each) => each.root === root).map(({ title }) => title);
    const { enabled, value } = this.policyNow('spawn');
    const off = { maxDepth: 0, maxPerVerdict: 0, maxPerTree: 0 };
    const caps = enabled ? (value as unknown as PolicyValues['spawn']) : off;
    return { depth, cycles, titles, caps };
  }
  file_followups(given: {
    readonly run: string;
    readonly treeSize: number;
    readonly tasks: readonly (Filing & { readonly originIndex: number })[];
  }) {
    const run = this.run(given.run);
    const { root } = this.task(run.task);
    if (this.isFiled(run.id)) return { kind: 'filed', start: [] };
    const size = this.world.tasks.filter((each) => each.root === root).length;
    if (size !== given.treeSize) return { kind: 'changed' };
    for (const each of given.tasks) {
      this.insertTask(each, { run: run.id, index: each.originIndex });
    }
    run.spawned = true;
    const children = this.world.tasks.filter(({ originRun }) => originRun === run.id);
    return { kind: 'filed', start: children.map(({ id }) => id).sort() };
  }
  isFiled(run: string): boolean {
    return this.run(run).spawned;
  }

  end_task(given: { readonly task: string; readonly status: TaskStatus; readonly by: string }) {
    const { task, status, by } = given;
    if (ended(this.task(task).status)) {
      return { wake: [], standing: this.standing(task, [], null) };
    }
    this.setStatus(task, status, null, null);
    this.world.audit.push({ by, action: `task.${status.toLowerCase()}`, subject: task });
    return { wake: this.promote(), standing: this.standing(task, [], null) };
  }
}
