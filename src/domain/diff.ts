/** Reads a unified diff of git: for people who look at it. Nothing is decided by it. */

/** What a line of a diff is. */
export type DiffLine = {
  readonly kind: 'head' | 'hunk' | 'added' | 'removed' | 'same';
  readonly text: string;
};

/** The lines of a diff. A line counts by its hunk, so that one that begins with `--` is no head. */
export function linesOf(diff: string): DiffLine[] {
  const lines = diff.split('\n');
  if (lines.at(-1) === '') lines.pop();
  let [before, after] = [0, 0]; // so many lines of either side are left of the hunk
  return lines.map((text) => {
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(text);
    if (before <= 0 && after <= 0) {
      if (hunk === null) return { kind: text.startsWith('\\') ? 'same' : 'head', text };
      [before, after] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
      return { kind: 'hunk', text };
    }
    if (text.startsWith('\\')) return { kind: 'same', text }; // no newline at the end of the file
    if (text.startsWith('+')) after--;
    else if (text.startsWith('-')) before--;
    else [before, after] = [before - 1, after - 1];
    const kind = text.startsWith('+') ? 'added' : text.startsWith('-') ? 'removed' : 'same';
    return { kind, text };
  });
}

/** What a diff does to one file. */
export interface FileStat {
  /** As git writes it: quoted where it holds what has to be. Of a renamed file `old => new`. */
  readonly path: string;
  readonly added: number;
  readonly removed: number;
  /** Its content is not in the diff. */
  readonly binary: boolean;
}

/** The files of a diff with their counts, in its order. */
export function statOf(diff: string): FileStat[] {
  const sections: DiffLine[][] = [];
  for (const line of linesOf(diff)) {
    if (line.kind === 'head' && line.text.startsWith('diff --git ')) sections.push([]);
    sections.at(-1)?.push(line);
  }
  return sections.map((lines) => {
    const heads = lines.flatMap(({ kind, text }) => (kind === 'head' ? [text] : []));
    const count = (kind: DiffLine['kind']) => lines.filter((line) => line.kind === kind).length;
    const binary = heads.some((head) => /^Binary files .* differ$/.test(head));
    return { path: pathOf(heads), added: count('added'), removed: count('removed'), binary };
  });
}

function pathOf(heads: readonly string[]): string {
  const after = (start: string): string | null => {
    const head = heads.find((each) => each.startsWith(start));
    // Git ends a name that holds a space with a tab.
    return head === undefined ? null : head.slice(start.length).replace(/\t$/, '');
  };
  const [from, to] = [after('rename from '), after('rename to ')];
  if (from !== null && to !== null) return `${from} => ${to}`;
  for (const name of [after('+++ '), after('--- ')]) {
    if (name !== null && name !== '/dev/null') return name.replace(/^("?)[ab]\//, '$1');
  }
  // A file without lines: `diff --git a/x b/x` names it twice.
  const both = after('diff --git ') ?? '';
  return both.slice(0, (both.length - 1) / 2).replace(/^("?)a\//, '$1');
}

/** Whether the diff says all that is needed to apply it. */
export const isWhole = (diff: string): boolean =>
  !diff.includes('\uFFFD') && !statOf(diff).some(({ binary }) => binary);
