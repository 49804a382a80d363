import type { Command } from 'commander';
import { POLICY_NAMES } from '../domain/policy.js';
import { PRIORITIES } from '../domain/task.js';

/** What every argument is, by its name. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  task: 'T-42, 42 or the id',
  run: 'T-42 review 1, T-42/R1, T-42/E2, or its id',
  title: 'one line; `-` reads the task from stdin',
  text: 'what the agent is told, in quotes',
  priority: PRIORITIES.join(', '),
  agent: 'its id, as `mission agent list` shows it',
  name: POLICY_NAMES.join(', '),
  'field=value': 'one or several, as `mission policy show` names them; a list as SPC,INT',
  repository: 'its name, as `mission repo list` shows it',
  'path-or-url': 'a folder on this machine, or what `git clone` takes',
};

/** How each command is typed, after `mission`. */
const EXAMPLES: Readonly<Record<string, string>> = {
  'task create': 'task create "Fix the login page" --repo my-project --wait',
  'task show': 'task show T-42',
  'task output': 'task output T-42 --diff',
  'task watch': 'task watch T-42',
  'task logs': 'task logs T-42 --follow',
  'task diff': 'task diff T-42 --stat',
  'run show': 'run show T-42 review 1',
  'run list': 'run list T-42',
  'task approve': 'task approve T-42 --reason "a good plan"',
  'task reject': 'task reject T-42 --reason "not now"',
  'task guide': 'task guide T-42 "use the parser that exists"',
  'task answer': 'task answer T-42 "20 a page"',
  'task retry': 'task retry T-42',
  'task reassign': 'task reassign T-42 --executor writer',
  'task accept': 'task accept T-42 --reason "good enough"',
  'task cancel': 'task cancel T-42',
  'task reprioritise': 'task reprioritise T-42 HIGH',
  'task pause': 'task pause T-42',
  'task resume': 'task resume T-42',
  down: 'down --drain --timeout 120',
  why: 'why T-42',
  'repo add': 'repo add ~/my-project --check "npm test" --land merge',
  'repo show': 'repo show my-project',
  'repo check': 'repo check my-project',
  'repo set': 'repo set my-project --check "npm test" --check "npm run lint"',
  'agent show': 'agent show implementer',
  'agent enable': 'agent enable implementer',
  'agent disable': 'agent disable implementer --reason "too many failures"',
  'policy show': 'policy show execution-limits',
  'policy set': 'policy set execution-limits maxConcurrentPerAgent=3 --reason "a larger plan"',
  'policy dry-run': 'policy dry-run auto-approve maxPriority=HIGH',
  'policy diff': 'policy diff execution-limits --from 2 --to 4',
  'policy rollback': 'policy rollback review --to 1 --reason "it asked too often"',
  'policy history': 'policy history auto-approve',
  'policy enable': 'policy enable auto-approve',
  'policy disable': 'policy disable auto-approve --reason "a release today"',
};

/** Gives every argument its meaning and every command that takes one an example. */
export function explainArguments(group: Command, path: readonly string[] = []): void {
  for (const command of group.commands) {
    const words = [...path, command.name()];
    explainArguments(command, words);
    for (const argument of command.registeredArguments) {
      argument.description ||= ARGUMENTS[argument.name()] ?? '';
    }
    const example = EXAMPLES[words.join(' ')];
    if (example !== undefined) command.addHelpText('after', `\nExample:\n  mission ${example}`);
  }
}

/** `help task create` is `task create --help`: at any depth, which commander's own is not. */
export const withoutHelpVerb = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
