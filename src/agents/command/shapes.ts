/** What a program is asked to hand over, as JSON schemas that the strict modes take. */
import { z } from 'zod';
import type { RunKind } from '../../domain/run.js';
import { PRIORITIES } from '../../domain/task.js';
import {
  CRITERION_RESULTS,
  EARLIER_ANSWERS,
  SEVERITIES,
  VERDICT_KINDS,
} from '../../domain/verdict.js';
import type { Handover } from './reading.js';

const text = { type: 'string' };
const maybe = { type: ['string', 'null'] };
const oneOf = (words: readonly string[]) => ({ type: 'string', enum: words });
const listOf = (items: object) => ({ type: 'array', items });
/** Strict: every field is there, and no other. What may be left out is null. */
const record = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
});

const EXECUTION = record({ report: text, unchanged: maybe, question: maybe });

const REVIEW = record({
  nonce: text,
  verdict: oneOf(VERDICT_KINDS),
  summary: text,
  issues: listOf(record({ severity: oneOf(SEVERITIES), text, file: maybe })),
  criteria: listOf(record({ criterion: text, result: oneOf(CRITERION_RESULTS), evidence: text })),
  earlier: listOf(record({ issue: text, answer: oneOf(EARLIER_ANSWERS), note: maybe })),
  spawn: listOf(
    record({
      title: text,
      description: text,
      acceptance: listOf(text),
      assignee: maybe,
      priority: { anyOf: [oneOf(PRIORITIES), { type: 'null' }] },
    }),
  ),
});

/** The shape of what a run of this kind hands over. */
export const SHAPES: Readonly<Record<RunKind, object>> = { EXECUTION, REVIEW };

const said = z.string().nullish();

/** What any program may hand over; what else it says of itself is its own affair. */
const handed = z.looseObject({
  report: said,
  unchanged: said,
  question: said,
  verdict: z.unknown().optional(),
  usage: z
    .looseObject({
      input: z.number().nonnegative().default(0),
      output: z.number().nonnegative().default(0),
      cacheRead: z.number().nonnegative().default(0),
      cacheWrite: z.number().nonnegative().default(0),
      costUsd: z.number().nonnegative().nullish(),
    })
    .nullish(),
  later: z
    .looseObject({ seconds: z.number().positive(), message: z.string().default('') })
    .nullish(),
  session: said,
});
export type Handed = z.output<typeof handed>;

/** Reads what was handed over; null where it has not this shape. */
export function readHanded(value: unknown): Handed | null {
  const parsed = handed.safeParse(value);
  return parsed.success ? parsed.data : null;
}

export const toHandover = ({ report, unchanged, question, verdict }: Handed): Handover => ({
  report: report ?? '',
  unchanged: unchanged ?? null,
  question: question ?? null,
  verdict: verdict ?? null,
});
