import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import type { Command } from 'commander';
import { parseTaskLabel } from '../domain/ids.js';
import { TASK_STATUSES, type TaskStatus } from '../domain/task.js';
import { counted, nearest } from '../domain/text.js';
import type { Output } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { UsageError } from './exit.js';
import type { House } from './house.js';
import { standstillLines, taskPage, taskTable } from './render-task.js';
import { moment } from './table.js';
import type { OutputOptions } from './terminal.js';
import { quoted } from './ways.js';
import { withOutput } from './with-output.js';

interface ListOptions extends OutputOptions {
  readonly status?: readonly string[];
  readonly assignee?: string;
  readonly owner?: string;
  readonly mine?: boolean;
  readonly waiting?: boolean;
  readonly limit: string;
  readonly before?: string;
}

const PAGE = '50';

/** `task list`, `show`, `why`, `output`; and `inbox`. */
export function addTaskReads(program: Command, task: Command, house: House, exits: Exits): void {
  withOutput(task.command('list').alias('ls').description('show tasks, newest first'))
    .option('-s, --status <status...>', `only these: ${TASK_STATUSES.join(', ')}`)
    .option('-a, --assignee <agent>', 'only tasks of this agent')
    .option('-o, --owner <principal>', 'only tasks filed by this principal')
    .option('-m, --mine', 'only tasks that you filed')
    .option('-w, --waiting', 'only what does not go on by itself right now')
    .option('-n, --limit <count>', 'at most so many', PAGE)
    .option('-b, --before <task>', 'only older ones: the last of the page before')
    .action((options: ListOptions) =>
      actOnService(house, exits, options, (stage) => list(stage, options)),
    );
  withOutput(task.command('show <task>').description('show the whole record of a task')).action(
    (name: string, options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const [shown, { uiUrl, namespace }] = await Promise.all([
          service.tasks.show(name),
          house.stack(),
        ]);
        const id = encodeURIComponent(shown.workflowId);
        const link = uiUrl === null ? null : `${uiUrl}/namespaces/${namespace}/workflows/${id}`;
        terminal.answer(taskPage(shown, terminal, Date.now(), link), shown);
        return undefined;
      }),
  );
  const whyOf = (name: string, options: OutputOptions) =>
    actOnService(house, exits, options, (stage) => why(stage, name));
  const says = 'say what a task waits for, since when, and what moves it on';
  withOutput(program.command('why <task>').description(says)).action(whyOf);
  withOutput(task.command('output <task>').description('print what a task has come to'))
    .option('--to <folder>', 'write report, diff and files into a folder')
    .option('--diff', 'print the diff instead of the report')
    .option('--commands', 'print what the agent ran, whole')
    .action((name: string, options: PrintOptions) =>
      actOnService(house, exits, options, (stage) => output(stage, name, options)),
    );
  withOutput(program.command('inbox').description('all that waits for a decision of a person'))
    .option('-m, --mine', 'only tasks that you filed')
    .action((options: OutputOptions & { mine?: boolean }) =>
      actOnService(house, exits, options, (stage) => inbox(stage, options.mine === true)),
    );
}

async function list({ service, terminal }: ServiceStage, options: ListOptions): Promise<undefined> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new UsageError(`--limit is ${options.limit}; expected a whole number from 1 to 1000`);
  }
  const before = options.before === undefined ? undefined : parseTaskLabel(options.before);
  if (before === null) throw new UsageError(`--before is ${options.before}; expected T-42`);
  const { assignee, waiting, mine } = options;
  const page = await service.tasks.list({
    limit,
    before,
    assignee,
    waiting,
    statuses: options.status?.map(statusNamed),
    owner: mine ? service.principal : options.owner,
  });
  if (page.tasks.length === 0) terminal.say(emptyPage(page.noTasks, options, service.principal));
  terminal.answer(page.tasks.length === 0 ? '' : taskTable(page.tasks, terminal, Date.now()), page);
  if (page.next !== null) terminal.hint([`${sameList(options)} --before T-${page.next}`]);
  return undefined;
}

function emptyPage(noTasks: boolean, { owner }: ListOptions, principal: string): string {
  if (noTasks) return 'No tasks. File one: mission task create "Title"';
  if (owner === undefined || owner.includes(':')) return 'No task matches.';
  return `No task matches; owners look like ${principal}. Your own: mission task list --mine`;
}

/** The command that asks for the same again. */
function sameList({ status, assignee, owner, mine, waiting, limit }: ListOptions): string {
  return [
    'mission task list',
    ...(status ?? []).map((each) => `--status ${quoted(each)}`),
    ...(assignee === undefined ? [] : [`--assignee ${quoted(assignee)}`]),
    ...(owner === undefined ? [] : [`--owner ${quoted(owner)}`]),
    ...(mine ? ['--mine'] : []),
    ...(waiting ? ['--waiting'] : []),
    ...(limit === PAGE ? [] : [`--limit ${limit}`]),
  ].join(' ');
}

function statusNamed(text: string): TaskStatus {
  const word = text.toUpperCase().replaceAll('-', '_');
  const found = TASK_STATUSES.find((status) => status === word);
  if (found !== undefined) return found;
  const near = nearest(word, TASK_STATUSES);
  const meant = near === null ? '' : `; did you mean ${near}?`;
  throw new UsageError(`--status ${text} is none of ${TASK_STATUSES.join(', ')}${meant}`);
}

async function why({ service, terminal }: ServiceStage, name: string): Promise<undefined> {
  const { task, status, standstill, active, doing } = await service.tasks.why(name);
  const { colors } = terminal;
  if (standstill === null) {
    const working = doing ?? (active > 0 ? 'it is being worked on' : 'nothing is waited for');
    terminal.answer(`${colors.bold(task)} ${status}: ${working}`, { task, status, standstill });
    return undefined;
  }
  const { rule, value, place, since } = standstill;
  const still = { ...standstill, since: null }; // said by a line of its own
  const lines = [
    `${colors.bold(task)} ${status}`,
    ...standstillLines(still, terminal, Date.now()),
    ...(rule === null || standstill.reason === 'approval' ? [] : [`Rule: ${rule} = ${value}`]),
    ...(place === null ? [] : [`Place in line: ${place.position} of ${place.of}`]),
    ...(since === null ? [] : [`Since: ${moment(since, Date.now())}`]),
  ];
  terminal.answer(lines.join('\n'), { task, status, standstill });
  return undefined;
}

async function inbox({ service, terminal }: ServiceStage, mine: boolean): Promise<undefined> {
  const waiting = await service.tasks.inbox({ mine });
  if (waiting.length === 0) terminal.say('Nothing waits for you.');
  const others = await service.tasks.waitingOtherwise({ mine });
  if (others > 0) {
    terminal.say(`${counted(others, 'task waits', 'tasks wait')} for something else.`);
    terminal.hint(['mission task list --waiting']);
  }
  const blocks = waiting.map((task) => {
    const head = `${terminal.colors.bold(task.task)} ${task.status}  ${task.title}`;
    const still = task.standstill;
    return [head, ...(still === null ? [] : standstillLines(still, terminal, Date.now()))].join(
      '\n',
    );
  });
  terminal.answer(blocks.join('\n\n'), { tasks: waiting });
  return undefined;
}

interface PrintOptions extends OutputOptions {
  readonly to?: string;
  readonly diff?: boolean;
  readonly commands?: boolean;
}

async function output(
  { service, terminal }: ServiceStage,
  name: string,
  options: PrintOptions,
): Promise<undefined> {
  const found = await service.tasks.output(name);
  const { files, ...texts } = found;
  const listed = files.map(({ path, mode, body }) => ({ path, mode, bytes: body.length }));
  if (options.to !== undefined) {
    const written = await writeTo(options.to, found);
    terminal.answer(written.join('\n'), { ...texts, files: listed, written });
    return undefined;
  }
  const text = options.diff ? found.diff : options.commands ? found.commands : found.report;
  if (found.rehearsed) terminal.say('REHEARSED by a scripted agent');
  await terminal.whole(text, { ...texts, files: listed });
  if (listed.length > 0) {
    terminal.quote(`${listed.length} files: ${listed.map(({ path }) => path).join(', ')}`);
    terminal.hint([`mission task output ${found.task} --to ./${found.task}`]);
  }
  return undefined;
}

/** Files as they were stored, beside the report and the diff. */
async function writeTo(folder: string, found: Output): Promise<string[]> {
  const texts = [
    { path: 'REPORT.md', body: found.report },
    { path: 'CHANGES.diff', body: found.diff },
  ].filter(({ body }) => body !== '');
  const taken = new Set(found.files.map(({ path }) => path));
  const own = texts.filter(({ path }) => !taken.has(path));
  const written: string[] = [];
  for (const { path, body, mode } of [
    ...found.files,
    ...own.map((text) => ({ ...text, mode: '100644' })),
  ]) {
    const target = join(folder, safe(path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, body, { mode: mode === '100755' ? 0o755 : 0o644 });
    written.push(target);
  }
  return written;
}

/** Stored paths come from an agent: none may leave the folder. */
function safe(path: string): string {
  const plain = normalize(path);
  if (isAbsolute(plain) || plain === '..' || plain.startsWith(`..${sep}`)) {
    throw new Error(`the deliverable holds ${path}, which leaves the folder`);
  }
  return plain;
}
