import { z } from 'zod';
import { criterionId } from '../domain/prompts.js';
import { PRIORITIES } from '../domain/task.js';
import { sameKey } from '../domain/text.js';
import {
  accepts,
  CRITERION_RESULTS,
  EARLIER_ANSWERS,
  type EarlierIssue,
  SEVERITIES,
  spawns,
  VERDICT_KINDS,
  type Verdict,
} from '../domain/verdict.js';
import { acceptance, description, line, saying, text, title } from './fields.js';
import { type Problem, parse, sentences, show, strict } from './problems.js';

/** What the run that asked for the verdict knows: without it no verdict can be believed. */
export interface ExpectedVerdict {
  readonly nonce: string;
  readonly acceptance: readonly string[];
  readonly earlier: readonly EarlierIssue[];
}

export type ReadVerdict =
  | { readonly ok: true; readonly verdict: Verdict }
  | { readonly ok: false; readonly error: string };

const LONG_TEXT = 20_000;

const schema = strict({
  nonce: z.string(),
  verdict: z.enum(VERDICT_KINDS),
  summary: text(10_000),
  issues: z
    .array(
      strict({
        severity: z.enum(SEVERITIES),
        text: saying(LONG_TEXT),
        file: line(1_000).exactOptional(),
      }),
    )
    .max(200)
    .default([]),
  criteria: z
    .array(
      strict({
        criterion: saying(LONG_TEXT),
        result: z.enum(CRITERION_RESULTS),
        evidence: saying(LONG_TEXT),
      }),
    )
    .max(200)
    .default([]),
  earlier: z
    .array(
      strict({
        issue: line(100),
        answer: z.enum(EARLIER_ANSWERS),
        note: text(LONG_TEXT).exactOptional(),
      }),
    )
    .max(2_000)
    .default([]),
  spawn: z
    .array(
      strict({
        title,
        description: description.default(''),
        acceptance: acceptance.default([]),
        assignee: line(64).exactOptional(),
        priority: z.enum(PRIORITIES).exactOptional(),
      }),
    )
    .max(100)
    .default([]),
});
type RawVerdict = z.output<typeof schema>;

/**
 * Reads a reviewer's schema-checked output. Nothing is guessed and text is never searched: what is
 * not a whole, consistent verdict of this very run is refused, in words that can be handed back.
 */
export function readVerdict(raw: unknown, expected: ExpectedVerdict): ReadVerdict {
  const parsed = parse(schema, raw, 'verdict');
  if (!parsed.ok) return { ok: false, error: sentences(parsed.problems) };
  const told = parsed.value;

  // First and alone: of a verdict from elsewhere nothing else is worth saying.
  if (expected.nonce === '' || told.nonce !== expected.nonce) {
    const error = `verdict.nonce: expected the nonce of this review, got ${show(told.nonce)}`;
    return { ok: false, error: `${error}; a verdict from elsewhere does not count` };
  }
  const criteria = nameCriteria(told.criteria, expected.acceptance);
  const problems = [
    ...answeredEarlier(told, expected.earlier),
    ...answeredCriteria(criteria, told, expected.acceptance),
    ...(accepts(told.verdict)
      ? nothingLeft(told, expected.earlier)
      : somethingToMend(told, expected.earlier)),
    ...followUps(told),
  ];
  if (problems.length > 0) return { ok: false, error: sentences(problems) };
  const { verdict: kind, summary, issues, earlier, spawn } = told;
  return { ok: true, verdict: { kind, summary, issues, criteria, earlier, followUps: spawn } };
}

const problem = (field: string, value: unknown, what: string): Problem => ({
  field: `verdict.${field}`,
  value,
  message: `verdict.${field}: ${what}`,
});

/** A reviewer may answer by id, `A1`, by the text, or by both; the record holds the text. */
function nameCriteria(
  criteria: RawVerdict['criteria'],
  asked: readonly string[],
): RawVerdict['criteria'] {
  const texts = new Map<string, string>();
  for (const [index, text] of asked.entries()) {
    const id = criterionId(index);
    texts.set(sameKey(id), text);
    texts.set(sameKey(`${id}. ${text}`), text);
    texts.set(sameKey(`${id}: ${text}`), text);
  }
  // Last, so that a criterion whose text looks like an id is itself.
  for (const text of asked) texts.set(sameKey(text), text);
  return criteria.map((each) => ({
    ...each,
    criterion: texts.get(sameKey(each.criterion)) ?? each.criterion,
  }));
}

function answeredCriteria(
  criteria: RawVerdict['criteria'],
  { verdict }: RawVerdict,
  asked: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  const answered = new Set<string>();
  for (const [index, { criterion, result }] of criteria.entries()) {
    const at = `criteria[${index}]`;
    const key = sameKey(criterion);
    if (answered.has(key)) {
      problems.push(problem(`${at}.criterion`, criterion, `${show(criterion)} is answered twice`));
    }
    answered.add(key);
    if (accepts(verdict) && result !== 'met') {
      const what = `${show(criterion)} is "${result}"; ${verdict} needs every criterion "met"`;
      problems.push(problem(`${at}.result`, result, what));
    }
  }
  if (!accepts(verdict)) return problems;
  for (const [index, text] of asked.entries()) {
    if (answered.has(sameKey(text))) continue;
    const which = `${criterionId(index)} ${show(text)}`;
    const what = `${which} is not answered; ${verdict} needs every criterion "met"`;
    problems.push(problem('criteria', criteria, what));
  }
  return problems;
}

function answeredEarlier({ earlier }: RawVerdict, asked: readonly EarlierIssue[]): Problem[] {
  const problems: Problem[] = [];
  const ids = new Set(asked.map(({ id }) => id));
  const answered = new Set<string>();
  for (const [index, { issue }] of earlier.entries()) {
    const at = `earlier[${index}].issue`;
    if (answered.has(issue)) problems.push(problem(at, issue, `${show(issue)} is answered twice`));
    answered.add(issue);
    if (!ids.has(issue)) {
      const known = ids.size === 0 ? 'there are none' : `they are ${[...ids].join(', ')}`;
      problems.push(problem(at, issue, `${show(issue)} is no earlier issue to answer; ${known}`));
    }
  }
  for (const id of ids) {
    if (!answered.has(id)) {
      problems.push(problem('earlier', id, `${id} is not answered; say fixed, open or withdrawn`));
    }
  }
  return problems;
}

/** Earlier blocking issues that the reviewer calls open. */
function stillBlocking({ earlier }: RawVerdict, asked: readonly EarlierIssue[]): string[] {
  const open = new Set(earlier.filter((each) => each.answer === 'open').map(({ issue }) => issue));
  return asked
    .filter(({ id, severity }) => severity === 'blocking' && open.has(id))
    .map(({ id }) => id);
}

function nothingLeft(told: RawVerdict, asked: readonly EarlierIssue[]): Problem[] {
  const blocking = told.issues.flatMap(({ severity }, index) =>
    severity === 'blocking'
      ? [
          problem(
            `issues[${index}].severity`,
            severity,
            `${told.verdict} holds no "blocking" issue`,
          ),
        ]
      : [],
  );
  const open = stillBlocking(told, asked).map((id) =>
    problem('earlier', id, `${id} is blocking and "open"; ${told.verdict} leaves none open`),
  );
  return [...blocking, ...open];
}

/** An earlier blocking issue that is still open is something to mend; it need not be said twice. */
function somethingToMend(told: RawVerdict, asked: readonly EarlierIssue[]): Problem[] {
  const blocking = told.issues.some(({ severity }) => severity === 'blocking');
  if (blocking || stillBlocking(told, asked).length > 0) return [];
  return [problem('issues', told.issues, `${told.verdict} needs at least one "blocking" issue`)];
}

function followUps({ verdict, spawn }: RawVerdict): Problem[] {
  if (spawns(verdict) && spawn.length === 0) {
    return [problem('spawn', spawn, `${verdict} needs at least one follow-up task, got none`)];
  }
  if (!spawns(verdict) && spawn.length > 0) {
    return [problem('spawn', spawn, `${verdict} files no follow-up task, got ${spawn.length}`)];
  }
  return [];
}
