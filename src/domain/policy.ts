import type { AgentType } from './agent.js';
import type { Priority } from './task.js';

/** Configuration tuned at run time, versioned, never overwritten by code. */
export const POLICY_NAMES = [
  'auto-approve',
  'execution-limits',
  'review',
  'spawn',
  'landing',
  'retention',
] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

/** The types that a policy may admit. `LEAD` is missing on purpose: a person admits it. */
export const ADMISSIBLE_TYPES = ['SPC', 'INT'] as const satisfies readonly AgentType[];
export type AdmissibleType = (typeof ADMISSIBLE_TYPES)[number];

export interface PolicyValues {
  readonly 'auto-approve': {
    /** The highest priority that needs no person. */
    readonly maxPriority: Priority;
    readonly allowedAgentTypes: readonly AdmissibleType[];
  };
  readonly 'execution-limits': {
    readonly maxConcurrentPerAgent: number;
    /** Runs of one agent charged to one day. */
    readonly maxDailyPerAgent: number;
    /** The same for an agent that reviews: it serves the whole squad. */
    readonly maxDailyPerReviewer: number;
    /** Work tokens of the whole squad on one day. */
    readonly maxDailyTokens: number;
    /** Where a day begins and ends: an IANA name. */
    readonly timeZone: string;
  };
  readonly review: {
    /** One execution and its reviews, counted from 1; then a person decides. */
    readonly maxCycles: number;
  };
  readonly spawn: {
    /** A task that a person files has depth 0, its follow-ups 1. */
    readonly maxDepth: number;
    readonly maxPerVerdict: number;
    /** Tasks of one tree for life, its root included. */
    readonly maxPerTree: number;
  };
  readonly landing: {
    /** How often a landing may send its task back; then a person decides. */
    readonly maxLandingCycles: number;
  };
  readonly retention: {
    /** Days after a task's end. Reports, verdicts and decisions are kept for ever. */
    readonly transcriptDays: number;
  };
}

/** One version of one policy. */
export interface Policy<N extends PolicyName = PolicyName> {
  readonly name: N;
  readonly version: number;
  readonly enabled: boolean;
  readonly value: PolicyValues[N];
}

/** One field that two versions hold differently. */
export interface FieldChange {
  /** `enabled`, or a field of the value. */
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

type State = Pick<Policy, 'name' | 'enabled' | 'value'>;

/** What differs, in the order in which the policy declares its fields; a list is a set. */
export function changedFields(before: State, after: State): FieldChange[] {
  const flat = ({ enabled, value }: State) =>
    new Map<string, unknown>(Object.entries({ ...value, enabled }));
  const [was, is] = [flat(before), flat(after)];
  const declared = Object.keys(DEFAULT_POLICIES[before.name].value);
  const fields = new Set([...declared, ...was.keys(), ...is.keys()]);
  const plain = (each: unknown) => JSON.stringify(Array.isArray(each) ? each.toSorted() : each);
  return [...fields]
    .map((field) => ({ field, before: was.get(field), after: is.get(field) }))
    .filter((change) => plain(change.before) !== plain(change.after));
}

/** What a seed inserts where nothing is yet. All are on: a door that starts shut is missed. */
export const DEFAULT_POLICIES: { readonly [N in PolicyName]: Policy<N> } = {
  'auto-approve': {
    name: 'auto-approve',
    version: 1,
    enabled: true,
    value: { maxPriority: 'URGENT', allowedAgentTypes: ['SPC', 'INT'] },
  },
  'execution-limits': {
    name: 'execution-limits',
    version: 1,
    enabled: true,
    value: {
      maxConcurrentPerAgent: 3,
      maxDailyPerAgent: 50,
      // All that a squad of nine can execute in a day: the reviewer never caps the squad.
      maxDailyPerReviewer: 450,
      maxDailyTokens: 5_000_000,
      timeZone: 'UTC',
    },
  },
  review: { name: 'review', version: 1, enabled: true, value: { maxCycles: 5 } },
  spawn: {
    name: 'spawn',
    version: 1,
    enabled: true,
    value: { maxDepth: 3, maxPerVerdict: 5, maxPerTree: 20 },
  },
  landing: { name: 'landing', version: 1, enabled: true, value: { maxLandingCycles: 3 } },
  retention: {
    name: 'retention',
    version: 1,
    enabled: true,
    value: { transcriptDays: 90 },
  },
};

/**
 * A figure that lets go on what waits for a limit: no less than `enough`, where that is known, and
 * so much more that the next one does not wait at once. From 0 it is at least the first value.
 */
export function advisedLimit(
  policy: PolicyName,
  field: string,
  now: number,
  enough: number | null,
): number {
  const first = new Map<string, unknown>(Object.entries(DEFAULT_POLICIES[policy].value)).get(field);
  if (now === 0) return Math.max(typeof first === 'number' ? first : 1, rounded(enough ?? 0));
  const base = Math.max(now, (enough ?? 0) - 1);
  return base >= LARGE ? rounded(base + 1) : base + Math.max(2, Math.ceil(base / 2));
}

/** From here on half as much again would be a decision of its own. */
const LARGE = 10_000;

/** Up to two digits and noughts, as people would write a large figure. */
function rounded(figure: number): number {
  if (figure < LARGE) return figure;
  const step = 10 ** (String(figure).length - 2);
  return Math.ceil(figure / step) * step;
}
