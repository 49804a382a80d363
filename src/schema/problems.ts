import { z } from 'zod';
import { nearest, shorten, visible } from '../domain/text.js';

/** One thing that is wrong with an input, fit to be shown to whoever wrote it. */
export interface Problem {
  /** Path from the root on: `input.reviewers[1]`. */
  readonly field: string;
  readonly value: unknown;
  /** One sentence that names field and value. */
  readonly message: string;
}

/** Thrown where the caller has to know which field it was. The message holds every problem. */
export class InvalidInput extends Error {
  /** The first field that is wrong, as in `input.priority`. */
  readonly field: string;
  readonly value: unknown;

  constructor(problems: readonly [Problem, ...Problem[]]) {
    super(sentences(problems));
    this.field = problems[0].field;
    this.value = problems[0].value;
  }
}

/** Parses strictly; what is wrong comes back as sentences, at least one. */
export function parse<T extends z.ZodType>(
  schema: T,
  raw: unknown,
  root: string,
): { ok: true; value: z.output<T> } | { ok: false; problems: readonly [Problem, ...Problem[]] } {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => explain(issue, raw, root));
  const [first = { field: root, value: raw, message: `${root} is invalid` }, ...rest] = problems;
  return { ok: false, problems: [first, ...rest] };
}

/** At most five sentences: more are not read, and the next try shows the rest. */
export function sentences(problems: readonly Problem[]): string {
  const shown = problems.slice(0, 5).map(({ message }) => message);
  const more = problems.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}

/** An object of exactly these fields; a mistyped one is named with the one that was meant. */
export function strict<S extends z.core.$ZodShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? known.join(',') : undefined),
  });
}

/** A value as it is shown in a message: short, on one line, nothing invisible. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return visible(JSON.stringify(shorten(value, 80)));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return shorten(String(value), 80);
}

/** ` did you mean "x"?` where one of the words is near. */
export function meant(word: string, words: readonly string[]): string {
  const near = nearest(word, words);
  return near === null ? '' : `; did you mean ${near}?`;
}

function explain(issue: z.core.$ZodIssue, raw: unknown, root: string): Problem[] {
  const field = pathText(root, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(',');
    return issue.keys.map((key, index) => {
      const at = pathText(root, [...issue.path, shorten(visible(key), 80)]);
      // The list of known fields is long: it is said once, the near one always.
      const all = index === 0 ? `; known are ${known.join(', ')}` : '';
      const message = `${at}: unknown field${all}${meant(key, known)}`;
      return { field: at, value: valueAt(raw, [...issue.path, key]), message };
    });
  }
  const value = valueAt(raw, issue.path);
  return [{ field, value, message: `${field}: ${expectation(issue)}, got ${show(value)}` }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `expected at most ${issue.maximum} ${SIZE_WORDS[issue.origin] ?? ''}`.trimEnd();
    case 'too_small':
      return `expected at least ${issue.minimum} ${SIZE_WORDS[issue.origin] ?? ''}`.trimEnd();
    default:
      // Our own refinements say what they expect.
      return issue.message;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

const SIZE_WORDS: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };

function pathText(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`),
    root,
  );
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    raw,
  );
}
