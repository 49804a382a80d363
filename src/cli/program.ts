import { Command, CommanderError } from 'commander';
import { Exits } from './act.js';
import { addAgents } from './configuration.js';
import { addDoctor } from './doctor.js';
import { EXIT } from './exit.js';
import { explainArguments, withoutHelpVerb } from './help.js';
import type { House } from './house.js';
import { addHouse } from './house-commands.js';
import { addPolicies } from './policy.js';
import { print, tell } from './print.js';
import { addRepositories } from './repositories.js';
import { addRoles } from './role.js';
import { addRuns } from './run.js';
import { meantCommand } from './suggest.js';
import { addTaskCreate } from './task-create.js';
import { addTaskDiff } from './task-diff.js';
import { addTaskFollowers } from './task-follow.js';
import { addTaskLogs } from './task-logs.js';
import { addTaskReads } from './task-read.js';
import { addTaskVerbs } from './task-verbs.js';

const ABOUT =
  'A squad of AI agents, every task executed by one, reviewed by another on the same record, ' +
  'and landed.';

const EXITS = `
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 5 waits for a person, 6 budget or limit,
7 server or Temporal unreachable, 8 timeout, 130 interrupted.`;

/** Answered without the rest, which has to be found first. */
const VERSION_FLAGS: readonly string[] = ['-V', '--version'];

/** Runs one command line; answers the exit code. */
export async function run(typed: readonly string[], house: House): Promise<number> {
  const argv = withoutHelpVerb(typed);
  const exits = new Exits();
  if (argv.length === 1 && VERSION_FLAGS.includes(argv[0] ?? '')) {
    print((await house.settings()).version);
    return EXIT.ok;
  }
  const program = build(house, exits);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exits.code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is an answer; help for want of a verb is a usage error.
    return error.exitCode === 0 ? EXIT.ok : await usage(program, argv, house, error);
  }
}

function build(house: House, exits: Exits): Command {
  const program = new Command('mission')
    .description(ABOUT)
    .option('-V, --version', 'print the version')
    .addHelpText('after', EXITS)
    .showHelpAfterError(false)
    .exitOverride()
    // What is wrong is said by `usage`, once the right word for it is known.
    .configureOutput({
      outputError: () => undefined,
      writeOut: (text) => print(text.replace(/\n$/, '')),
      writeErr: (text) => tell(text.replace(/\n$/, '')),
    });
  addHouse(program, house, exits);
  addDoctor(program, house, exits);
  const task = program.command('task').description('file tasks, look at them, decide about them');
  addTaskCreate(task, house, exits);
  addTaskReads(program, task, house, exits);
  addTaskFollowers(task, house, exits);
  addTaskLogs(task, house, exits);
  addTaskDiff(task, house, exits);
  addTaskVerbs(task, house, exits);
  addRuns(program, house, exits);
  addRepositories(program, house, exits);
  addAgents(program, house, exits);
  addPolicies(program, house, exits);
  addRoles(program, house, exits);
  explainArguments(program);
  return program;
}

async function usage(
  program: Command,
  argv: readonly string[],
  house: House,
  error: CommanderError,
): Promise<number> {
  if (error.code === 'commander.help') return EXIT.usage; // printed already
  const ways = await house.settings().then(
    (settings) => settings.ways,
    () => null,
  );
  const meant = error.code === 'commander.unknownCommand' ? meantCommand(program, argv) : null;
  const said = error.message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?');
  const message = meant === null ? said : `${said.split(';')[0]}; did you mean: mission ${meant}`;
  tell(`mission: ${ways?.inText(message) ?? message}`);
  return EXIT.usage;
}
