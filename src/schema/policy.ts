import { z } from 'zod';
import {
  ADMISSIBLE_TYPES,
  POLICY_NAMES,
  type PolicyName,
  type PolicyValues,
} from '../domain/policy.js';
import { PRIORITIES } from '../domain/task.js';
import { anyCase } from './fields.js';
import { InvalidInput, meant, parse, show, strict } from './problems.js';

/** A policy value that cannot be. Nothing is changed. */
export class InvalidPolicyValue extends InvalidInput {
  override readonly name = 'InvalidPolicyValue';
}

const whole = (least: number, most: number) =>
  z.custom<number>((n) => Number.isInteger(n) && Number(n) >= least && Number(n) <= most, {
    error: `expected a whole number from ${least} to ${most}`,
  });
/** 0 is allowed: it stops everything, and status names it as a locked door. */
const limit = whole(0, 1_000_000);
const tokens = whole(0, 1e12);
/** At least a day: what is removed as it is written was never kept. */
const days = whole(1, 36_500);

const LEAD_REFUSED =
  "expected SPC or INT: a LEAD's task always waits for a person; no policy can admit it";

const admissible = z
  .unknown()
  .refine((value) => typeof value !== 'string' || value.trim().toUpperCase() !== 'LEAD', {
    error: LEAD_REFUSED,
    abort: true,
  })
  .pipe(anyCase(ADMISSIBLE_TYPES));

const timeZone = z
  .string()
  .refine(isTimeZone, { error: 'expected a time zone by name, such as UTC or Europe/Berlin' });

/** Names only: Postgres reads the sign of a bare offset the other way round than we do. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const SCHEMAS: { readonly [N in PolicyName]: z.ZodType<PolicyValues[N]> } = {
  'auto-approve': strict({
    maxPriority: anyCase(PRIORITIES),
    allowedAgentTypes: z.array(admissible).transform((types) => [...new Set(types)]),
  }),
  'execution-limits': strict({
    maxConcurrentPerAgent: limit,
    maxDailyPerAgent: limit,
    maxDailyPerReviewer: limit,
    maxDailyTokens: tokens,
    timeZone,
  }),
  review: strict({ maxCycles: limit }),
  spawn: strict({ maxDepth: limit, maxPerVerdict: limit, maxPerTree: limit }),
  landing: strict({ maxLandingCycles: limit }),
  retention: strict({ transcriptDays: days }),
};

/** A whole value of the policy of that name. Throws `InvalidPolicyValue`. */
export function parsePolicyValue<N extends PolicyName>(name: N, raw: unknown): PolicyValues[N];
export function parsePolicyValue(name: string, raw: unknown): PolicyValues[PolicyName];
export function parsePolicyValue(name: string, raw: unknown): PolicyValues[PolicyName] {
  const known = policyName(name);
  const parsed = parse<z.ZodType<PolicyValues[PolicyName]>>(SCHEMAS[known], raw, known);
  if (!parsed.ok) throw new InvalidPolicyValue(parsed.problems);
  return parsed.value;
}

/** The value after edits such as `maxPriority=HIGH`, as people type them. */
export function parsePolicyEdit<N extends PolicyName>(
  name: N,
  current: PolicyValues[N],
  edits: readonly string[],
): PolicyValues[N];
export function parsePolicyEdit(
  name: string,
  current: PolicyValues[PolicyName],
  edits: readonly string[],
): PolicyValues[PolicyName];
export function parsePolicyEdit(
  name: string,
  current: PolicyValues[PolicyName],
  edits: readonly string[],
): PolicyValues[PolicyName] {
  const known = policyName(name);
  if (edits.length === 0) throw refusal(known, undefined, 'expected at least one field=value');
  const now = new Map<string, unknown>(Object.entries(current));
  const edited = new Map<string, unknown>();
  for (const edit of edits) {
    const split = edit.indexOf('=');
    if (split < 1) throw refusal(known, edit, 'expected field=value');
    const field = edit.slice(0, split).trim();
    if (edited.has(field)) throw refusal(`${known}.${field}`, edit, 'expected each field once');
    edited.set(field, typed(edit.slice(split + 1).trim(), now.get(field)));
  }
  return parsePolicyValue(known, Object.fromEntries([...now, ...edited]));
}

/** Text becomes what the field holds now; what does not fit stays text and is refused as such. */
function typed(value: string, now: unknown): unknown {
  if (Array.isArray(now)) return value === '' ? [] : value.split(',').map((each) => each.trim());
  if (typeof now === 'number' && /^-?\d[\d_]*$/.test(value))
    return Number(value.replaceAll('_', ''));
  return value;
}

function policyName(name: string): PolicyName {
  const known = POLICY_NAMES.find((each) => each === name);
  if (known !== undefined) return known;
  const what = `expected a policy: ${POLICY_NAMES.join(', ')}`;
  throw refusal('policy', name, what, meant(name, POLICY_NAMES));
}

function refusal(field: string, value: unknown, what: string, more = ''): InvalidPolicyValue {
  return new InvalidPolicyValue([
    { field, value, message: `${field}: ${what}, got ${show(value)}${more}` },
  ]);
}
