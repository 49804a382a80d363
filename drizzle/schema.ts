/** The tables. What must be atomic is a SQL function in `migrations/`; only those set statuses. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  date,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { AGENT_TYPES, BACKENDS } from '../src/domain/agent.js';
import type { AgentId, ContentHash, RepositoryId, RunId, TaskId } from '../src/domain/ids.js';
import type { PolicyName, PolicyValues } from '../src/domain/policy.js';
import type { AgentProgram } from '../src/domain/program.js';
import {
  type CheckResult,
  LANDING_MODES,
  NO_RECIPE,
  type Recipe,
} from '../src/domain/repository.js';
import { RUN_KINDS, RUN_STATES } from '../src/domain/run.js';
import { BLOCK_REASONS, PRIORITIES, TASK_STATUSES } from '../src/domain/task.js';
import { VERDICT_KINDS, type Verdict } from '../src/domain/verdict.js';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
/** The wall clock, not the transaction's start: a row may have waited for a lock. */
const moment = (name: string) => timestamp(name, { withTimezone: true });
const clock = sql`clock_timestamp()`;

export const priority = pgEnum('priority', PRIORITIES);
export const taskStatus = pgEnum('task_status', TASK_STATUSES);
export const blockReason = pgEnum('block_reason', BLOCK_REASONS);
export const runKind = pgEnum('run_kind', RUN_KINDS);
export const runState = pgEnum('run_state', RUN_STATES);
export const verdictKind = pgEnum('verdict_kind', VERDICT_KINDS);
export const agentType = pgEnum('agent_type', AGENT_TYPES);
export const backend = pgEnum('backend', BACKENDS);
export const landingMode = pgEnum('landing_mode', LANDING_MODES);
export const provenance = pgEnum('provenance', ['person', 'demo', 'test']);

/** One row. Its lock is the line: whoever changes who may run holds it. */
export const installation = pgTable(
  'installation',
  {
    id: integer('id').primaryKey().default(1),
    squadPaused: boolean('squad_paused').notNull().default(false),
    squadPausedBy: text('squad_paused_by'),
    squadPausedAt: moment('squad_paused_at'),
    temporalCluster: text('temporal_cluster'),
    temporalNamespace: text('temporal_namespace'),
  },
  (t) => [check('installation_is_one_row', sql`${t.id} = 1`)],
);

export const agents = pgTable('agents', {
  id: text('id').$type<AgentId>().primaryKey(),
  name: text('name').notNull(),
  type: agentType('type').notNull(),
  backend: backend('backend').notNull().default('scripted'),
  model: text('model'),
  /** Of a `command` agent: what it was connected with. */
  program: jsonb('program').$type<AgentProgram>(),
  instructions: text('instructions').notNull().default(''),
  reviews: boolean('reviews').notNull().default(false),
  enabled: boolean('enabled').notNull().default(true),
  /** When a real backend was connected; a scripted agent rehearses and is never connected. */
  connectedAt: moment('connected_at'),
  /** Set after failures in a row that were the agent's own fault. */
  pausedReason: text('paused_reason'),
  pausedAt: moment('paused_at'),
  /** Work tokens reserved for a run when it is promoted. */
  tokenEstimate: integer('token_estimate').notNull().default(20_000),
  /** Seconds of wall clock that one attempt may take. */
  timeLimitSeconds: integer('time_limit_seconds').notNull().default(3600),
  /** Kept by a trigger. Null: its type was never another one. */
  leadSince: moment('lead_since'),
  createdAt: moment('created_at').notNull().default(clock),
});

/** Every change is a version; the highest is in force. */
export const policies = pgTable(
  'policies',
  {
    name: text('name').$type<PolicyName>().notNull(),
    version: integer('version').notNull(),
    enabled: boolean('enabled').notNull(),
    value: jsonb('value').$type<PolicyValues[PolicyName]>().notNull(),
    by: text('by').notNull(),
    door: text('door').notNull(),
    why: text('why').notNull(),
    createdAt: moment('created_at').notNull().default(clock),
  },
  (t) => [primaryKey({ columns: [t.name, t.version] })],
);

export const repositories = pgTable('repositories', {
  id: uuid('id').$type<RepositoryId>().primaryKey(),
  name: text('name').notNull().unique(),
  /** A path on this machine, or a URL. */
  location: text('location').notNull(),
  target: text('target').notNull(),
  landing: landingMode('landing').notNull().default('branch'),
  /** Rehearsed work lands only where this is `demo` or `test`. */
  provenance: provenance('provenance').notNull().default('person'),
  recipe: jsonb('recipe').$type<Recipe>().notNull().default(NO_RECIPE),
  addedBy: text('added_by').notNull(),
  createdAt: moment('created_at').notNull().default(clock),
});

/** How the checks of a repository ended on a commit that nobody has worked on yet. */
export const baselines = pgTable(
  'baselines',
  {
    repositoryId: uuid('repository_id')
      .$type<RepositoryId>()
      .notNull()
      .references(() => repositories.id),
    commit: text('commit').notNull(),
    setupDigest: text('setup_digest').notNull(),
    checks: jsonb('checks')
      .$type<(Omit<CheckResult, 'output'> & { outputSha: ContentHash })[]>()
      .notNull(),
    by: text('by').notNull(),
    door: text('door').notNull(),
    at: moment('at').notNull().default(clock),
  },
  (t) => [primaryKey({ columns: [t.repositoryId, t.commit, t.setupDigest] })],
);

export const tasks = pgTable(
  'tasks',
  {
    id: uuid('id').$type<TaskId>().primaryKey(),
    number: integer('number').notNull().unique(),
    workflowId: text('workflow_id').notNull().unique(),
    /** Null until a workflow has registered: filed, and upkeep starts it. */
    firstExecutionRunId: text('first_execution_run_id'),
    title: text('title').notNull(),
    description: text('description').notNull(),
    acceptance: jsonb('acceptance').$type<string[]>().notNull(),
    priority: priority('priority').notNull(),
    assignee: text('assignee')
      .$type<AgentId>()
      .notNull()
      .references(() => agents.id),
    /** Empty: chosen when the review is queued. */
    reviewers: text('reviewers').array().$type<AgentId[]>().notNull(),
    repositoryId: uuid('repository_id')
      .$type<RepositoryId>()
      .references(() => repositories.id),
    owner: text('owner').notNull(),
    door: text('door').notNull(),
    source: text('source'),
    key: text('key'),
    parentId: uuid('parent_id').$type<TaskId>(),
    rootId: uuid('root_id').$type<TaskId>().notNull(),
    depth: integer('depth').notNull().default(0),
    originRunId: uuid('origin_run_id').$type<RunId>(),
    originIndex: integer('origin_index'),
    status: taskStatus('status').notNull(),
    blocked: blockReason('blocked'),
    /** The step whose block is open: `EXECUTION 3`, `REVIEW 2`, `LANDING 1`. */
    blockedStep: text('blocked_step'),
    blockedDetail: text('blocked_detail'),
    paused: boolean('paused').notNull().default(false),
    /** What was last decided about the inbox, and under which policy version. */
    admission: jsonb('admission'),
    admissionPolicyVersion: integer('admission_policy_version'),
    cycles: integer('cycles').notNull().default(0),
    landingCycles: integer('landing_cycles').notNull().default(0),
    /** Cycles that a person's `retry` granted beyond the policy's bound. */
    grantedCycles: integer('granted_cycles').notNull().default(0),
    grantedLandings: integer('granted_landings').notNull().default(0),
    baseCommit: text('base_commit'),
    landedFrom: text('landed_from'),
    landedCommit: text('landed_commit'),
    landedRef: text('landed_ref'),
    /** Why an accepted result landed nowhere: a rehearsal in a person's repository. */
    landingWithheld: text('landing_withheld'),
    rehearsed: boolean('rehearsed').notNull().default(false),
    endedBy: text('ended_by'),
    endedReason: text('ended_reason'),
    createdAt: moment('created_at').notNull().default(clock),
    updatedAt: moment('updated_at').notNull().default(clock),
    statusSince: moment('status_since').notNull().default(clock),
    endedAt: moment('ended_at'),
    /** Working copies and refs of an ended task have been removed. */
    cleanedAt: moment('cleaned_at'),
    /** Sent by the doctor: hidden from lists and figures, and removed after its end. */
    canary: boolean('canary').notNull().default(false),
  },
  (t) => [
    unique('tasks_source_key').on(t.source, t.key),
    unique('tasks_origin').on(t.originRunId, t.originIndex),
    index('tasks_root').on(t.rootId),
    index('tasks_open').on(t.status).where(sql`${t.endedAt} is null`),
    index('tasks_unclean')
      .on(t.endedAt)
      .where(sql`${t.endedAt} is not null and ${t.cleanedAt} is null`),
  ],
);

export const runs = pgTable(
  'runs',
  {
    id: uuid('id').$type<RunId>().primaryKey(),
    taskId: uuid('task_id')
      .$type<TaskId>()
      .notNull()
      .references(() => tasks.id),
    kind: runKind('kind').notNull(),
    number: integer('number').notNull(),
    cycle: integer('cycle').notNull(),
    seat: integer('seat').notNull().default(0),
    /** Null: a review that waits for a reviewer, or a person's own review. */
    agentId: text('agent_id')
      .$type<AgentId>()
      .references(() => agents.id),
    byPerson: text('by_person'),
    /** By the machine's own checks: nobody of the roster, and counted nowhere. */
    byChecks: boolean('by_checks').notNull().default(false),
    state: runState('state').notNull(),
    priority: priority('priority').notNull(),
    /** Place in line within a priority. */
    place: bigserial('place', { mode: 'number' }).notNull(),
    /** Held for a person: promotion skips it until `answer` or `retry`. */
    hold: blockReason('hold'),
    question: text('question'),
    answers: jsonb('answers')
      .$type<{ question: string; answer: string; by: string }[]>()
      .notNull()
      .default([]),
    availableAt: moment('available_at').notNull().default(clock),
    queuedAt: moment('queued_at').notNull().default(clock),
    admittedAt: moment('admitted_at'),
    startedAt: moment('started_at'),
    endedAt: moment('ended_at'),
    /** Milliseconds spent `QUEUED`, summed over re-queues. */
    waitedMs: integer('waited_ms').notNull().default(0),
    attempt: integer('attempt').notNull().default(0),
    /** The day it is charged to, in the policy's time zone. */
    day: date('day'),
    charged: boolean('charged').notNull().default(false),
    /** Kept by a trigger: the limit of that moment is the one that its promotion kept. */
    chargedAt: moment('charged_at'),
    estimate: integer('estimate').notNull().default(0),
    workTokens: integer('work_tokens').notNull().default(0),
    cacheReadTokens: integer('cache_read_tokens').notNull().default(0),
    cause: text('cause'),
    /** `agent` counts towards pausing the agent by name; `system` does not. */
    fault: text('fault'),
    error: text('error'),
    summary: text('summary'),
    verdict: jsonb('verdict').$type<Verdict>(),
    verdictKind: verdictKind('verdict_kind'),
    nonce: text('nonce'),
    reportSha: text('report_sha').$type<ContentHash>(),
    diffSha: text('diff_sha').$type<ContentHash>(),
    commandsSha: text('commands_sha').$type<ContentHash>(),
    instructionsSha: text('instructions_sha').$type<ContentHash>(),
    bytesProduced: integer('bytes_produced'),
    bytesHandedOver: integer('bytes_handed_over'),
    outputCommit: text('output_commit'),
    /** What was left out of the work, since no result may hold it. */
    findings: jsonb('findings').$type<string[]>().notNull().default([]),
    reviewedRunId: uuid('reviewed_run_id').$type<RunId>(),
    reviewedCommit: text('reviewed_commit'),
    /** What became of the follow-ups that its verdict asked for. */
    spawned: jsonb('spawned'),
    outcome: text('outcome'),
    superseded: boolean('superseded').notNull().default(false),
    rehearsed: boolean('rehearsed').notNull().default(false),
  },
  (t) => [
    unique('runs_number').on(t.taskId, t.kind, t.number),
    index('runs_queue').on(t.agentId, t.priority.desc(), t.place).where(sql`${t.state} = 'QUEUED'`),
    index('runs_slots').on(t.agentId).where(sql`${t.state} in ('ADMITTED', 'RUNNING')`),
    index('runs_day').on(t.day, t.agentId),
    index('runs_latest').on(t.agentId, t.endedAt.desc()),
  ],
);

export const attempts = pgTable(
  'attempts',
  {
    runId: uuid('run_id')
      .$type<RunId>()
      .notNull()
      .references(() => runs.id),
    number: integer('number').notNull(),
    worker: text('worker').notNull(),
    startedAt: moment('started_at').notNull().default(clock),
    endedAt: moment('ended_at'),
    end: text('end'),
    /** Turns finished, the snapshot commit after them, and what the backend needs to go on. */
    checkpoint: jsonb('checkpoint').$type<{ turn: number; commit: string; transcript: unknown }>(),
    /** Of its events, those that were stored before their turn had ended. */
    told: integer('told').notNull().default(0),
    toldBytes: bigint('told_bytes', { mode: 'number' }).notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.runId, t.number] })],
);

export const runEvents = pgTable(
  'run_events',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    runId: uuid('run_id').$type<RunId>().notNull(),
    attempt: integer('attempt').notNull(),
    at: moment('at').notNull().default(clock),
    event: jsonb('event').notNull(),
  },
  (t) => [index('run_events_run').on(t.runId, t.id)],
);

export const contents = pgTable('contents', {
  sha256: text('sha256').$type<ContentHash>().primaryKey(),
  body: bytea('body').notNull(),
  createdAt: moment('created_at').notNull().default(clock),
});

/** Files of a task without a repository: its deliverable. */
export const deliverables = pgTable(
  'deliverables',
  {
    taskId: uuid('task_id').$type<TaskId>().notNull(),
    path: text('path').notNull(),
    mode: text('mode').notNull(),
    sha256: text('sha256').$type<ContentHash>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.path] })],
);

/** One decision per question; it never flips. `admission:implementer`, `block:EXECUTION 3`. */
export const decisions = pgTable(
  'decisions',
  {
    taskId: uuid('task_id').$type<TaskId>().notNull(),
    question: text('question').notNull(),
    decision: text('decision').notNull(),
    by: text('by').notNull(),
    door: text('door').notNull(),
    reason: text('reason').notNull(),
    policyVersion: integer('policy_version'),
    at: moment('at').notNull().default(clock),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.question] })],
);

export const landings = pgTable(
  'landings',
  {
    taskId: uuid('task_id').$type<TaskId>().notNull(),
    number: integer('number').notNull(),
    kind: text('kind').notNull(),
    detail: jsonb('detail').notNull(),
    outcome: text('outcome').notNull(),
    at: moment('at').notNull().default(clock),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.number] })],
);

/** What a person said; given to the next execution. */
export const guidance = pgTable(
  'guidance',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    taskId: uuid('task_id').$type<TaskId>().notNull(),
    messageId: text('message_id').notNull(),
    by: text('by').notNull(),
    text: text('text').notNull(),
    at: moment('at').notNull().default(clock),
  },
  (t) => [unique('guidance_message').on(t.taskId, t.messageId)],
);

/** Messages that were applied, with the answer they got: a second delivery gets the same. */
export const messages = pgTable(
  'messages',
  {
    taskId: uuid('task_id').$type<TaskId>().notNull(),
    messageId: text('message_id').notNull(),
    answer: jsonb('answer').notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.messageId] })],
);

/** Append-only: who changed what, through which door. */
export const audit = pgTable(
  'audit',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    at: moment('at').notNull().default(clock),
    principal: text('principal').notNull(),
    door: text('door').notNull(),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    detail: jsonb('detail').notNull().default({}),
  },
  (t) => [index('audit_subject').on(t.subject, t.id)],
);
