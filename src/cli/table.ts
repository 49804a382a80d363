/** Text in columns. Widths are of what a terminal shows, not of what a string holds. */
import { MARKS } from './print.js';

const EAST_ASIAN = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff]/u;
const WIDE_FORM = /[\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const isWide = (char: string): boolean => EAST_ASIAN.test(char) || WIDE_FORM.test(char);
const NARROW = /\p{Mn}|\p{Me}|\u200d|\ufe0f/u;

/** Columns that a text takes. Colours take none, East Asian letters and emoji two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text.replace(MARKS, '')) {
    columns += NARROW.test(char) ? 0 : isWide(char) ? 2 : 1;
  }
  return columns;
}

/** At most so many columns, the last one an ellipsis when something was cut. */
export function clip(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let used = 0;
  let kept = '';
  for (const char of text) {
    used += columnsOf(char);
    if (used > columns - 1) break;
    kept += char;
  }
  return `${kept.trimEnd()}…`;
}

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string;
  /** May be cut down to so many columns where the terminal is narrow; else it is never cut. */
  readonly least?: number;
  /** Left out altogether where not even the least fits. */
  readonly optional?: true;
  readonly paint?: (text: string, row: Row) => string;
}

const GAP = '  ';

/** Lines of a table that fits the width; cuttable columns give way, the last of them first. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
  paintHead: (text: string) => string,
): string[] {
  const texts = rows.map((row) => columns.map((column) => column.of(row)));
  const wanted = columns.map((column, index) =>
    Math.max(columnsOf(column.title), ...texts.map((line) => columnsOf(line[index] ?? ''))),
  );
  const widths = narrowed(columns, wanted, width);
  if (widths === null) {
    const left = columns.findLastIndex((column) => column.optional);
    if (left >= 0) return table(rows, columns.toSpliced(left, 1), width, paintHead);
  }
  const given = widths ?? wanted;
  const last = columns.length - 1;
  const cell = (text: string, index: number) => {
    const cut = clip(text, given[index] ?? 0);
    const padding = index === last ? 0 : (given[index] ?? 0) - columnsOf(cut);
    return { cut, padding: ' '.repeat(Math.max(0, padding)) };
  };
  const head = columns.map(({ title }, index) => {
    const { cut, padding } = cell(title, index);
    return paintHead(cut) + padding;
  });
  const body = rows.map((row, at) =>
    columns.map(({ paint }, index) => {
      const { cut, padding } = cell(texts[at]?.[index] ?? '', index);
      return (paint?.(cut, row) ?? cut) + padding;
    }),
  );
  return [head, ...body].map((cells) => cells.join(GAP).trimEnd());
}

/** The widths that fit, or null when not even the least ones do. */
function narrowed<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly number[],
  width: number,
): number[] | null {
  const widths = [...wanted];
  let over = widths.reduce((sum, each) => sum + each, GAP.length * (columns.length - 1)) - width;
  for (let index = columns.length - 1; index >= 0 && over > 0; index--) {
    const { least } = columns[index] ?? {};
    const now = widths[index] ?? 0;
    if (least === undefined) continue;
    const gives = Math.min(over, Math.max(0, now - least));
    widths[index] = now - gives;
    over -= gives;
  }
  return over > 0 ? null : widths;
}

/** `5s`, `12m`, `3h`, `8d`. */
export function ago(iso: string | null, now: number): string {
  if (iso === null) return '';
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `3 min ago`, as a sentence has it. */
export function agoInWords(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

const two = (part: number): string => String(part).padStart(2, '0');

/** `12:03:04`, where the person is. */
export function clock(iso: string): string {
  const at = new Date(iso);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
}

/** `3 min ago (12:03:04)`; with its date when that was another day. */
export function moment(iso: string, now: number): string {
  const at = new Date(iso);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join('-');
  const isToday = at.toDateString() === new Date(now).toDateString();
  return `${agoInWords(iso, now)} (${isToday ? '' : `${day} `}${clock(iso)})`;
}

/** `1,234,567` in every locale: scripts and eyes read the same. */
export const grouped = (count: number): string => count.toLocaleString('en-US');

/** Lines of text no longer than the width, broken at spaces; a long word stays whole. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const room = Math.max(20, width - columnsOf(indent));
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && columnsOf(longer) > room) {
      lines.push(indent + line);
      line = word;
    } else line = longer;
  }
  return [...lines, indent + line];
}

/** A long line as several, each below the text of the first: a list and a tree stay readable. */
export function folded(line: string, width: number): string {
  if (columnsOf(line) <= width) return line;
  const lead = /^ *(?:[✓✗] |[├└]─ |\d+\. )?/.exec(line)?.[0] ?? '';
  const isMarked = lead.trim() !== '';
  const below = lead.replace('├', '│').replaceAll(/[^ │]/g, ' ');
  const room = isMarked ? width : width - 2;
  const [first = '', ...rest] = wrapped(line.slice(lead.length), room, below);
  const others = isMarked ? rest : rest.map((line) => `  ${line}`);
  return [lead + first.slice(below.length), ...others].join('\n');
}
