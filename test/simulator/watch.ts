import { isTerminal } from '../../src/domain/task.js';
import { accepts } from '../../src/domain/verdict.js';
import type { Before, Breach, Say } from './breach.js';
import type { Driver } from './driver.js';
import { isOpen } from './line.js';
import type { Call } from './statements.js';
import { watchLine } from './watch-line.js';
import { watchWork } from './watch-work.js';
import type { Task } from './world.js';

/** Looks after every statement whether the promises of the design still hold, by its own means. */
export class Watch {
  private readonly before: Before = {
    status: new Map(),
    runs: new Map(),
    decisions: new Map(),
    bounds: new Map(),
    configuration: [],
    audited: 0,
  };
  private readonly driver: Driver;

  constructor(driver: Driver) {
    this.driver = driver;
    this.look();
  }

  check(call: Call): Breach[] {
    const found: Breach[] = [];
    const say: Say = (number, what) => found.push({ number, what: `${call.name}: ${what}` });
    const { driver, before } = this;
    for (const task of driver.record.world.tasks) this.checkTask(task, say);
    watchWork(driver, before, call, say);
    watchLine(driver, before, call, say);
    this.checkDecisions(say);
    this.checkConfiguration(call, say);
    this.checkTrees(say);
    this.checkInbox(call, say);
    this.look();
    return found;
  }

  /** Only what has changed is written down: this is done after every statement. */
  private look(): void {
    const { before } = this;
    const { tasks, runs, decisions, audit } = this.driver.record.world;
    for (const { id, status } of tasks) before.status.set(id, status);
    for (const run of runs) {
      const was = before.runs.get(run.id);
      if (was && was.state === run.state && was.tokens === run.tokens) continue;
      const { state, place, number, charged, tokens } = run;
      before.runs.set(run.id, { state, place, number, charged, tokens });
    }
    for (const { task, question, decision, by } of decisions.slice(before.decisions.size)) {
      before.decisions.set(`${task} ${question}`, `${decision} ${by}`);
    }
    before.configuration = this.configuration();
    before.audited = audit.length;
  }

  private configuration(): unknown[] {
    const { policies, agents, squadPaused } = this.driver.record.world;
    const flags = agents.map(({ enabled }) => enabled);
    return [squadPaused, ...flags, ...policies.flatMap(({ enabled, value }) => [enabled, value])];
  }

  private checkTask(task: Task, say: Say): void {
    const { record } = this.driver;
    const was = this.before.status.get(task.id);
    if (was !== undefined && isTerminal(was) && task.status !== was) say(7, `${was} was left`);
    const open = record.runsOf(task.id).filter(isOpen);
    if (isTerminal(task.status) && open.length > 0) say(12, `${task.status} with an open run`);
    if (open.filter(({ kind }) => kind === 'EXECUTION').length > 1) say(9, 'two open executions');
    if ((task.blocked !== null) !== (task.status === 'BLOCKED'))
      say(14, 'blocked without a reason');
    if (task.blocked === 'question' && !open.some(({ hold }) => hold === 'question')) {
      say(14, 'nobody asks the question that blocks');
    }
    if (task.status === 'DONE' && was !== 'DONE') this.checkDone(task, say);
  }

  private checkDone(task: Task, say: Say): void {
    const { record, meant } = this.driver;
    const runs = record.runsOf(task.id);
    const work = runs.findLast(
      ({ kind, state, superseded }) => kind === 'EXECUTION' && state === 'SUCCEEDED' && !superseded,
    );
    if (work === undefined) {
      say(1, 'DONE without an execution');
      return;
    }
    if (task.landedFrom !== work.commit) say(1, 'landed is not what was reviewed');
    const good = runs.filter(
      ({ id, reviewed, verdict, startedAt, byPerson }) =>
        reviewed === work.id &&
        verdict !== null &&
        accepts(verdict.kind) &&
        startedAt > work.endedAt &&
        (byPerson || meant.get(id) === 'approving'),
    );
    const seats = task.reviewers.length === 0 ? [0] : task.reviewers.keys();
    const isFull = [...seats].every((seat) => good.some((run) => run.seat === seat));
    if (!isFull && !good.some(({ byPerson }) => byPerson)) say(1, 'DONE without every reviewer');
    if (task.rehearsed && task.repository === 'person' && task.landedCommit !== null) {
      say(17, 'rehearsed work has landed in a repository that a person added');
    }
  }

  private checkDecisions(say: Say): void {
    const { record } = this.driver;
    const { decisions } = record.world;
    const was = [...this.before.decisions];
    for (const [index, { task, question, decision, by }] of decisions.entries()) {
      const told = was[index];
      if (told !== undefined) {
        const same = told[0] === `${task} ${question}` && told[1] === `${decision} ${by}`;
        if (!same) say(6, 'a decision has changed');
        continue;
      }
      if (this.before.decisions.has(`${task} ${question}`)) say(6, 'a question was decided twice');
      const isPolicy = by === 'policy:auto-approve' && question.startsWith('admission:');
      if (!by.startsWith('person:') && !isPolicy) say(6, `decided by ${by}, who may not`);
      const agent = question.replace('admission:', '');
      if (isPolicy && record.agent(agent).type === 'LEAD') say(5, 'policy admitted a LEAD');
    }
    if (decisions.length < was.length) say(6, 'a decision is gone');
  }

  private checkConfiguration({ name }: Call, say: Say): void {
    const { configuration, audited } = this.before;
    const now = this.configuration();
    const same = now.length === configuration.length;
    if (same && now.every((each, index) => each === configuration[index])) return;
    const by = this.driver.record.world.audit.slice(audited);
    if (name === 'seed') say(13, 'a seed has changed the configuration');
    if (!by.some((each) => each.by.startsWith('person:'))) say(13, 'changed, and nobody is named');
  }

  /** Once it was decided, the inbox has been decided under the policy in force. */
  private checkInbox({ name, given }: Call, say: Say): void {
    if (name !== 'decide_again') return;
    const { record } = this.driver;
    const task = record.task(String(given[0]));
    if (task.status !== 'INBOX' || record.wasRejected(task)) return;
    const { version } = record.policyNow('auto-approve');
    if (task.admissionVersion !== version) say(14, 'the inbox is not decided, and asks for ever');
  }

  private checkTrees(say: Say): void {
    const { record } = this.driver;
    const { tasks } = record.world;
    const added = tasks.filter(({ id }) => !this.before.status.has(id));
    if (added.length === 0) return;
    const keys = tasks.flatMap(({ source, key }) => (key === null ? [] : [`${source} ${key}`]));
    if (new Set(keys).size !== keys.length) say(15, 'filed twice under one key');
    const children = added.filter(({ originRun }) => originRun !== null);
    const [first] = children;
    if (first === undefined) return;
    const tree = tasks.filter(({ root }) => root === first.root);
    const figure = (name: string) => record.figure('spawn', name);
    if (tree.length > figure('maxPerTree')) say(8, `a tree of ${tree.length}`);
    if (first.depth > figure('maxDepth')) say(8, `a follow-up at depth ${first.depth}`);
    if (children.length > figure('maxPerVerdict')) say(8, `${children.length} of one verdict`);
    if (new Set(tree.map(({ title }) => title)).size < tree.length) say(8, 'a title twice');
    const isOlder = tasks.some(
      ({ id, originRun }) => originRun === first.originRun && this.before.status.has(id),
    );
    if (isOlder) say(8, 'the follow-ups of one verdict were filed twice');
  }
}
