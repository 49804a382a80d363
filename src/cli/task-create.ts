import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { PRIORITIES } from '../domain/task.js';
import type { Filed } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { EXIT, UsageError } from './exit.js';
import type { House } from './house.js';
import { wrapped } from './table.js';
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
    await answer(filed, stage, options);
    return undefined;
  }
  terminal.quote(filed.message);
  try {
    return await waitFor(stage, filed.task, { approve: options.approve });
  } catch (error) {
    if (!stage.interrupted.aborted) throw error;
    await sayLeft(filed.task, stage);
    return EXIT.interrupted;
  }
}

async function answer(filed: Filed, stage: ServiceStage, options: CreateOptions): Promise<void> {
  const { terminal } = stage;
  terminal.answer(options.quiet ? filed.task : filed.message, filed);
  if (options.json || options.quiet) return;
  if (filed.started) await sayWhatFollows(filed.task, stage);
  else terminal.hint([`mission task watch ${filed.task}`]);
}

/** What is known of a task this long after it was filed is said at once; the rest is asked for. */
const SETTLED_WITHIN_MS = 1_000;

async function sayWhatFollows(task: string, { service, terminal }: ServiceStage): Promise<void> {
  for (const end = Date.now() + SETTLED_WITHIN_MS; Date.now() < end; await sleep(50)) {
    const { status, standstill, admissionRule } = await service.tasks.why(task);
    if (status === 'INBOX' && admissionRule === null) continue; // policy has not decided yet
    if (status !== 'INBOX') return terminal.hint([`mission task watch ${task}`]);
    const sentence = standstill?.sentence ?? 'waits for the approval of a person';
    terminal.say(wrapped(`It ${sentence}`, terminal.width, '').join('\n'));
    return terminal.hint(standstill?.commands ?? [`mission task approve ${task}`]);
  }
  terminal.hint([`mission why ${task}`]);
}

/** Whoever stops looking is told whether it goes on without him. */
async function sayLeft(task: string, { service, terminal }: ServiceStage): Promise<void> {
  const still = await service.tasks.why(task).then(
    ({ standstill }) => standstill,
    () => null,
  );
  if (still === null) {
    return terminal.say(`${task} goes on. See it again: mission task watch ${task}`);
  }
  const left = `${task} stands where it is: ${still.sentence}`;
  terminal.say(wrapped(left, terminal.width, '').join('\n'));
  terminal.hint(still.commands);
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
