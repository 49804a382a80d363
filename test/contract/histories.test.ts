import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type AdmissionAnswer,
  type Begun,
  DOORS,
  ERROR_TYPES,
  type ExecutionThen,
  type LandingEnd,
  type LandingThen,
  type OpenedRun,
  type ReviewThen,
  type RunEnd,
  type RunRef,
  type RunSummary,
  type Standing,
  type TaskOutcome,
  type Then,
  type VerbAnswer,
} from '../../src/contract.js';
import { RUN_KINDS, RUN_STATES } from '../../src/domain/run.js';
import { BLOCK_REASONS, PRIORITIES, TASK_STATUSES, WAIT_REASONS } from '../../src/domain/task.js';
import { VERDICT_KINDS } from '../../src/domain/verdict.js';
import { readHistory, type StoredHistory, storedHistories } from '../support/histories.js';

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

const spec = z.object({ kind: z.enum(RUN_KINDS), number: count, cycle: count, seat: count });
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
}) satisfies z.ZodType<RunSummary>;
const standing = z.object({
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
  admission,
  standing,
  ...people,
}) satisfies z.ZodType<Begun>;
const verbAnswer = z.object({
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
      'accepted',
      'revision',
      'atCap',
      'failed',
      'cancelled',
      'reviewed',
    ]),
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

const envelope = z.looseObject({
  by: text.exactOptional(),
  door: z.enum(DOORS).exactOptional(),
  text: text.exactOptional(),
});

/** What each activity, message and end carries, by name. */
const CARRIED: Readonly<Record<string, z.ZodType>> = {
  'input of performExecution': z.tuple([ref, afterExecution]),
  'input of performReview': z.tuple([ref, afterReview.nullable()]),
  'input of land': z.tuple([text, count, afterLanding]),
  'result of performExecution': runEnd,
  'result of performReview': runEnd,
  'result of land': landingEnd,
  'result of beginTask': begun,
  'result of applyVerb': verbAnswer,
  'result of openRuns': standing,
  'result of decideAgain': admission,
  'input of signal guide': z.tuple([envelope]),
  'input of update approve': z.tuple([envelope]),
  'result of update': verbAnswer,
  'result of the task': outcome,
};

interface Payload {
  readonly data: string;
}
interface Payloads {
  readonly payloads?: readonly Payload[];
}

const decode = ({ data }: Payload): unknown =>
  JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
const all = (carried: Payloads | undefined): unknown[] => (carried?.payloads ?? []).map(decode);

/** Everything a history carries: `[what, value]`. */
function carriedBy({ events }: StoredHistory): [string, unknown][] {
  const names = new Map<string, string>();
  return events.flatMap((event): [string, unknown][] => {
    const key = Object.keys(event).find((each) => each.endsWith('EventAttributes')) ?? '';
    const attributes = event[key] as Record<string, never>;
    switch (event.eventType) {
      case 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED': {
        const { name } = attributes.activityType ?? { name: '' };
        names.set(String(event.eventId), name);
        return [[`input of ${name}`, all(attributes.input)]];
      }
      case 'EVENT_TYPE_ACTIVITY_TASK_COMPLETED': {
        const name = names.get(String(attributes.scheduledEventId));
        return [[`result of ${name}`, all(attributes.result)[0]]];
      }
      case 'EVENT_TYPE_MARKER_RECORDED': {
        const details: Record<string, Payloads> = attributes.details ?? {};
        const about = all(details.data)[0] as { activity_type: string };
        return [[`result of ${about.activity_type}`, all(details.result)[0]]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED':
        return [[`input of signal ${attributes.signalName}`, all(attributes.input)]];
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED': {
        const { input }: { input: { name: string; args: Payloads } } =
          attributes.acceptedRequest ?? { input: { name: '', args: {} } };
        return [[`input of update ${input.name}`, all(input.args)]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED': {
        const { success }: { success?: Payloads } = attributes.outcome ?? {};
        return [['result of update', all(success)[0]]];
      }
      case 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED':
        return [['result of the task', all(attributes.result)[0]]];
      default:
        return [];
    }
  });
}

describe.each(storedHistories())('what %s carries', (name) => {
  const carried = carriedBy(readHistory(name));

  test.each(carried.map(([what], index) => [index, what] as const))('%i: %s', (index, what) => {
    const schema = CARRIED[what];
    if (schema === undefined) throw new Error(`${what} is carried, and no schema says what it is`);
    const parsed = schema.safeParse(carried[index]?.[1]);
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});

test('the histories carry all that a plain life of a task does', () => {
  const seen = new Set(
    storedHistories().flatMap((name) => carriedBy(readHistory(name)).map(([what]) => what)),
  );
  const rare = ['result of decideAgain'];
  expect([...seen, ...rare].sort()).toEqual(Object.keys(CARRIED).sort());
});
