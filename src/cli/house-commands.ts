import type { Command } from 'commander';
import { counted } from '../domain/text.js';
import type { Repaired } from '../service/index.js';
import { act, actOnService, type Exits, type Stage } from './act.js';
import { doorHere, leadOf, notWatched, sentenceOf } from './doors-here.js';
import { EXIT, UsageError } from './exit.js';
import type { House, StackState, StatusDocument } from './house.js';
import { released } from './policy.js';
import { seconds } from './seconds.js';
import { columnsOf, wrapped } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { type ReasonOptions, reasonOf, withOutput, withReason } from './with-output.js';

/** `up`, `down`, `status`, `demo`, `repair`, and `pause` and `resume` of the squad. */
export function addHouse(program: Command, house: House, exits: Exits): void {
  program
    .command('up')
    .description('start everything here, in the foreground; a second one adopts what runs')
    .option('--demo', "open on the demo's records")
    .action((options: { demo?: boolean }) =>
      act(house, exits, {}, () => house.up({ demo: options.demo === true })),
    );
  withOutput(program.command('down').description('stop what `up` has started'))
    .option('--drain', 'let what runs come to the end of its turn first')
    .option('--timeout <seconds>', 'with --drain: the longest wait (300)', seconds)
    .action((options: DownOptions) =>
      act(house, exits, options, async ({ terminal }) => {
        if (options.timeout !== undefined && !options.drain) {
          throw new UsageError('--timeout: needs --drain, which is what waits');
        }
        const drain = options.drain ? (options.timeout ?? DRAIN_SECONDS) * 1000 : null;
        const how = await house.down({ drain, say: terminal.say });
        terminal.answer(DOWN[how], { outcome: how });
        return undefined;
      }),
    );
  withOutput(
    program.command('status').description('what runs, and every locked door by name'),
  ).action((options: OutputOptions) => act(house, exits, options, status));
  program
    .command('demo')
    .description('the whole pipeline on a repository of its own, checked as it runs')
    .action(() => act(house, exits, {}, () => house.demo()));
  const says = 'bind the Temporal store that runs, and start the workflows that it lacks';
  withOutput(program.command('repair').description(says)).action((options: OutputOptions) =>
    actOnService(house, exits, options, async ({ service, terminal }) => {
      const repaired = await service.repair();
      terminal.answer(repairText(repaired), repaired);
      return undefined;
    }),
  );
  for (const [verb, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    const about = paused ? 'hold the whole squad: nothing starts' : 'let the squad go on';
    withReason(withOutput(program.command(verb).description(about))).action(
      (options: OutputOptions & ReasonOptions) =>
        actOnService(house, exits, options, async ({ service, terminal }) => {
          const done = await service.pause(paused, reasonOf(options) ?? 'no reason given');
          const what = paused ? 'the squad is paused: nothing starts' : 'the squad goes on';
          terminal.answer(`${what}${released(done)}`, done);
          if (paused) terminal.hint(['mission resume']);
          return undefined;
        }),
    );
  }
}

interface DownOptions extends OutputOptions {
  readonly drain?: boolean;
  readonly timeout?: number;
}

/** Turns of agents end within minutes; what does not end then resumes later. */
const DRAIN_SECONDS = 300;

const DOWN = {
  stopped: 'stopped',
  leftovers: 'nothing held the data folder; what a killed one had left is ended',
  nothing: 'nothing runs here',
} as const;

function repairText({ rebound, started, running, closed }: Repaired): string {
  const missing = counted(started.length, 'missing workflow', 'missing workflows');
  const parts = [
    ...(rebound ? ['bound the Temporal store that runs now'] : []),
    started.length === 0 ? 'no workflow is missing' : `started ${missing}: ${started.join(', ')}`,
    counted(running, 'runs', 'run'),
    ...(closed.length === 0 ? [] : [`ended in Temporal, closed by upkeep: ${closed.join(', ')}`]),
  ];
  return parts.join('; ');
}

async function status({ house, terminal }: Stage): Promise<number> {
  const [stack, { version }] = await Promise.all([house.stack(), house.settings()]);
  const { service, close } = await house.open();
  try {
    const seen = await service.status();
    const all = [...notWatched(stack), ...seen.doors];
    const doors = all.map((each) => doorHere(each, stack, seen.temporalAddress));
    const healthy = doors.length === 0;
    const found: StatusDocument = { ...seen, doors, healthy, stack, version };
    terminal.answer(statusText(found, terminal), found);
    return found.healthy ? EXIT.ok : EXIT.failed;
  } finally {
    await close();
  }
}

function statusText(found: StatusDocument, terminal: Terminal): string {
  const { colors, width, ways } = terminal;
  if (found.healthy) return healthyLine(found, terminal);
  const count = found.doors.length;
  const head = `${count} locked ${count === 1 ? 'door' : 'doors'}:`;
  const doors = found.doors.flatMap((each) => [
    ...wrapped(`${colors.red(each.door)}: ${sentenceOf(each, ways)}`, width, '  '),
    ...(each.command === null
      ? []
      : [`    ${leadOf(each)} ${colors.cyan(ways.inText(each.command))}`]),
  ]);
  const parts = partsOf(found).map(([name, value]) => `  ${colors.dim(name.padEnd(12))}${value}`);
  return [colors.bold(head), ...doors, '', ...parts].join('\n');
}

/** What fits one line: `--json` and `mission up` have the rest. */
const LINE = 100;

function healthyLine(found: StatusDocument, { colors, width }: Terminal): string {
  const { stack, temporal, postgres, rehearsing } = found;
  const parts = [
    workersOf(found),
    tasksOf(found),
    ...(rehearsing ? ['rehearsing'] : ['real agents']),
    ...(found.sandbox.unsandboxed.length > 0 ? [colors.red('UNSANDBOXED')] : []),
    ...(temporal ? [`Temporal ${temporal.version} at ${temporal.address}`] : []),
    ...(stack.uiUrl === null ? [] : [`Web UI ${stack.uiUrl}`]),
    ...(postgres ? [`Postgres ${postgres.version}`] : []),
  ];
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line}, ${part}`;
    if (columnsOf(`Healthy: ${longer}`) > Math.min(width, LINE)) break;
    line = longer;
  }
  return `${colors.green('Healthy')}: ${line}`;
}

const workersOf = ({ workers }: StatusDocument): string =>
  `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
const tasksOf = ({ openTasks }: StatusDocument): string =>
  `${openTasks} open ${openTasks === 1 ? 'task' : 'tasks'}`;

function partsOf(found: StatusDocument): (readonly [string, string])[] {
  const { stack, postgres, temporal, taskQueue, rehearsing, version, waits } = found;
  const own = temporal && stack.cliVersion ? ` (CLI ${stack.cliVersion})` : '';
  return [
    ['Mission', `${version}, Node ${process.versions.node}`],
    ['Postgres', postgres ? `${postgres.version}${portOf(stack)}` : 'away'],
    ['Temporal', temporal ? `${temporal.version}${own} at ${temporal.address}` : 'away'],
    ...(stack.uiUrl !== null && temporal !== null ? [['Web UI', stack.uiUrl] as const] : []),
    ['Workers', `${workersOf(found)} on ${taskQueue}`],
    ['Tasks', [tasksOf(found), ...waits.map(({ sentence }) => sentence)].join('; ')],
    ['Agents', rehearsing ? 'rehearsing: none is connected' : 'real: connected with a program'],
    ...sandboxParts(found),
    ['Data', stack.home],
  ];
}

/** What stands between agents' programs and this machine; only of interest once some are run. */
function sandboxParts({ sandbox, rehearsing }: StatusDocument): (readonly [string, string])[] {
  if (rehearsing) return [];
  const { found } = sandbox;
  const says = found.map(({ level, why }) => `${level ?? 'none, so they do not start'}: ${why}`);
  return [['Sandbox', says.join('; ') || 'not told by a worker yet']];
}

const portOf = ({ postgresPort }: StackState): string =>
  postgresPort === null ? '' : ` on port ${postgresPort}`;
