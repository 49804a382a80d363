import type { Command } from 'commander';
import { nearest } from '../domain/text.js';
import { quoted } from './ways.js';

/**
 * What was meant by a verb that is not known, as a whole command line after `mission`: a near verb
 * in the same place, else the verb itself where it lives. Null when nothing is near.
 */
export function meantCommand(program: Command, argv: readonly string[]): string | null {
  const { group, rest, path } = walk(program, argv);
  const [word, ...after] = rest;
  if (word === undefined) return null;
  const here = nearest(word, namesOf(group));
  if (here === null) return elsewhere(program, word, after);
  const inner = group.commands.find((one) => one.name() === here);
  return [...path, here, ...corrected(inner, after)].join(' ');
}

/** What follows a mistyped group may be mistyped as well. */
function corrected(group: Command | undefined, words: readonly string[]): readonly string[] {
  const [verb, ...rest] = words;
  if (group === undefined || group.commands.length === 0 || verb === undefined) {
    return words.map(quoted);
  }
  return [nearest(verb, namesOf(group)) ?? verb, ...rest.map(quoted)];
}

/** `mission list` is `mission task list`: tasks first, since they are what is meant most often. */
function elsewhere(program: Command, word: string, after: readonly string[]): string | null {
  for (const each of ['', 'task', 'policy', 'agent', 'repo']) {
    const group = each === '' ? program : program.commands.find((one) => one.name() === each);
    const found = group === undefined ? null : nearest(word, namesOf(group));
    if (found === null) continue;
    return [...(each === '' ? [] : [each]), found, ...after.map(quoted)].join(' ');
  }
  return null;
}

/** As far as the words name groups. */
function walk(program: Command, argv: readonly string[]) {
  let group = program;
  const path: string[] = [];
  let rest = argv.filter((word) => !word.startsWith('-'));
  for (;;) {
    const next = group.commands.find((command) => command.name() === rest[0]);
    if (next === undefined || next.commands.length === 0) return { group, rest, path };
    path.push(next.name());
    group = next;
    rest = rest.slice(1);
  }
}

const namesOf = (group: Command): string[] =>
  group.commands.flatMap((command) => [command.name(), ...command.aliases()]);
