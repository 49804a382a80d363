import type { Command } from 'commander';
import { type FileStat, isWhole, linesOf, statOf } from '../domain/diff.js';
import { counted } from '../domain/text.js';
import type { DiffPick, TaskDiff } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { UsageError } from './exit.js';
import type { House } from './house.js';
import type { Colors } from './print.js';
import { clip, columnsOf } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withOutput } from './with-output.js';

interface DiffOptions extends OutputOptions {
  readonly run?: string;
  readonly cycle?: string;
  readonly between?: string;
  readonly fromReview?: boolean;
  readonly stat?: boolean;
  readonly pager: boolean;
}

/** `task diff`: what the work of a task changes. */
export function addTaskDiff(task: Command, house: House, exits: Exits): void {
  const says = 'print what a task changes: of its last successful execution';
  withOutput(task.command('diff <task>').description(says))
    .option('-r, --run <number>', 'of this execution')
    .option('-c, --cycle <number>', 'of the execution of this cycle')
    .option('--from-review', 'of the execution that the last verdict is about')
    .option('--between <from..to>', "from one execution's result to another's: 1..2")
    .option('--stat', 'print the files and how many lines of each')
    .option('--no-pager', 'print it at once, whatever PAGER says')
    .action((name: string, options: DiffOptions) =>
      actOnService(house, exits, options, (stage) => print(stage, name, options)),
    );
}

async function print(
  { service, terminal }: ServiceStage,
  name: string,
  options: DiffOptions,
): Promise<undefined> {
  const found = await service.tasks.diff(name, pickOf(options));
  const { diff } = found;
  if (found.rehearsed) terminal.say('REHEARSED by a scripted agent');
  if (diff === '') terminal.say(`${nameOf(found)} changes nothing`);
  const files = statOf(diff);
  if (options.stat) {
    terminal.answer(statText(files, terminal), { ...found, diff: undefined, files });
    return undefined;
  }
  if (!isWhole(diff)) {
    terminal.say('It cannot be applied: it names files that are no text without their content.');
  }
  const { colors } = terminal;
  await terminal.whole(
    diff,
    { ...found, files },
    {
      paint: (text) => painted(text, colors),
      pager: options.pager,
    },
  );
  return undefined;
}

const nameOf = ({ task, execution, since }: TaskDiff): string =>
  `execution ${execution} of ${task}${since === null ? '' : `, compared with execution ${since},`}`;

function pickOf(options: DiffOptions): DiffPick {
  const { run, cycle, between, fromReview } = options;
  const asked = [run, cycle, between, fromReview].filter((each) => each !== undefined);
  if (asked.length > 1) {
    throw new UsageError('only one of --run, --cycle, --from-review and --between can be given');
  }
  if (run !== undefined) return { kind: 'run', number: numberOf('--run', run) };
  if (cycle !== undefined) return { kind: 'cycle', number: numberOf('--cycle', cycle) };
  if (fromReview) return { kind: 'reviewed' };
  if (between === undefined) return { kind: 'last' };
  const [, from, to] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(between) ?? [];
  if (from === undefined) {
    throw new UsageError(`--between is ${between}; expected two executions, such as 1..2`);
  }
  return { kind: 'between', from: Number(from), to: Number(to) };
}

/** `2`, and what a run is called elsewhere: `E2`, `execution 2`. */
function numberOf(option: string, text: string): number {
  const digits = /^(?:e|execution )?(\d{1,9})$/i.exec(text.trim())?.[1];
  if (digits !== undefined) return Number(digits);
  throw new UsageError(`${option} is ${text}; expected a number, such as 2`);
}

function painted(diff: string, colors: Colors): string {
  const paint = {
    head: colors.bold,
    hunk: colors.cyan,
    added: colors.green,
    removed: colors.red,
    same: (text: string) => text,
  } as const;
  return linesOf(diff)
    .map(({ kind, text }) => paint[kind](text))
    .join('\n');
}

const BAR = 40;

/** As `git diff --stat` has it. */
function statText(files: readonly FileStat[], { colors, width }: Terminal): string {
  if (files.length === 0) return '';
  const most = Math.max(...files.map(({ added, removed }) => added + removed));
  const scale = Math.min(1, BAR / Math.max(1, most));
  const digits = Math.max(3, String(most).length);
  const room = Math.max(20, width - BAR - digits - 5);
  const names = files.map(({ path }) => clip(path, room));
  const column = Math.max(...names.map(columnsOf));
  const bar = (count: number, sign: string) => sign.repeat(Math.ceil(count * scale));
  const rows = files.map(({ added, removed, binary }, index) => {
    const name = names[index] ?? '';
    const counts = binary ? 'Bin'.padStart(digits) : String(added + removed).padStart(digits);
    const signs = colors.green(bar(added, '+')) + colors.red(bar(removed, '-'));
    return ` ${name}${' '.repeat(column - columnsOf(name))} | ${counts} ${signs}`.trimEnd();
  });
  const sum = (pick: (file: FileStat) => number) =>
    files.reduce((total, file) => total + pick(file), 0);
  const insertions = counted(
    sum(({ added }) => added),
    'insertion(+)',
    'insertions(+)',
  );
  const deletions = counted(
    sum(({ removed }) => removed),
    'deletion(-)',
    'deletions(-)',
  );
  const changed = counted(files.length, 'file changed', 'files changed');
  return [...rows, ` ${changed}, ${insertions}, ${deletions}`].join('\n');
}
