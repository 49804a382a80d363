import { UNSANDBOXED } from '../domain/sandbox.js';
import { firstLine } from '../domain/text.js';
import type { Listed, Standstill, TaskDetails } from '../service/index.js';
import type { Colors } from './print.js';
import { ago, agoInWords, type Column, folded, grouped, moment, table, wrapped } from './table.js';
import type { Terminal } from './terminal.js';

/** Colour never says anything alone: the word stands beside it. */
export function paintStatus(colors: Colors, status: string): (text: string) => string {
  if (status === 'DONE') return colors.green;
  if (status === 'BLOCKED') return colors.red;
  if (status === 'INBOX') return colors.yellow;
  if (status === 'REJECTED' || status === 'CANCELLED') return colors.dim;
  return colors.cyan;
}

/** Tasks as aligned columns, as wide as the terminal. */
export function taskTable(tasks: readonly Listed[], terminal: Terminal, now: number): string {
  const { colors, width } = terminal;
  const columns: Column<Listed>[] = [
    { title: 'TASK', of: ({ task }) => task, paint: colors.bold },
    {
      title: 'STATUS',
      of: ({ status }) => status,
      paint: (text, { status }) => paintStatus(colors, status)(text),
    },
    { title: 'PRIORITY', of: ({ priority }) => priority, optional: true },
    { title: 'ASSIGNEE', of: ({ assignee }) => assignee, least: 8 },
    { title: 'AGE', of: ({ createdAt }) => ago(createdAt, now), optional: true },
    // A mark of its own: a title that is cut must not lose it.
    ...(tasks.some(({ rehearsed }) => rehearsed) ? [rehearsal] : []),
    { title: 'TITLE', of: ({ title }) => firstLine(title, 200), least: 24 },
    {
      title: 'WAITS FOR',
      of: ({ standstill }) => standstill?.reason ?? '',
      paint: colors.yellow,
    },
  ];
  return table(tasks, columns, width, colors.dim).join('\n');
}

const rehearsal: Column<Listed> = {
  title: 'RUN',
  of: ({ rehearsed }) => (rehearsed ? 'REHEARSED' : ''),
};

/** The timeline as DESIGN draws it, then what it waits for, then the facts. */
export function taskPage(
  task: TaskDetails,
  terminal: Terminal,
  now: number,
  uiLink: string | null = null,
): string {
  const { colors, width } = terminal;
  return [
    colors.bold(task.task),
    ...task.timeline.map((line) => paintLine(folded(line, width), task, colors)),
    ...(task.standstill === null ? [] : ['', ...standstillLines(task.standstill, terminal, now)]),
    ...questions(task, width),
    ...facts(task, terminal, now, uiLink),
    ...children(task),
  ].join('\n');
}

/** Why it does not go on, since when, and what to type. */
export function standstillLines(still: Standstill, terminal: Terminal, now: number): string[] {
  const { colors, width, ways } = terminal;
  const since = still.since === null ? '' : ` (since ${agoInWords(still.since, now)})`;
  const what = still.kind === 'block' ? 'Blocked: ' : 'Now: ';
  const sentence = `${what}${still.sentence}${since}`;
  const commands = still.commands.map((each) => `  ${colors.cyan(ways.inText(each))}`);
  return [...wrapped(sentence, width, ''), ...commands];
}

function paintLine(line: string, { status }: TaskDetails, colors: Colors): string {
  if (line.startsWith('└─')) return paintStatus(colors, status)(line);
  if (/ FAILED| UNSANDBOXED/.test(line)) return colors.red(line);
  return line;
}

function questions({ runs }: TaskDetails, width: number): string[] {
  const asked = runs.flatMap(({ question }) => (question === null ? [] : [question]));
  return asked.flatMap((question) => ['', ...wrapped(`It asks: ${question}`, width, '')]);
}

function facts(
  task: TaskDetails,
  { colors, width }: Terminal,
  now: number,
  uiLink: string | null,
): string[] {
  const { runs } = task;
  const cacheReads = runs.reduce((sum, run) => sum + run.cacheReadTokens, 0);
  const cost = `${grouped(task.workTokens)} work tokens, ${grouped(cacheReads)} read from cache`;
  const reviewed = runs.findLast(({ kind, bytesProduced }) => kind === 'REVIEW' && bytesProduced);
  const pairs: (readonly [string, string | null])[] = [
    ['Assignee', `${task.assignee}${reviewersOf(task)}`],
    ['Priority', task.priority],
    ['Repository', task.repository],
    ['Filed', `${moment(task.createdAt, now)} by ${task.owner}${unverified(task)}`],
    ['Admitted', admittedBy(task)],
    ['From', task.parent === null ? null : `a verdict on T-${task.parent}`],
    ['Sandbox', sandboxOf(task)],
    ['Cost', `${cost}${task.rehearsed ? ' (rehearsed by a scripted agent)' : ''}`],
    ['Reviewed', reviewed ? `${handedOver(reviewed)} handed to the reviewer` : null],
    ['Landed', landedAs(task)],
    ['Ended', endedAs(task, now)],
    ['Workflow', task.workflowId],
    ['Web UI', uiLink],
  ];
  const lines = pairs.flatMap(([name, value]) =>
    value === null ? [] : wrappedFact(colors.dim(name.padEnd(11)), value, width),
  );
  return ['', ...lines];
}

function wrappedFact(name: string, value: string, width: number): string[] {
  const [first = '', ...rest] = wrapped(value, width, ' '.repeat(11));
  return [`${name}${first.slice(11)}`, ...rest];
}

/** Of a task without a program nothing is said. */
function sandboxOf({ runs }: TaskDetails): string | null {
  const all = new Set(runs.flatMap(({ sandbox }) => (sandbox === null ? [] : [sandbox])));
  return all.size === 0 ? null : [...all].join(', ').replace(UNSANDBOXED, 'UNSANDBOXED');
}

const reviewersOf = ({ reviewers }: TaskDetails): string =>
  reviewers.length === 0 ? '' : `, reviewed by ${reviewers.join(', ')}`;

/** Nobody checked the name that came through these doors. */
const unverified = ({ door }: { readonly door: string }): string =>
  ['cli', 'sdk', 'temporal'].includes(door) ? ' (unverified)' : '';

function admittedBy({ admission }: TaskDetails): string | null {
  if (admission.kind === 'waits' || admission.by === undefined) return null;
  const how = admission.kind === 'admitted' ? '' : `${admission.kind} `;
  return `${how}by ${admission.by}${because(withoutName(admission.reason, admission.by))}`;
}

function endedAs({ endedAt, endedBy, endedReason }: TaskDetails, now: number): string | null {
  if (endedAt === null) return null;
  const by = endedBy === null ? '' : ` by ${endedBy}${because(endedReason)}`;
  return `${moment(endedAt, now)}${by}`;
}

/** A reason that begins with who decided does not name him again. */
const withoutName = (reason: string, by: string): string =>
  reason
    .replace(/^admitted by /, '')
    .replace(by, '')
    .replace(/^[\s:,]+/, '');

const because = (reason: string | null): string => (reason ? `: ${reason}` : '');

const handedOver = (run: {
  readonly bytesProduced: number | null;
  readonly bytesHandedOver: number | null;
}): string => `${grouped(run.bytesHandedOver ?? 0)} of ${grouped(run.bytesProduced ?? 0)} bytes`;

function landedAs({ landing }: TaskDetails): string | null {
  if (landing === null) return null;
  return landing.withheld ?? landing.summary.replace(/^landed /, '');
}

function children(task: TaskDetails): string[] {
  const filed = task.children.map(
    ({ number, title, status }) => `  T-${number} ${status} ${firstLine(title, 80)}`,
  );
  const refused = task.runs.flatMap(({ spawned }) =>
    (spawned?.refused ?? []).map(
      ({ title, why }) => `  not filed: ${why} (${firstLine(title, 80)})`,
    ),
  );
  const noted = task.runs.flatMap(({ spawned }) =>
    (spawned?.notes ?? []).map(({ title, note }) => `  ${note} (${firstLine(title, 80)})`),
  );
  const all = [...filed, ...refused, ...noted];
  return all.length === 0 ? [] : ['', 'Follow-ups:', ...all];
}
