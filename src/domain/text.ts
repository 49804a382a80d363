/** Text that cannot be stored in Postgres or sent as UTF-8 is mended here, in one place. */
export const clean = (text: string): string => text.replaceAll('\u0000', '\uFFFD').toWellFormed();

/** Characters that a reader cannot see, or that reorder what he sees. Tab and line ends stay. */
const UNSEEN = /(?!\r\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;

/** The text with invisible, control and bidi characters shown: `<U+202E>`. */
export const visible = (text: string): string =>
  text.replace(UNSEEN, (char) => {
    if (char === '\n' || char === '\t') return char;
    const code = char.codePointAt(0) ?? 0;
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });

/** The same JSON, with those characters escaped in its texts as JSON does: `\\u202e`. */
export const visibleJson = (json: string): string =>
  json.replace(UNSEEN, (chars) =>
    chars === '\n'
      ? chars
      : [...Array(chars.length).keys()]
          .map((at) => `\\u${chars.charCodeAt(at).toString(16).padStart(4, '0')}`)
          .join(''),
  );

/** Whether nothing of the text can be seen: it says nothing, whatever its length. */
export const isBlank = (text: string): boolean =>
  text.replace(UNSEEN, '').replace(/\s/gu, '') === '';

/** What two texts are compared by where a person would call them the same. */
export const sameKey = (text: string): string =>
  visible(text.normalize('NFC')).replace(/\s+/gu, ' ').trim().toLowerCase();

/** Length in UTF-8. A lone surrogate counts as the replacement character it is stored as. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** For display only: at most `max` characters, the last one an ellipsis when something was cut. */
export function shorten(text: string, max: number): string {
  const chars = [...text.slice(0, 2 * max + 2)];
  return chars.length <= max
    ? text
    : `${chars
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`;
}

/** For display only: the first line that says something, safe to print, cut with an ellipsis. */
export function firstLine(text: string, max: number): string {
  const line = text.split(/[\r\n]+/u).find((each) => !isBlank(each)) ?? '';
  return shorten(visible(line.trim()).replaceAll('\t', ' '), max);
}

/** The nearest of `words` to a mistyped one, or null when none is near enough to be meant. */
export function nearest(word: string, words: readonly string[]): string | null {
  const typed = word.trim().toLowerCase();
  if (typed === '' || typed.length > 64) return null;
  let best: { word: string; distance: number } | null = null;
  for (const each of words) {
    const distance = editDistance(typed, each.toLowerCase());
    const allowed = Math.max(1, Math.floor(Math.max(typed.length, each.length) / 3));
    if (distance > allowed) continue;
    if (best === null || distance < best.distance) best = { word: each, distance };
  }
  return best?.word ?? null;
}

/** Damerau-Levenshtein: insert, delete, replace, or swap two neighbours. */
function editDistance(left: string, right: string): number {
  const at = (row: readonly number[] | undefined, index: number): number => row?.[index] ?? 0;
  let before: number[] = [];
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = at(above, j - 1) + (left[i - 1] === right[j - 1] ? 0 : 1);
      let least = Math.min(replaced, at(above, j) + 1, at(row, j - 1) + 1);
      const swapped =
        i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (swapped) least = Math.min(least, at(before, j - 2) + 1);
      row.push(least);
    }
    before = above;
    above = row;
  }
  return at(above, right.length);
}

/** As in `1 task waits` and `2 tasks wait`. */
export const counted = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;
