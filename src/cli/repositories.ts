import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { LANDING_MODES } from '../domain/repository.js';
import type { RepositoryRow } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import type { House } from './house.js';
import {
  type AddOptions,
  addWith,
  checkAgain,
  type SetOptions,
  setWith,
} from './repository-acts.js';
import { detailsText } from './repository-text.js';
import { type Column, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { withOutput, withReason } from './with-output.js';

/** `repo add|list|show|check|set`. */
export function addRepositories(program: Command, house: House, exits: Exits): void {
  const repo = program.command('repo').description('repositories that tasks may change');
  addAdd(repo, house, exits);
  withOutput(repo.command('list').alias('ls').description('show the repositories')).action(
    (options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const repositories = await service.repositories.list();
        if (repositories.length === 0)
          terminal.say('No repositories. Add one: mission repo add PATH');
        const text = repositories.length === 0 ? '' : repoTable(repositories, terminal);
        terminal.answer(text, { repositories });
        return undefined;
      }),
  );
  withOutput(
    repo
      .command('show <repository>')
      .description('show how one is prepared, checked and landed in, and how its checks are'),
  ).action((name: string, options: OutputOptions) =>
    actOnService(house, exits, options, async ({ service, terminal }) => {
      const shown = await service.repositories.show(name);
      terminal.answer(detailsText(shown, terminal), shown);
      return undefined;
    }),
  );
  withOutput(
    repo
      .command('check <repository>')
      .description('run setup and checks on its target as it is now, as a new baseline'),
  ).action((name: string, options: OutputOptions) =>
    actOnService(house, exits, options, (stage) => checkAgain(stage, name)),
  );
  addSet(repo, house, exits);
}

function addAdd(repo: Command, house: House, exits: Exits): void {
  const add = repo
    .command('add <path-or-url>')
    .description('make a repository known; setup and checks that are not said are proposed')
    .option('--name <name>', 'what tasks call it (the last part of its path)');
  withRun(withRecipe(add))
    .option('-y, --yes', 'take what is proposed without a question')
    .action((location: string, options: AddOptions) =>
      actOnService(house, exits, options, (stage) => addWith(stage, placeOf(location), options)),
    );
}

function addSet(repo: Command, house: House, exits: Exits): void {
  const set = repo
    .command('set <repository>')
    .description('change how one is prepared, checked or landed in; the rest stays');
  withReason(withRun(withRecipe(set)))
    .option('--no-allow-install-scripts', 'they may not any more')
    .action((name: string, options: SetOptions) =>
      actOnService(house, exits, options, (stage) => setWith(stage, name, options)),
    );
}

/** What `git clone` takes as an address stays one; all else is a path from here. */
const placeOf = (location: string): string =>
  /^([a-z][a-z+]*:\/\/|[\w.-]+@[\w.-]+:)/i.test(location) ? location : resolve(location);

const withRecipe = (command: Command): Command =>
  withOutput(command)
    .option('--setup <command>', 'how its dependencies are fetched, in a shell')
    .option('--no-setup', 'there is nothing to fetch')
    .option('--check <command>', 'what its work is checked with, in a shell; repeatable', many)
    .option('--no-check', 'there is nothing to check with')
    .option('--copy <file>', 'a file of your checkout that git does not hold; repeatable', many)
    .option('--no-copy', 'no such files')
    .option('--folder <folder>', 'where setup and checks run (its root)')
    .option('--allow-install-scripts', 'let what the setup installs run scripts of its own')
    .addOption(
      new Option(
        '--land <mode>',
        'how results land: as a branch of their own, merged into the target, or as a pull request',
      ).choices([...LANDING_MODES]),
    )
    .option('--target <branch>', 'where results land (its default branch)');

const withRun = (command: Command): Command =>
  command
    .option('--no-run', 'run neither setup nor checks now')
    .option('--force', 'go on although the setup fails');

const many = (value: string, before: readonly string[] | false | undefined): string[] => [
  ...(before || []),
  value,
];

/** That a person was a person goes without saying. */
const addedByOf = ({ addedBy, provenance }: RepositoryRow): string =>
  provenance === 'person' ? addedBy : `${addedBy} (${provenance})`;

function repoTable(rows: readonly RepositoryRow[], { colors, width }: Terminal): string {
  const columns: Column<RepositoryRow>[] = [
    { title: 'NAME', of: ({ name }) => name, paint: colors.bold },
    { title: 'TARGET', of: ({ target }) => target },
    { title: 'LANDS', of: ({ landing }) => landing },
    { title: 'CHECKS', of: ({ recipe }) => String(recipe.checks.length), optional: true },
    { title: 'ADDED BY', of: addedByOf },
    { title: 'LOCATION', of: ({ location }) => location, least: 16 },
  ];
  return table(rows, columns, width, colors.dim).join('\n');
}
