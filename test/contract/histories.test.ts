import { describe, expect, test } from 'vitest';
import { carriedBy, readHistory, storedHistories } from '../support/histories.js';
import { CARRIED } from './schemas.js';

/** A signal that nobody knows: whatever it carries is ignored. */
const UNKNOWN = 'input of signal dance';
const carriedIn = (name: string) =>
  carriedBy(readHistory(name)).filter(([what]) => what !== UNKNOWN);

const schemaOf = (what: string) => {
  const schema = CARRIED[what];
  if (schema === undefined) throw new Error(`${what} is carried, and no schema says what it is`);
  return schema;
};

describe.each(storedHistories())('what %s carries', (name) => {
  test('parses by the contract of today', () => {
    const issues = carriedIn(name).flatMap(([what, value], index) =>
      (schemaOf(what).safeParse(value).error?.issues ?? []).map(({ path, message }) => ({
        what: `${index}: ${what}`,
        path,
        message,
      })),
    );
    expect(issues).toEqual([]);
  });
});

test('the histories carry all that crosses Temporal', () => {
  const seen = new Set(storedHistories().flatMap((name) => carriedIn(name).map(([what]) => what)));
  expect([...seen].sort()).toEqual(Object.keys(CARRIED).sort());
});

/** The same value with one field, the first that is found, of another type. */
function changed(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.length === 0 ? ['more'] : [changed(value[0]), ...value.slice(1)];
  }
  if (typeof value !== 'object' || value === null) return { changed: value };
  const [first, ...others] = Object.entries(value);
  if (first === undefined) return { changed: true };
  return Object.fromEntries([[first[0], changed(first[1])], ...others]);
}
/** The same value without its first field. */
function without(value: unknown): unknown {
  if (Array.isArray(value)) return [without(value[0]), ...value.slice(1)];
  return Object.fromEntries(Object.entries(value as object).slice(1));
}

const ONE_OF_EACH = new Map(storedHistories().flatMap((name) => carriedIn(name)));

test.each([...ONE_OF_EACH])('a changed field of the %s is seen', (what, value) => {
  expect(schemaOf(what).safeParse(value).success).toBe(true);
  expect(schemaOf(what).safeParse(changed(value)).success).toBe(false);
});

test.each([...ONE_OF_EACH].filter(([what]) => what.startsWith('result')))(
  'a missing field of the %s is seen',
  (what, value) => {
    expect(schemaOf(what).safeParse(without(value)).success).toBe(false);
  },
);
