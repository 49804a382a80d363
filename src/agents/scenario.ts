import { z } from 'zod';
import { PRIORITIES } from '../domain/task.js';
import {
  CRITERION_RESULTS,
  EARLIER_ANSWERS,
  SEVERITIES,
  VERDICT_KINDS,
} from '../domain/verdict.js';

/** What a scripted agent does, as data. Strict: a mistyped field is refused, never ignored. */

const text = z.string().min(1);
const count = z.int().nonnegative();
const turnNumber = z.int().positive();

/** Refused here already, so that a bad path is found before a run starts. */
const path = text.refine((value) => !value.startsWith('/') && !value.split('/').includes('..'), {
  error: 'must be relative and stay inside the working copy',
});

const turn = z.strictObject({
  say: text.optional(),
  /** Path to content; null removes the file. */
  files: z.record(path, z.string().nullable()).default({}),
  commands: z.array(text).default([]),
  tokens: z
    .strictObject({
      input: count,
      output: count,
      cacheRead: count.default(0),
      cacheWrite: count.default(0),
    })
    .optional(),
  /** Passes before the turn touches anything. */
  delayMs: count.default(0),
});

const sharedFaults = {
  /** Throws, as a defect of a backend would. */
  crashBeforeTurn: turnNumber.optional(),
  /** Kills the whole worker in this turn, when its files are written and nothing is durable. */
  exitWorker: turnNumber.optional(),
  /** Does nothing in this turn until it is aborted. */
  hangAtTurn: turnNumber.optional(),
  /** Repeats its last turn until it is aborted. */
  neverStop: z.literal(true).optional(),
  ask: z.strictObject({ turn: turnNumber, question: text }).optional(),
  /** Said once: the attempt that resumes at this turn goes on. */
  later: z.strictObject({ turn: turnNumber, seconds: z.number().positive() }).optional(),
  /** Said once, as `later`. */
  outOfBudget: z.strictObject({ turn: turnNumber, message: text }).optional(),
  fail: z.strictObject({ turn: turnNumber, message: text }).optional(),
  /** The faults happen in this attempt alone; without it in every one. */
  onlyAttempt: turnNumber.optional(),
};
const executionFaults = z.strictObject(sharedFaults);
const reviewFaults = z.strictObject({
  ...sharedFaults,
  /** Handed over as it stands, without a nonce. */
  garbageVerdict: z.unknown().optional(),
  /** The same, but when it is asked again the verdict follows. */
  garbageOnce: z.unknown().optional(),
});

const issue = z.strictObject({
  severity: z.enum(SEVERITIES),
  text,
  file: text.optional(),
});

const followUp = z.strictObject({
  title: text,
  description: z.string().default(''),
  acceptance: z.array(text).default([]),
  assignee: text.optional(),
  priority: z.enum(PRIORITIES).optional(),
});

/** Rules across fields are left to the reader of verdicts: rehearsing a breach must be possible. */
const verdict = z.strictObject({
  verdict: z.enum(VERDICT_KINDS),
  summary: text,
  issues: z.array(issue).default([]),
  criteria: z
    .array(
      z.strictObject({ criterion: text, result: z.enum(CRITERION_RESULTS), evidence: z.string() }),
    )
    .optional(),
  earlier: z
    .array(z.strictObject({ issue: text, answer: z.enum(EARLIER_ANSWERS), note: text.optional() }))
    .optional(),
  /** The answer to every earlier issue that `earlier` does not name. */
  earlierAll: z.enum(EARLIER_ANSWERS).optional(),
  spawn: z.array(followUp).default([]),
  /** The request's own unless set. */
  nonce: z.string().optional(),
});

const executionScript = z
  .strictObject({
    turns: z.array(turn).default([]),
    report: text,
    faults: executionFaults.default({}),
  })
  .check(faultsHappen);

const reviewScript = z
  .strictObject({
    turns: z.array(turn).default([]),
    /** The verdict's summary unless set. */
    report: text.optional(),
    /** Approving unless set. */
    verdict: verdict.optional(),
    faults: reviewFaults.default({}),
  })
  .check(faultsHappen);

/** A fault in a turn that never comes would be a silent pass; the end counts as one turn more. */
function faultsHappen(ctx: {
  value: { turns: readonly Turn[]; faults: z.infer<typeof executionFaults> };
  issues: z.core.$ZodRawIssue[];
}): void {
  const { turns, faults } = ctx.value;
  const planned = {
    crashBeforeTurn: faults.crashBeforeTurn,
    exitWorker: faults.exitWorker,
    hangAtTurn: faults.hangAtTurn,
    ask: faults.ask?.turn,
    later: faults.later?.turn,
    outOfBudget: faults.outOfBudget?.turn,
    fail: faults.fail?.turn,
  };
  for (const [fault, at] of Object.entries(planned)) {
    const last = fault === 'exitWorker' ? turns.length : turns.length + 1;
    if (at === undefined || at <= last) continue;
    const message = `turn ${at} never comes: the script has ${turns.length}`;
    ctx.issues.push({ code: 'custom', message, path: ['faults', fault], input: ctx.value });
  }
}

/** Scripts per run number, for one task: the first execution, the second, … */
const taskScript = z.strictObject({
  executions: z.array(executionScript).default([]),
  reviews: z.array(reviewScript).default([]),
});

const pattern = text.refine(compiles, { error: 'must be a regular expression' });

const match = z
  .strictObject({ title: text.optional(), titlePattern: pattern.optional() })
  .refine((value) => (value.title === undefined) !== (value.titlePattern === undefined), {
    error: 'must hold either title or titlePattern',
  });

const scenario = z.strictObject({
  name: text,
  tasks: z.array(z.strictObject({ match, ...taskScript.shape })),
});

export type Turn = z.infer<typeof turn>;
export type Faults = z.infer<typeof reviewFaults>;
export type ScriptedVerdict = z.infer<typeof verdict>;
export type TaskScript = z.infer<typeof taskScript>;
export type Scenario = z.infer<typeof scenario>;

/** A scenario that cannot be read: the message names the file, the field and the value. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** Reads a scenario file's text. */
export function parseScenario(file: string, content: string): Scenario {
  return parse(scenario, file, content);
}

/** The script of the first task of the scenario whose match fits the title. */
export function scriptFor(title: string, found: Scenario): TaskScript | null {
  const fits = (task: Scenario['tasks'][number]): boolean =>
    task.match.titlePattern === undefined
      ? task.match.title === title
      : new RegExp(task.match.titlePattern).test(title);
  return found.tasks.find(fits) ?? null;
}

/**
 * The script inside a task's description, as a fenced block ```` ```scenario {...} ``` ````; null
 * when there is none. JSON holds no raw line break in a string, so a fence at a line's end closes.
 */
export function embeddedScript(description: string): TaskScript | null {
  const starts = description.match(/^```scenario\b/gm)?.length ?? 0;
  if (starts === 0) return null;
  const where = "the description's scenario block";
  const body = /^```scenario\s([\s\S]*?)```[ \t\r]*$/m.exec(description)?.[1];
  if (starts > 1) throw new ScenarioError(`${where}: there are ${starts}, allowed is one`);
  if (body === undefined) throw new ScenarioError(`${where}: the fence is never closed`);
  return parse(taskScript, where, body);
}

function parse<Schema extends z.ZodType>(
  schema: Schema,
  file: string,
  content: string,
): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new ScenarioError(`${file}: is not JSON: ${String(error)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((found) => `${file}: ${describe(found, value)}`);
  throw new ScenarioError(faults.join('\n'));
}

function describe(found: z.core.$ZodIssue, whole: unknown): string {
  // What these two complain of lies one level down from where they point.
  const path =
    found.code === 'unrecognized_keys' ? [...found.path, ...found.keys.slice(0, 1)] : found.path;
  const reasons = found.code === 'invalid_key' ? found.issues : [found];
  const message = reasons.map((reason) => reason.message).join(', ');
  const value = path.reduce<unknown>(step, whole);
  const shown = value === undefined ? 'nothing' : preview(JSON.stringify(value));
  return `${fieldName(path)}: ${message} (found ${shown})`;
}

function fieldName(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    return /^\w+$/.test(String(part)) ? `.${String(part)}` : `["${String(part)}"]`;
  });
  return parts.join('').replace(/^\./, '') || 'the whole';
}

function step(value: unknown, part: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Record<PropertyKey, unknown>)[part];
}

/** For display only; the whole stands in the file. */
function preview(shown: string): string {
  return shown.length <= 80 ? shown : `${shown.slice(0, 80)}… of ${shown.length} characters`;
}

function compiles(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
