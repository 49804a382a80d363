/** The SQL functions as a task's workflow calls them, without Temporal. */
import { randomUUID } from 'node:crypto';
import { call, connect, type Database } from '../../drizzle/db.js';
import {
  applyVerb,
  beginTask,
  closeRun,
  readForBegin,
  startAttempt,
  type Wake,
} from '../../drizzle/steps.js';
import type { Begun, Then, VerbAnswer } from '../../src/contract.js';
import { type Admission, decideAdmission } from '../../src/domain/admission.js';
import type { PolicyName } from '../../src/domain/policy.js';
import type { Priority, TaskStatus, Verb } from '../../src/domain/task.js';
import { VERB_LEGAL_IN } from '../../src/domain/task.js';
import { freshDatabase } from '../support/services.js';

export interface Filed {
  readonly title?: string;
  readonly assignee?: string;
  readonly reviewers?: readonly string[];
  readonly priority?: Priority;
  readonly source?: string;
  readonly key?: string;
}

export interface Queued extends Begun {
  readonly workflowId: string;
  /** Execution 1; it is not there while the task waits in the inbox. */
  readonly run: string;
}

export const spec = (kind: 'EXECUTION' | 'REVIEW', number: number, cycle = number, seat = 0) => ({
  id: randomUUID() as string,
  kind,
  number,
  cycle,
  seat,
});

type WithIds = Omit<Then, 'next'> & { readonly next?: readonly object[] };
export const course = (then: WithIds) => ({ ...then, next: then.next ?? [] });

export const verdict = (kind: 'APPROVED' | 'REVISION' | 'SPAWN' | 'REVISION+SPAWN') => ({
  kind,
  summary: kind.toLowerCase(),
  issues: [],
  criteria: [],
  earlier: [],
  followUps: [],
});

export class Stage {
  readonly database: Database;

  private constructor(database: Database) {
    this.database = database;
  }

  static async open(max = 4): Promise<Stage> {
    const { url } = await freshDatabase();
    return Stage.at(url, max);
  }

  static at(url: string, max: number): Stage {
    return new Stage(connect(url, { max }));
  }

  get sql() {
    return this.database.sql;
  }

  close(): Promise<void> {
    return this.database.close();
  }

  call<T>(name: string, argument: object): Promise<T> {
    return call<T>(this.database, name, argument);
  }

  /** Registers a task as its workflow does, with what policy says of it. */
  async begin(filed: Filed = {}, workflowId = `task/${randomUUID()}`): Promise<Queued> {
    const request = {
      title: filed.title ?? 'A task',
      description: '',
      acceptance: [],
      priority: filed.priority ?? 'NORMAL',
      assignee: filed.assignee ?? 'implementer',
      reviewers: filed.reviewers ?? [],
      repository: null,
      owner: 'person:ann',
      source: filed.source ?? null,
      key: filed.key ?? null,
    };
    const first = spec('EXECUTION', 1);
    const answer = await beginTask(this.database, {
      id: randomUUID(),
      workflowId,
      firstExecutionRunId: 'first',
      door: 'temporal',
      request,
      admission: await this.admission(request.assignee, request.priority),
      first,
    });
    if (answer.error !== undefined) throw new Error(`${answer.error} T-${answer.number}`);
    const run = answer.begun.standing.opened[0]?.id ?? first.id;
    return { ...answer.begun, workflowId, run };
  }

  async admission(assignee: string, priority: Priority): Promise<Admission> {
    const { roster, policy } = await readForBegin(this.database, '');
    const agentType = roster.find(({ id }) => id === assignee)?.type ?? 'LEAD';
    return decideAdmission({ priority, agentId: assignee, agentType, policy });
  }

  /** Starts an attempt and answers its number; fails where the run may not start. */
  async start(run: string): Promise<number> {
    const started = await startAttempt(this.database, run, 'worker');
    if (started.kind !== 'go') throw new Error(`run ${run} is ${started.kind}`);
    return started.attempt;
  }

  closeRun(run: string, attempt: number, how: object) {
    const closing = { run, attempt, events: [], workTokens: 0, cacheReadTokens: 0, ...how };
    return closeRun(this.database, closing as unknown as Parameters<typeof closeRun>[1]);
  }

  /** Starts a run and closes it in one go. */
  async perform(run: string, how: object) {
    return this.closeRun(run, await this.start(run), how);
  }

  /** Opens these; answers where the task stands then. */
  async openRuns(task: string, ...specs: readonly object[]): Promise<object> {
    const [row] = await this.sql<{ standing: object }[]>`
      select open_runs(${task}::uuid, ${JSON.stringify(specs)}::jsonb) -> 'standing' as standing`;
    return row?.standing ?? {};
  }

  /** Executes; the next run is a review unless told otherwise. Answers the review's id. */
  async execute(run: string, next = spec('REVIEW', 1)): Promise<string> {
    const then = course({ status: 'REVIEW', next: [next] });
    await this.perform(run, { ...SUCCEEDED, course: then });
    return next.id;
  }

  review(run: string, execution: string, status: TaskStatus = 'LANDING') {
    return this.perform(run, { ...reviewed(execution, 'APPROVED'), course: course({ status }) });
  }

  fail(run: string, fault: 'agent' | 'system' = 'agent') {
    const then = course({ status: 'BLOCKED', blocked: 'execution-failed' });
    const cause = fault === 'agent' ? 'agent-error' : 'lost-workers';
    return this.perform(run, { state: 'FAILED', outcome: 'failed', cause, fault, course: then });
  }

  verb(task: string, verb: Verb, more: object = {}): Promise<VerbAnswer & { wake: Wake[] }> {
    const given = {
      task,
      verb,
      by: 'person:ann',
      door: 'cli' as const,
      messageId: randomUUID(),
      legalIn: VERB_LEGAL_IN[verb] as readonly TaskStatus[],
      refused: null,
      freshId: randomUUID(),
      ...more,
    };
    return applyVerb(this.database, given).then(({ answer, wake }) => ({
      ...answer,
      message: '',
      wake,
    }));
  }

  /** The next version: the value in force with these fields changed. */
  async setPolicy(name: PolicyName, fields: object, enabled = true) {
    const [row] = await this.sql<{ version: number; value: object }[]>`
      select version, value from policy_now(${name})`;
    return this.call<{ kind: string; version: number; wake: Wake[] }>('set_policy', {
      name,
      baseVersion: row?.version,
      value: { ...row?.value, ...fields },
      enabled,
      by: 'person:ann',
      door: 'cli',
      why: 'a test',
    });
  }

  setAgent(agent: string, enabled: boolean) {
    const given = { agent, enabled, by: 'person:ann', door: 'cli', why: 'a test' };
    return this.call<{ kind: string; wake: Wake[] }>('set_agent', given);
  }

  async run(id: string) {
    const [row] = await this.sql<Run[]>`select *, run_wait(r) as wait from runs r where id = ${id}`;
    if (row === undefined) throw new Error(`no run ${id}`);
    return row;
  }

  async task(id: string) {
    const [row] = await this.sql<Task[]>`select * from tasks where id = ${id}`;
    if (row === undefined) throw new Error(`no task ${id}`);
    return row;
  }

  /** Of these runs: who holds a slot. */
  async holding(runs: readonly string[]): Promise<boolean[]> {
    const rows = await this.sql<{ id: string }[]>`
      select id from runs where state in ('ADMITTED', 'RUNNING')`;
    return runs.map((run) => rows.some(({ id }) => id === run));
  }

  async count(table: string): Promise<number> {
    const [row] = await this.sql<{ n: number }[]>`
      select count(*)::integer as n from ${this.sql(table)}`;
    return row?.n ?? 0;
  }
}

export const SUCCEEDED = {
  state: 'SUCCEEDED',
  outcome: 'succeeded',
  report: 'the report',
  diff: 'the diff',
  commands: 'the commands',
  summary: 'done',
  commit: 'c0ffee',
  bytesProduced: 30,
} as const;

export const reviewed = (execution: string, kind: 'APPROVED' | 'REVISION' | 'SPAWN') => ({
  state: 'SUCCEEDED',
  outcome: kind === 'REVISION' ? 'revision' : 'accepted',
  verdict: verdict(kind),
  verdictKind: kind,
  reviewedRun: execution,
  reviewedCommit: 'c0ffee',
  summary: kind,
});

export interface Run {
  readonly id: string;
  readonly state: string;
  readonly agent_id: string | null;
  readonly number: number;
  readonly place: string;
  readonly day: Date | null;
  readonly charged: boolean;
  readonly attempt: number;
  readonly superseded: boolean;
  readonly rehearsed: boolean;
  readonly hold: string | null;
  readonly answers: readonly { question: string; answer: string }[];
  readonly wait: {
    readonly reason: string;
    readonly rule: string | null;
    readonly value: string | null;
    readonly detail: string | null;
    readonly place: { readonly position: number; readonly of: number } | null;
  } | null;
}

export interface Task {
  readonly status: TaskStatus;
  readonly blocked: string | null;
  readonly blocked_step: string | null;
  readonly assignee: string;
  readonly reviewers: readonly string[];
  readonly cycles: number;
  readonly depth: number;
  readonly root_id: string;
  readonly landing_cycles: number;
  readonly admission_policy_version: number | null;
}
