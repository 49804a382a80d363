import type { Command } from 'commander';
import { isTerminal } from '../domain/task.js';
import type { TaskDetails } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { changesOf, type Told } from './changes.js';
import { EXIT, type ExitCode } from './exit.js';
import type { House } from './house.js';
import { taskPage } from './render-task.js';
import type { OutputOptions } from './terminal.js';
import { withStream } from './with-output.js';

/** `task watch`; and what `--wait` does. */
export function addTaskFollowers(task: Command, house: House, exits: Exits): void {
  const says = 'print what changes, until the task has ended';
  withStream(task.command('watch <task>').description(says)).action(
    (name: string, options: OutputOptions) =>
      actOnService(house, exits, options, (stage) => watch(stage, name, options)),
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

/** How what was followed to its end has ended. */
export const endCode = ({ status }: TaskDetails): ExitCode =>
  status === 'DONE' ? EXIT.ok : EXIT.failed;
