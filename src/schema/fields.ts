import { z } from 'zod';
import { clean, isBlank, sameKey, utf8Bytes } from '../domain/text.js';

/** Fields that a person's request and an agent's follow-up share. */

/** Characters as people count them: an emoji is one, though it is two in a string. */
const within = (max: number) => ({
  fits: (each: string): boolean =>
    each.length <= max || (each.length <= 2 * max && [...each].length <= max),
  error: `expected at most ${max} characters`,
});

/** Text of at most `max` characters, mended so that it can be stored. */
export const text = (max: number) => {
  const { fits, error } = within(max);
  return z.string().overwrite(clean).refine(fits, { error });
};

/** The same, saying something: a reader of it must be able to act. */
export const saying = (max: number) => {
  const { fits, error } = within(max);
  return z
    .string()
    .overwrite((each) => clean(each).trim())
    .refine(fits, { error })
    .refine((each) => !isBlank(each), { error: 'expected some text' });
};

const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** One line that says something. */
export const line = (max: number) =>
  saying(max).refine((each) => !BREAKS.test(each), { error: 'expected a single line' });

export const title = line(200);

const DESCRIPTION_BYTES = 256 * 1024;

export const description = z
  .string()
  .overwrite(clean)
  .refine((each) => each.length <= DESCRIPTION_BYTES && utf8Bytes(each) <= DESCRIPTION_BYTES, {
    error: 'expected at most 256 KB of text',
  });

/** What must hold of the result. No two say the same, so that each is answered by its text. */
export const acceptance = z
  .array(saying(10_000))
  .max(50)
  .superRefine((entries, ctx) => {
    const seen = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const key = sameKey(entry);
      if (seen.has(key)) {
        ctx.addIssue({ code: 'custom', path: [index], message: 'expected no criterion twice' });
      }
      seen.add(key);
    }
  });

/** A word of a closed list in any case: people type `high`. */
export const anyCase = <const W extends readonly [string, ...string[]]>(words: W) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? value.trim().toUpperCase() : value),
    z.enum(words),
  );
