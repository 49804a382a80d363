import { z } from 'zod';
import {
  type AdmissionAnswer,
  type Begun,
  DOORS,
  type Envelope,
  ERROR_TYPES,
  type ExecutionThen,
  type GuideMessage,
  type LandingEnd,
  type LandingThen,
  type OpenedRun,
  type ReassignMessage,
  type ReprioritiseMessage,
  type ReviewThen,
  ROUND_ENDS,
  type RunEnd,
  type RunRef,
  type RunSummary,
  type Standing,
  type TaskOutcome,
  type Then,
  type VerbAnswer,
  type VerbMessage,
} from '../../src/contract.js';
import { RUN_KINDS, RUN_STATES } from '../../src/domain/run.js';
import {
  BLOCK_REASONS,
  PRIORITIES,
  TASK_STATUSES,
  VERBS,
  type Verb,
  WAIT_REASONS,
} from '../../src/domain/task.js';
import { VERDICT_KINDS } from '../../src/domain/verdict.js';

/**
 * Replay compares kinds and names of commands, not what they carry. So what stored histories hold
 * is parsed here by the contract of today, and each schema is held to its type by the compiler: a
 * field that becomes required breaks either the build or the histories, never a live task.
 */
const count = z.int().nonnegative();
const text = z.string();
const status = z.enum(TASK_STATUSES);
const blocked = z.enum(BLOCK_REASONS).nullable();
const resolution = z.enum(['retry', 'accept', 'reassign']);
const wait = z.enum(WAIT_REASONS).nullable();

const spec = z.object({
  kind: z.enum(RUN_KINDS),
  number: count,
  cycle: count,
  seat: count,
  by: z.literal('checks').exactOptional(),
});
const opened = spec.extend({
  id: text,
  state: z.enum(RUN_STATES),
  agent: text.nullable(),
  agentName: text.nullable(),
  wait,
}) satisfies z.ZodType<OpenedRun>;
const summary = z.object({
  id: text,
  kind: z.enum(RUN_KINDS),
  number: count,
  cycle: count,
  agentName: text,
  state: z.enum(RUN_STATES),
  summary: text.nullable(),
  verdict: z.enum(VERDICT_KINDS).nullable(),
  superseded: z.boolean(),
  byPerson: z.boolean(),
  byChecks: z.boolean().exactOptional(),
}) satisfies z.ZodType<RunSummary>;
const standing = z.object({
  asOf: count.exactOptional(),
  status,
  blocked,
  opened: z.array(opened),
  runs: z.array(summary),
  resolution: resolution.nullable(),
}) satisfies z.ZodType<Standing>;

const decided = { by: text, reason: text };
const admission = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('admitted'), ...decided }),
  z.object({ kind: z.literal('rejected'), ...decided }),
  z.object({ kind: z.literal('waits'), reason: text }),
]) satisfies z.ZodType<AdmissionAnswer>;

const people = {
  priority: z.enum(PRIORITIES),
  assignee: text,
  assigneeName: text,
  reviewers: z.array(text),
  paused: z.boolean(),
};
const begun = z.object({
  taskId: text,
  number: count,
  title: text,
  rehearsed: z.boolean(),
  seats: count,
  rounds: z.array(count).exactOptional(),
  shownAtStart: z.literal(true).exactOptional(),
  admission,
  standing,
  ...people,
}) satisfies z.ZodType<Begun>;
const verbAnswer = z.object({
  asOf: count.exactOptional(),
  applied: z.boolean(),
  message: text,
  error: z.enum(ERROR_TYPES).nullable(),
  status,
  blocked,
  resolved: z.object({ step: text, resolution }).nullable(),
  admission,
  admitted: z.array(text),
  cancelled: z.array(text),
  runs: z.array(summary),
  ...people,
}) satisfies z.ZodType<VerbAnswer>;

const runEnd = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('requeued'), standing, admitted: z.boolean(), wait }),
  z.object({
    kind: z.literal('closed'),
    outcome: z.enum([
      'succeeded',
      'toCheck',
      'accepted',
      'revision',
      'atCap',
      'failed',
      'cancelled',
      'reviewed',
    ]),
    wordsOnly: z.literal(true).exactOptional(),
    standing,
  }),
]) satisfies z.ZodType<RunEnd>;
const landingEnd = z.object({
  kind: z.enum(['landed', 'conflict', 'atCap', 'refused']),
  summary: text,
  standing,
}) satisfies z.ZodType<LandingEnd>;

const then = z.object({
  status,
  blocked: z.enum(BLOCK_REASONS).exactOptional(),
  next: z.array(spec).exactOptional(),
}) satisfies z.ZodType<Then>;
const ref = z.object({ id: text, taskId: text }) satisfies z.ZodType<RunRef>;
const afterExecution = z.object({
  succeeded: then,
  toCheck: then.exactOptional(),
  failed: then,
  unprepared: then,
}) satisfies z.ZodType<ExecutionThen>;
const afterReview = z.object({
  accepted: then,
  revision: then,
  atCap: then,
  failed: then,
  unprepared: then,
}) satisfies z.ZodType<ReviewThen>;
const afterLanding = z.object({
  landed: then,
  conflict: then,
  atCap: then,
  refused: then,
}) satisfies z.ZodType<LandingThen>;
const outcome = z.object({
  taskId: text,
  number: count,
  status: z.enum(['DONE', 'REJECTED', 'CANCELLED']),
  cycles: count,
  rehearsed: z.boolean(),
  summary: text,
}) satisfies z.ZodType<TaskOutcome>;

// ── Messages, as any client may send them ───────────────────────────────────────────────────────

const envelope = z.looseObject({
  by: text.exactOptional(),
  door: z.enum(DOORS).exactOptional(),
  messageId: text.exactOptional(),
  reason: text.exactOptional(),
}) satisfies z.ZodType<Envelope>;
const said = envelope.extend({ text });
const MESSAGES = {
  approve: envelope,
  reject: envelope,
  guide: said satisfies z.ZodType<GuideMessage>,
  answer: said satisfies z.ZodType<GuideMessage>,
  retry: envelope,
  reassign: envelope.extend({
    executor: text.exactOptional(),
    reviewers: z.array(text).exactOptional(),
  }) satisfies z.ZodType<ReassignMessage>,
  accept: envelope,
  cancel: envelope,
  reprioritise: envelope.extend({
    priority: z.enum(PRIORITIES),
  }) satisfies z.ZodType<ReprioritiseMessage>,
  pause: envelope,
  resume: envelope,
} as const satisfies Record<Verb, z.ZodType>;

const heard = envelope.extend({
  verb: z.enum(VERBS),
  by: text,
  door: z.enum(DOORS),
  messageId: text,
  text: text.exactOptional(),
  executor: text.exactOptional(),
  reviewers: z.array(text).exactOptional(),
  priority: z.enum(PRIORITIES).exactOptional(),
}) satisfies z.ZodType<VerbMessage>;

/** What each activity, message and end carries, by name. */
export const CARRIED: Readonly<Record<string, z.ZodType>> = {
  'input of performExecution': z.tuple([ref, afterExecution]),
  'input of performChecks': z.tuple([ref, afterReview]),
  'input of performReview': z.tuple([ref, afterReview.nullable()]),
  'input of land': z.tuple([text, count, afterLanding]),
  'input of keepUp': z.tuple([]),
  'input of applyVerbs': z.tuple([text, z.array(heard)]),
  'result of performExecution': runEnd,
  'result of performChecks': runEnd,
  'result of performReview': runEnd,
  'result of land': landingEnd,
  'result of beginTask': begun,
  'result of applyVerb': verbAnswer,
  'result of applyVerbs': z.object({
    answers: z.array(verbAnswer.omit({ runs: true })),
    runs: z.array(summary),
  }),
  'result of landWords': landingEnd,
  'result of openRuns': standing,
  'result of settleReviews': z.object({ outcome: z.enum(ROUND_ENDS), standing }),
  'result of endTask': standing,
  'result of decideAgain': admission,
  'input of signal runPromoted': z.tuple([z.object({ run: text })]),
  'input of signal lookAgain': z.tuple([]),
  'result of update': verbAnswer,
  'result of the task': outcome,
  ...Object.fromEntries(
    VERBS.flatMap((verb) => [
      [`input of signal ${verb}`, z.tuple([MESSAGES[verb]])],
      [`input of update ${verb}`, z.tuple([MESSAGES[verb]])],
    ]),
  ),
};
