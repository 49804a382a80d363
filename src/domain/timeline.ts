import { taskLabel } from './ids.js';
import { FAILURE_CAUSES, type FailureCause, type RunKind, type RunState } from './run.js';
import { UNSANDBOXED } from './sandbox.js';
import type { BlockReason, TaskStatus } from './task.js';
import { firstLine, utf8Bytes } from './text.js';
import type { VerdictKind } from './verdict.js';

/** What people read of a run. */
export interface TimelineRun {
  readonly kind: RunKind;
  readonly number: number;
  readonly cycle: number;
  readonly agent: string;
  readonly state: RunState;
  /**
   * An execution's report, a review's first blocking issue or summary, a failure's cause, or the
   * question of a run that waits for its answer.
   */
  readonly summary: string | null;
  readonly verdict: VerdictKind | null;
  readonly superseded: boolean;
  readonly byPerson: boolean;
  /** By the machine's own checks. */
  readonly byChecks?: boolean;
  /** What it does right now, where that is told. */
  readonly doing?: string | null;
  /** What its program was run in, where one was. */
  readonly sandbox?: string | null;
}

export interface TimelineTask {
  readonly number: number;
  readonly title: string;
  readonly status: TaskStatus;
  readonly blockedBy: BlockReason | null;
  readonly rehearsed: boolean;
  /** The sentence of `explainWait`, or null when nothing is waited for. */
  readonly waits: string | null;
}

const SUMMARY_CHARS = 100;
const TITLE_CHARS = 200;
const WAITS_CHARS = 300;
/** Longer than a summary: whoever answers has to understand it. */
const QUESTION_CHARS = 500;
const NAME_CHARS = 60;

/** The history of a task as lines of text: one projection for every door. */
export function timeline(task: TimelineTask, runs: readonly TimelineRun[]): string[] {
  return [headLine(task), ...inOrder(runs).map(runLine), statusLine(task)];
}

/** The server takes no more than this as a workflow's current details. */
const MARKDOWN_BYTES = 20_000;

/**
 * The same for Temporal's Web UI, with a few lines of Markdown below it. Too long a history loses
 * lines of its middle, and says so.
 */
export function timelineMarkdown(
  task: TimelineTask,
  runs: readonly TimelineRun[],
  below: readonly string[] = [],
): string {
  // No line begins with a backtick, so nothing in a summary ends the block early.
  const [head = '', ...rest] = timeline(task, runs).map(folded);
  const end = below.length === 0 ? [] : ['', ...below];
  const render = (lines: readonly string[]): string =>
    [`**${taskLabel(task.number)}**`, '', '```text', head, ...lines, '```', ...end].join('\n');

  const whole = render(rest);
  if (utf8Bytes(whole) <= MARKDOWN_BYTES) return whole;

  // The first lines say how it began and the last where it stands: both halves get half the room.
  const note = (cut: number): string => `├─ … ${cut} lines cut …`;
  const room = MARKDOWN_BYTES - utf8Bytes(render([note(rest.length)])) - 1;
  const first = fitting(rest, room / 2);
  const tail = fitting(rest.slice(first).toReversed(), room / 2);
  const cut = rest.length - first - tail;
  return render([...rest.slice(0, first), note(cut), ...rest.slice(rest.length - tail)]);
}

/** The page cuts what is longer off: in half of a window that is 1280 pixels wide. */
const PAGE_COLUMNS = 56;

/** A line in as many as it needs, broken between words where it can be. */
function folded(line: string): string {
  const indent = line.startsWith('├─') ? '│     ' : '      ';
  const rows: string[] = [];
  for (let rest = line; rest !== ''; ) {
    const room = PAGE_COLUMNS - (rows.length === 0 ? 0 : indent.length);
    const letters = Array.from(rest);
    const space = letters.slice(0, room + 1).lastIndexOf(' ');
    const cut = letters.length <= room ? letters.length : space > room / 2 ? space : room;
    rows.push((rows.length === 0 ? '' : indent) + letters.slice(0, cut).join('').trimEnd());
    rest = letters.slice(cut).join('').trimStart();
  }
  return rows.join('\n');
}

/** How many lines, from the first on, fit into that many bytes. */
function fitting(lines: readonly string[], bytes: number): number {
  let used = 0;
  for (const [index, line] of lines.entries()) {
    used += utf8Bytes(line) + 1;
    if (used > bytes) return index;
  }
  return lines.length;
}

/** By cycle, an execution before its reviews, then by number; never by an id or a clock. */
function inOrder(runs: readonly TimelineRun[]): TimelineRun[] {
  const rank = { EXECUTION: 0, REVIEW: 1 } as const satisfies Record<RunKind, number>;
  return runs.toSorted(
    (left, right) =>
      left.cycle - right.cycle || rank[left.kind] - rank[right.kind] || left.number - right.number,
  );
}

function headLine(task: TimelineTask): string {
  const mark = task.rehearsed ? ' (REHEARSED)' : '';
  return `Task: "${firstLine(task.title, TITLE_CHARS)}"${mark}`;
}

function runLine(run: TimelineRun): string {
  const names = { EXECUTION: 'Execution', REVIEW: 'Review' } as const;
  const bare = run.sandbox === UNSANDBOXED ? ' UNSANDBOXED' : '';
  const by = run.byPerson ? ' (by a person)' : '';
  const marks = `${bare}${run.superseded ? ' (superseded)' : ''}${by}`;
  const what = outcomeOf(run);
  const tail = what === '' ? '' : ` — ${what}`;
  const who = firstLine(run.agent, NAME_CHARS);
  return `├─ ${names[run.kind]} ${run.number} [${who}] ${run.state}${marks}${tail}`;
}

function outcomeOf(run: TimelineRun): string {
  const summary = firstLine(run.summary ?? '', SUMMARY_CHARS);
  switch (run.state) {
    case 'QUEUED':
      return summary === '' ? '' : `asks: ${firstLine(run.summary ?? '', QUESTION_CHARS)}`;
    case 'ADMITTED':
      return '';
    case 'RUNNING':
      return firstLine(run.doing ?? '', SUMMARY_CHARS);
    case 'FAILED':
      return causeOf(summary);
    case 'CANCELLED':
      return summary;
    case 'SUCCEEDED':
      if (run.verdict === null) return summary;
      return run.byChecks ? checksOf(run.verdict, summary) : verdictOf(run.verdict, summary);
    default:
      return run.state satisfies never;
  }
}

/** A plain approval says all by itself; every other verdict says what it asks for. */
const verdictOf = (verdict: VerdictKind, summary: string): string =>
  verdict === 'APPROVED' || summary === ''
    ? `Verdict: ${verdict}`
    : `Verdict: ${verdict}: ${summary}`;

/** What passed and what was red before says more of checks than that they let the work pass. */
const checksOf = (verdict: VerdictKind, summary: string): string =>
  summary === '' ? `Verdict: ${verdict}` : `Verdict: ${verdict}: ${summary}`;

function causeOf(summary: string): string {
  if (summary === '') return 'the cause was not recorded';
  if (!Object.hasOwn(FAILURE_CAUSES, summary)) return summary;
  return `${summary}: ${FAILURE_CAUSES[summary as FailureCause].means}`;
}

function statusLine(task: TimelineTask): string {
  const reason = task.blockedBy === null ? '' : ` (${task.blockedBy})`;
  const waits = task.waits === null ? '' : ` — ${firstLine(task.waits, WAITS_CHARS)}`;
  return `└─ Status: ${task.status}${reason}${waits}`;
}
