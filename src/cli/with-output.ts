import { type Command, Option } from 'commander';

/** Every command answers people or programs. */
export const withOutput = (command: Command): Command =>
  command
    .option('--json', 'answer with one JSON document')
    .option('-q, --quiet', 'print the answer and nothing else');

/** The same of what goes on: one document at its end, or a document a line. */
export const withStream = (command: Command): Command =>
  withOutput(command).option('--jsonl', 'answer with one JSON document a line');

/** Why something is decided. `--why` was its name in some places once. */
export interface ReasonOptions {
  readonly reason?: string;
  readonly why?: string;
}

export const withReason = (command: Command): Command =>
  command
    .option('--reason <text>', 'why, for the record')
    .addOption(new Option('--why <text>').hideHelp());

export const reasonOf = ({ reason, why }: ReasonOptions): string | undefined => reason ?? why;
