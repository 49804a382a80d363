import { clean } from '../src/domain/text.js';

/**
 * What crosses to the database, its text mended once, at the edge: a NUL that an agent printed or a
 * person pasted would make the statement fail for ever.
 */
export const cleaned = <T extends object | null>(value: T): T =>
  JSON.parse(JSON.stringify(value), (_key, each: unknown) =>
    typeof each === 'string' ? clean(each) : each,
  );
