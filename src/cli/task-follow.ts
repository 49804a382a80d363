import type { Command } from 'commander';
import { isTerminal } from '../domain/task.js';
import { firstLine, visible } from '../domain/text.js';
import type { LogEvent, TaskDetails } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { changesOf, type Told } from './changes.js';
import { EXIT, type ExitCode } from './exit.js';
import type { House } from './house.js';
import { taskPage } from './render-task.js';
import { clock, grouped } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withStream } from './with-output.js';

/** `task watch` and `task logs`. */
export function addTaskFollowers(task: Command, house: House, exits: Exits): void {
  const says = 'print what changes, until the task has ended';
  withStream(task.command('watch <task>').description(says)).action(
    (name: string, options: OutputOptions) =>
      actOnService(house, exits, options, (stage) => watch(stage, name, options)),
  );
  const logs = task.command('logs <task>').description('print what the agents have told');
  withStream(logs.option('-f, --follow', 'go on until the task has ended')).action(
    (name: string, options: OutputOptions & { follow?: boolean }) =>
      actOnService(house, exits, options, (stage) => printLogs(stage, name, options)),
  );
}

/** Prints a line for each change. */
async function watch(
  { service, terminal, interrupted }: ServiceStage,
  name: string,
  options: OutputOptions,
): Promise<ExitCode> {
  const told: Told = new Map();
  for await (const task of service.tasks.follow(name, interrupted)) {
    // What has ended before anybody looked changes no more: it is shown as a whole.
    const isOver = told.size === 0 && isTerminal(task.status);
    const changed = (isOver ? task.timeline : changesOf(task, told, terminal)).join('\n');
    if (options.json !== true) terminal.line(changed, documentOf(task));
    if (!isTerminal(task.status)) continue;
    if (options.json === true) terminal.answer('', task);
    return endCode(task);
  }
  return EXIT.failed;
}

const documentOf = ({ task, status, blocked, standstill, timeline, cycles }: TaskDetails) => ({
  task,
  status,
  blocked,
  cycles,
  standstill,
  timeline,
});

/** How `--wait` ends: with the task, or where only a person can go on. */
export async function waitFor(
  stage: Omit<ServiceStage, 'house'>,
  name: string,
  options: { readonly approve: boolean },
): Promise<ExitCode> {
  const { service, terminal, interrupted } = stage;
  const told: Told = new Map();
  let hinted = '';
  for await (const task of service.tasks.follow(name, interrupted)) {
    for (const line of changesOf(task, told, terminal)) terminal.quote(line);
    const still = task.standstill;
    const isHeld = task.blocked !== null || (still?.reason === 'approval' && !options.approve);
    if (isTerminal(task.status) || isHeld) {
      terminal.answer(taskPage(task, terminal, Date.now()), task);
      return isHeld ? heldCode(task) : endCode(task);
    }
    if (still !== null && still.reason !== hinted) terminal.hint(still.commands);
    hinted = still?.reason ?? '';
  }
  return EXIT.failed;
}

const heldCode = ({ blocked }: TaskDetails): ExitCode =>
  blocked === 'budget-spent' ? EXIT.limit : EXIT.waitsForPerson;

const endCode = ({ status }: TaskDetails): ExitCode => (status === 'DONE' ? EXIT.ok : EXIT.failed);

async function printLogs(
  { service, terminal, interrupted }: ServiceStage,
  name: string,
  options: OutputOptions & { readonly follow?: boolean },
): Promise<undefined> {
  const events = service.tasks.logs(name, { follow: options.follow === true, signal: interrupted });
  if (options.json) {
    terminal.answer('', { events: await all(events) });
    return undefined;
  }
  let run = '';
  for await (const event of events) {
    const { colors } = terminal;
    const again = event.attempt > 1 ? ` attempt ${event.attempt}` : '';
    const about = `${kindOf(event)} [${event.agent}]${again}`;
    if (about !== run && !options.jsonl) terminal.line(colors.bold(about), null);
    run = about;
    terminal.line(eventText(event, terminal), event);
  }
  if (run === '') terminal.say('No run has told anything yet.');
  return undefined;
}

async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const event of events) found.push(event);
  return found;
}

const kindOf = ({ kind, number }: LogEvent): string =>
  `${kind === 'EXECUTION' ? 'Execution' : 'Review'} ${number}`;

/** What an agent tells may hold anything: nothing of it steers the terminal. */
function eventText({ at, event }: LogEvent, { colors }: Terminal): string {
  const time = colors.dim(clock(at));
  const text = (field: string): string => visible(String(event[field] ?? ''));
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
