import type { Command } from 'commander';
import { parseRunName } from '../domain/run.js';
import { isTerminal } from '../domain/task.js';
import { firstLine } from '../domain/text.js';
import type { LogEvent, TaskDetails } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { EXIT, type ExitCode, UsageError } from './exit.js';
import type { House } from './house.js';
import { standstillLines } from './render-task.js';
import { clock, grouped } from './table.js';
import { endCode } from './task-follow.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withStream } from './with-output.js';

interface LogOptions extends OutputOptions {
  readonly follow?: boolean;
  readonly run?: string;
}

/** `task logs`: what the runs of a task tell, live where it is wanted. */
export function addTaskLogs(task: Command, house: House, exits: Exits): void {
  const logs = task
    .command('logs <task>')
    .description('print what the runs of a task have told')
    .option('-f, --follow', 'go on until the task has ended')
    .option('-r, --run <run>', "only this run: 'execution 2' or E2, 'review 1' or R1");
  withStream(logs).action((name: string, options: LogOptions) =>
    actOnService(house, exits, options, (stage) => printLogs(stage, name, options)),
  );
}

async function printLogs(
  { service, terminal, interrupted: signal }: ServiceStage,
  name: string,
  options: LogOptions,
): Promise<ExitCode> {
  const { follow = false } = options;
  const run = options.run === undefined ? null : parseRunName(options.run);
  if (options.run !== undefined && run === null) {
    throw new UsageError(`--run is ${options.run}; expected 'execution 2' or E2, 'review 1' or R1`);
  }
  const heard = service.tasks.logs(name, { follow, signal, ...(run === null ? {} : { run }) });
  const events: LogEvent[] = [];
  const printer = new Printer(terminal, options);
  let code: ExitCode = EXIT.ok;
  for await (const one of heard) {
    if (one.kind === 'event' && options.json) events.push(one.event);
    else if (one.kind === 'event') printer.tell(one.event);
    else if (follow) code = printer.stand(one.task);
  }
  if (options.json) terminal.answer('', { events });
  else if (printer.isSilent) terminal.say('No run has told anything yet.');
  return code;
}

/** Prints one stream of several runs: whoever speaks is named when he begins. */
class Printer {
  private readonly terminal: Terminal;
  private readonly options: LogOptions;
  private speaker = '';
  private said = '';

  constructor(terminal: Terminal, options: LogOptions) {
    this.terminal = terminal;
    this.options = options;
  }

  get isSilent(): boolean {
    return this.speaker === '';
  }

  tell(event: LogEvent): void {
    const { terminal } = this;
    const again = event.attempt > 1 ? ` attempt ${event.attempt}` : '';
    const about = `${kindOf(event)} [${firstLine(event.agent, 60)}]${again}`;
    if (about !== this.speaker && !this.options.jsonl) {
      terminal.line(terminal.colors.bold(about), null);
    }
    this.speaker = about;
    this.said = '';
    terminal.line(eventText(event, terminal), event);
  }

  /** Why nobody speaks, and what to type; answers how a task that has ended did. */
  stand(task: TaskDetails): ExitCode {
    const { terminal } = this;
    const { standstill, status } = task;
    if (isTerminal(status)) {
      terminal.quote(`${task.task} ${status}`);
      return endCode(task);
    }
    const isNews = standstill !== null && standstill.sentence !== this.said;
    this.said = standstill?.sentence ?? '';
    if (isNews) {
      const still = { ...standstill, commands: [], since: null };
      terminal.quote(standstillLines(still, terminal, Date.now()).join('\n'));
      terminal.hint(standstill.commands);
    }
    return EXIT.ok;
  }
}

const kindOf = ({ kind, number }: LogEvent): string =>
  `${kind === 'EXECUTION' ? 'Execution' : 'Review'} ${number}`;

function eventText({ at, event }: LogEvent, { colors }: Terminal): string {
  const time = colors.dim(clock(at));
  const text = (field: string): string => String(event[field] ?? '');
  switch (event.kind) {
    case 'turn':
      return `${time} ${colors.cyan(`turn ${text('turn')}`)}`;
    case 'text':
      return `${time} ${indented(text('text'))}`;
    case 'tool': {
      const exit = event.exitCode === null ? '' : ` (exit ${text('exitCode')})`;
      const output = text('output').trimEnd();
      const below = output === '' ? '' : `\n         ${indented(output)}`;
      return `${time} ${colors.bold(text('tool'))} ${firstLine(text('input'), 200)}${exit}${below}`;
    }
    case 'log':
      return `${time} ${colors.dim(text('source'))} ${indented(text('text'))}`;
    case 'cut': {
      const most = grouped(Number(event.bytes));
      return `${time} ${colors.yellow(`of what a run tells no more than ${most} bytes is kept`)}`;
    }
    case 'usage':
      return `${time} ${colors.dim(usageText(event.usage))}`;
    default:
      return `${time} ${JSON.stringify(event)}`;
  }
}

/** `1,200 in, 300 out`, and what was read from the cache where something was. */
function usageText(usage: unknown): string {
  const names: Readonly<Record<string, string>> = {
    input: 'in',
    output: 'out',
    cacheRead: 'read from cache',
    cacheWrite: 'written to cache',
  };
  const counts = Object.entries(usage ?? {}).flatMap(([name, count]) =>
    typeof count === 'number' && (count > 0 || !name.startsWith('cache'))
      ? [`${grouped(count)} ${names[name] ?? name}`]
      : [],
  );
  return `tokens: ${counts.join(', ')}`;
}

const indented = (text: string): string => text.replaceAll('\n', '\n         ');
