import type { Command } from 'commander';
import { PRIORITIES, type Priority, type Verb } from '../domain/task.js';
import { nearest } from '../domain/text.js';
import type { VerbFields } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import { UsageError } from './exit.js';
import type { House } from './house.js';
import type { OutputOptions } from './terminal.js';
import { type ReasonOptions, reasonOf, withOutput, withReason } from './with-output.js';

interface VerbOptions extends OutputOptions, ReasonOptions {
  readonly executor?: string;
  readonly reviewer?: readonly string[];
}

/** What a verb is told besides the task. */
interface VerbSpec {
  readonly says: string;
  /** An argument after the task: its name, and the field that it becomes. */
  readonly argument?: { readonly name: string; readonly field: (text: string) => VerbFields };
  readonly reassigns?: true;
}

const text = (name: string) => ({ name, field: (given: string): VerbFields => ({ text: given }) });

const VERB_SPECS = {
  approve: { says: 'admit a task from the inbox' },
  reject: { says: 'refuse a task in the inbox and end it' },
  guide: { says: 'tell the next execution something', argument: text('text') },
  answer: { says: "answer the agent's question", argument: text('text') },
  retry: { says: 'grant one more cycle, or the failed step again' },
  reassign: { says: 'give the task to others', reassigns: true },
  accept: { says: 'accept the last result as it is' },
  cancel: { says: 'stop the task' },
  reprioritise: {
    says: `move the task in the line: ${PRIORITIES.join(', ')}`,
    argument: { name: 'priority', field: (given) => ({ priority: priorityNamed(given) }) },
  },
  pause: { says: 'hold the task until `resume`' },
  resume: { says: 'let a paused task go on' },
} as const satisfies Record<Verb, VerbSpec>;

const repeated = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** The eleven verbs on a task. */
export function addTaskVerbs(task: Command, house: House, exits: Exits): void {
  for (const [name, spec] of Object.entries(VERB_SPECS) as [Verb, VerbSpec][]) {
    const { says, argument, reassigns } = spec;
    const signature = `${name} <task>${argument === undefined ? '' : ` <${argument.name}>`}`;
    const command = withOutput(task.command(signature).description(says));
    withReason(command);
    if (reassigns) {
      command.option('-e, --executor <agent>', 'who executes it from now on');
      command.option('-r, --reviewer <agent>', 'who reviews it; may be repeated', repeated);
    }
    // commander hands over the arguments, then the options.
    command.action((of: string, ...rest: readonly unknown[]) => {
      const options = (argument === undefined ? rest[0] : rest[1]) as VerbOptions;
      const reason = reasonOf(options);
      return actOnService(house, exits, options, async ({ service, terminal }) => {
        const fields = {
          ...(argument === undefined ? {} : argument.field(String(rest[0]))),
          ...(reason === undefined ? {} : { reason }),
          ...(reassigns ? assignTo(options) : {}),
        };
        const done = await service.tasks.apply(of, name, fields);
        terminal.answer(`${done.task} ${done.message}`, done);
        return undefined;
      });
    });
  }
}

function assignTo({ executor, reviewer }: VerbOptions): VerbFields {
  if (executor === undefined && reviewer === undefined) {
    throw new UsageError('name who is to have the task: --executor AGENT or --reviewer AGENT');
  }
  return {
    ...(executor === undefined ? {} : { executor }),
    ...(reviewer === undefined ? {} : { reviewers: reviewer }),
  };
}

function priorityNamed(given: string): Priority {
  const word = given.toUpperCase();
  const found = PRIORITIES.find((priority) => priority === word);
  if (found !== undefined) return found;
  const near = nearest(word, PRIORITIES);
  const meant = near === null ? '' : `; did you mean ${near}?`;
  throw new UsageError(`priority "${given}" is none of ${PRIORITIES.join(', ')}${meant}`);
}
