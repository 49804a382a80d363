import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { PRIORITIES } from '../domain/task.js';
import type { Filed } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { EXIT, UsageError } from './exit.js';
import type { House } from './house.js';
import { waitFor } from './task-follow.js';
import type { OutputOptions } from './terminal.js';
import { withOutput } from './with-output.js';

interface CreateOptions extends OutputOptions {
  readonly description?: string;
  readonly assignee?: string;
  readonly reviewer?: readonly string[];
  readonly priority?: string;
  readonly repo?: string;
  readonly accept?: readonly string[];
  readonly key?: string;
  readonly source?: string;
  readonly wait?: boolean;
  readonly approve: boolean;
}

const repeated = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `task create`: files a task, and waits for its end where that is asked. */
export function addTaskCreate(task: Command, house: House, exits: Exits): void {
  const says = 'file a task; `-` reads it from stdin: a JSON object, or title and description';
  withOutput(task.command('create <title>').alias('add').description(says))
    .option('-d, --description <text>', 'what is to be done, in full')
    .option('-a, --assignee <agent>', 'who executes it (implementer)')
    .option('-r, --reviewer <agent>', 'who reviews it; may be repeated', repeated)
    .addOption(new Option('-p, --priority <priority>', PRIORITIES.join(', ')))
    .option('--repo <name>', 'the repository that it changes')
    .option('--accept <criterion>', 'what must hold of the result; may be repeated', repeated)
    .option('--key <key>', 'filing twice with the same key is filing once')
    .option('--source <source>', 'whose keys these are (cli)')
    .option('--wait', 'follow the task and end with it')
    .option('--no-approve', 'with --wait: end with 5 where a person has to approve it')
    .action((title: string, options: CreateOptions) =>
      actOnService(house, exits, options, (stage) => create(stage, title, options)),
    );
}

async function create(
  stage: ServiceStage,
  title: string,
  options: CreateOptions,
): Promise<number | undefined> {
  const { service, terminal } = stage;
  const asked = title === '-' ? parseInput(await text(process.stdin)) : { title };
  const filed = await service.tasks.file({ ...asked, ...fieldsOf(options) });
  if (options.wait !== true) {
    answer(filed, stage);
    return undefined;
  }
  terminal.say(filed.message);
  try {
    return await waitFor(stage, filed.task, { approve: options.approve });
  } catch (error) {
    if (!stage.interrupted.aborted) throw error;
    terminal.say(`${filed.task} goes on. See it again: mission task watch ${filed.task}`);
    return EXIT.interrupted;
  }
}

function answer(filed: Filed, { terminal }: ServiceStage): void {
  terminal.answer(filed.message, filed);
  terminal.hint([`mission task watch ${filed.task}`]);
}

/** A JSON object, or a first line that is the title and the rest, which says what is to be done. */
export function parseInput(input: string): object {
  const trimmed = input.trim();
  if (trimmed === '') throw new UsageError('stdin is empty: expected a JSON object or a title');
  if (!trimmed.startsWith('{')) {
    const [title = '', ...rest] = trimmed.split('\n');
    const description = rest.join('\n').trim();
    return { title: title.trim(), ...(description === '' ? {} : { description }) };
  }
  try {
    return JSON.parse(trimmed) as object;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`stdin begins like a JSON object, and is none: ${reason}`);
  }
}

/** What was typed stands before what was piped. */
function fieldsOf(options: CreateOptions): object {
  const { description, assignee, reviewer, priority, repo, accept, key, source } = options;
  const given = {
    description,
    assignee,
    priority,
    repository: repo,
    acceptance: accept,
    key,
    source: source ?? (key === undefined ? undefined : 'cli'),
    ...(reviewer?.length === 1 ? { reviewer: reviewer[0] } : { reviewers: reviewer }),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
