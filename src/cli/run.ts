import type { Command } from 'commander';
import { runName } from '../domain/run.js';
import { firstLine } from '../domain/text.js';
import type { RunDetails, TaskDetails } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { UsageError } from './exit.js';
import type { House } from './house.js';
import { runPage, took } from './render-run.js';
import { type Column, grouped, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withOutput } from './with-output.js';

const TEXTS = ['instructions', 'report', 'commands', 'diff'] as const;
type Text = (typeof TEXTS)[number];
type ShowOptions = OutputOptions & Partial<Record<Text, boolean>>;

/** `run list`, `run show`: the steps of a task. */
export function addRuns(program: Command, house: House, exits: Exits): void {
  const run = program.command('run').description('look at executions and reviews');
  withOutput(run.command('list <task>').alias('ls').description('show the runs of a task')).action(
    (name: string, options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const task = await service.tasks.show(name);
        const { runs } = task;
        if (runs.length === 0) terminal.say(`${task.task} has no runs yet.`);
        terminal.answer(runs.length === 0 ? '' : runTable(task, terminal), { runs });
        return undefined;
      }),
  );
  withOutput(run.command('show <run...>').description('show all that is recorded of a run'))
    .option('--instructions', 'print what the agent was told')
    .option('--report', 'print what it reported')
    .option('--commands', 'print what it ran, whole')
    .option('--diff', 'print what it changed')
    .action((words: string[], options: ShowOptions) =>
      actOnService(house, exits, options, (stage) => show(stage, words.join(' '), options)),
    );
}

async function show(
  { service, terminal }: ServiceStage,
  name: string,
  options: ShowOptions,
): Promise<undefined> {
  const asked = TEXTS.filter((text) => options[text]);
  const [text] = asked;
  if (asked.length > 1) {
    throw new UsageError(`only one of ${asked.map((each) => `--${each}`).join(', ')} can be given`);
  }
  const found = await service.runs.show(name);
  if (text === undefined) terminal.answer(runPage(found, terminal, Date.now()), found);
  else await whole(terminal, found, text);
  return undefined;
}

async function whole(terminal: Terminal, found: RunDetails, text: Text): Promise<void> {
  const stored = found[text];
  if (stored === null) terminal.say(`${found.run} of ${found.task} has no ${text}.`);
  await terminal.whole(stored ?? '', found);
}

type Row = TaskDetails['runs'][number];

function runTable({ runs }: TaskDetails, { colors, width }: Terminal): string {
  const columns: Column<Row>[] = [
    { title: 'RUN', of: runName, paint: colors.bold },
    { title: 'AGENT', of: ({ agentName }) => firstLine(agentName, 40), least: 8 },
    { title: 'STATE', of: ({ state }) => state },
    { title: 'ATTEMPTS', of: ({ attempt }) => String(attempt), optional: true },
    { title: 'TOOK', of: took, optional: true },
    { title: 'TOKENS', of: ({ workTokens }) => grouped(workTokens), optional: true },
    { title: 'VERDICT', of: ({ verdict }) => verdict ?? '', optional: true },
    { title: 'SUMMARY', of: ({ summary }) => firstLine(summary ?? '', 200), least: 20 },
  ];
  return table(runs, columns, width, colors.dim).join('\n');
}
