import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { firstLine } from '../domain/text.js';
import type { Role, RoleSet } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import { UsageError } from './exit.js';
import type { House } from './house.js';
import { NO_WHY, type WhyOptions } from './policy.js';
import { agoInWords, type Column, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { reasonOf, withOutput, withReason } from './with-output.js';

/** `role list|show|set|rollback`: what agents are told of how they work. */
export function addRoles(program: Command, house: House, exits: Exits): void {
  const role = program.command('role').description('what agents are told of how they work');
  withOutput(role.command('list').alias('ls').description('show the versions in force')).action(
    (options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const roles = await service.roles.list();
        terminal.answer(roleTable(roles, terminal), { roles });
        return undefined;
      }),
  );
  withOutput(role.command('show <role>').description('show its text: execution or review'))
    .option('--version <number>', 'another than the one in force')
    .option('--history', 'all versions, newest first, without their text')
    .action((name: string, options: ShowOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const versions = await service.roles.history(name);
        if (options.history) {
          terminal.answer(roleTable(versions, terminal), { versions });
          return undefined;
        }
        const shown = versionOf(versions, options.version);
        terminal.answer(roleText(shown, terminal), shown);
        return undefined;
      }),
    );
  const says = 'make a new version; runs that have begun keep theirs';
  withReason(withOutput(role.command('set <role> <file>').description(says))).action(
    (name: string, file: string, options: WhyOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const set = await service.roles.edit(name, await textOf(file), reasonOf(options) ?? NO_WHY);
        terminal.answer(setText(set), set);
        return undefined;
      }),
  );
  const goes = 'make a new version with the text of an older one';
  withReason(withOutput(role.command('rollback <role>').description(goes)))
    .option('--to <version>', 'the one to go back to (the version before)')
    .action((name: string, options: WhyOptions & { to?: string }) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const set = await service.roles.rollback(name, options.to, reasonOf(options));
        terminal.answer(setText(set), set);
        return undefined;
      }),
    );
}

interface ShowOptions extends OutputOptions {
  readonly version?: string;
  readonly history?: boolean;
}

function versionOf(versions: readonly Role[], asked: string | undefined): Role {
  const [now] = versions;
  const found =
    asked === undefined ? now : versions.find(({ version }) => String(version) === asked);
  if (found !== undefined) return found;
  const { name = '', version = 0 } = now ?? {};
  throw new UsageError(`--version: ${name} has versions 1 to ${version}, not ${asked}`);
}

async function textOf(file: string): Promise<string> {
  if (file === '-') return text(process.stdin);
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError(`${file} cannot be read: ${error.message}`);
  });
}

const setText = ({ name, version, changed }: RoleSet): string =>
  changed
    ? `${name} is version ${version}: runs that begin from now on are told it`
    : `${name} stays version ${version}: this is its text already`;

const byWhom = ({ by, why }: Role, { dim }: Terminal['colors']): string => dim(`by ${by}: ${why}`);

const roleText = (role: Role, { colors }: Terminal): string =>
  [
    `${colors.bold(role.name)} version ${role.version}  ${byWhom(role, colors)}`,
    '',
    role.text,
  ].join('\n');

function roleTable(roles: readonly Role[], { colors, width }: Terminal): string {
  const now = Date.now();
  const columns: Column<Role>[] = [
    { title: 'ROLE', of: ({ name }) => name, paint: colors.bold },
    { title: 'VERSION', of: ({ version }) => String(version) },
    { title: 'LINES', of: ({ text: whole }) => String(whole.split('\n').length) },
    { title: 'WHEN', of: ({ createdAt }) => agoInWords(createdAt, now) },
    { title: 'BY', of: ({ by }) => by },
    { title: 'WHY', of: ({ why }) => firstLine(why, 200), least: 12 },
  ];
  return table(roles, columns, width, colors.dim).join('\n');
}
