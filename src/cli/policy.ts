import type { Command } from 'commander';
import { DEFAULT_POLICIES } from '../domain/policy.js';
import { firstLine } from '../domain/text.js';
import type { DryRun, PolicyDiff, PolicyRow, PolicySet } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import type { House } from './house.js';
import { ago, agoInWords, type Column, folded, grouped, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { type ReasonOptions, reasonOf, withOutput, withReason } from './with-output.js';

export type WhyOptions = OutputOptions & ReasonOptions;

export const NO_WHY = 'no reason given';

/** `policy show|set|dry-run|history|diff|rollback|enable|disable`. */
export function addPolicies(program: Command, house: House, exits: Exits): void {
  const policy = program.command('policy').description('rules that are tuned while tasks run');
  withOutput(policy.command('show [name]').description('show what is in force')).action(
    (name: string | undefined, options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const shown = await service.policies.show(name);
        const document = name === undefined ? { policies: shown } : shown[0];
        terminal.answer(shown.map((each) => policyText(each, terminal)).join('\n\n'), document);
        return undefined;
      }),
  );
  const says = 'change fields; in force at once, also for tasks that wait';
  withReason(withOutput(policy.command('set <name> <field=value...>').description(says))).action(
    (name: string, edits: string[], options: WhyOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const set = await service.policies.edit(name, edits, reasonOf(options) ?? NO_WHY);
        terminal.answer(setText(set), set);
        return undefined;
      }),
  );
  withOutput(
    policy.command('history <name>').description('show every version, newest first'),
  ).action((name: string, options: OutputOptions) =>
    actOnService(house, exits, options, async ({ service, terminal }) => {
      const versions = await service.policies.history(name);
      terminal.answer(historyTable(versions, terminal), { versions });
      return undefined;
    }),
  );
  addVersions(policy, house, exits);
  const tries = 'say what `set` would do now, and to last week; nothing is changed';
  withOutput(policy.command('dry-run <name> <field=value...>').description(tries)).action(
    (name: string, edits: string[], options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const tried = await service.policies.dryRun(name, edits);
        const command = `mission policy set ${name} ${edits.join(' ')}`;
        terminal.answer(dryRunText(tried, terminal), { ...tried, command });
        terminal.hint([command]);
        return undefined;
      }),
  );
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    const about = enabled ? 'put a policy in force again' : 'let a policy admit and grant nothing';
    withReason(withOutput(policy.command(`${verb} <name>`).description(about))).action(
      (name: string, options: WhyOptions) =>
        actOnService(house, exits, options, async ({ service, terminal }) => {
          const set = await service.policies.enable(name, enabled, reasonOf(options) ?? NO_WHY);
          const how = set.changed ? `${verb}d` : `${verb}d already`;
          const what = `${name} is ${how}: version ${set.version}${released(set)}`;
          terminal.answer(`${what}${stopsOf(set)}`, set);
          if (set.undo !== null) terminal.hint([set.undo]);
          return undefined;
        }),
    );
  }
}

/** `policy diff|rollback`. */
function addVersions(policy: Command, house: House, exits: Exits): void {
  withOutput(policy.command('diff <name>').description('show what changed, by whom and why'))
    .option('--from <version>', 'the older one (the version before)')
    .option('--to <version>', 'the newer one (the version in force)')
    .action((name: string, options: OutputOptions & { from?: string; to?: string }) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const diff = await service.policies.diff(name, options);
        terminal.answer(diffText(diff, terminal), diff);
        return undefined;
      }),
    );
  const says = 'make a new version with the value of an older one; in force at once';
  withReason(withOutput(policy.command('rollback <name>').description(says)))
    .option('--to <version>', 'the one to go back to (the version before)')
    .action((name: string, options: WhyOptions & { to?: string }) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const set = await service.policies.rollback(name, options.to, reasonOf(options));
        terminal.answer(`${setText(set)}${stopsOf(set)}`, set);
        if (set.undo !== null) terminal.hint([set.undo]);
        return undefined;
      }),
    );
}

/** What stops because of it, where something does. */
export const stopsOf = ({ stops }: { readonly stops: string | null }): string =>
  stops === null ? '' : `; now ${stops}`;

/** How many runs start because of it, where some do. */
export const released = ({ released: count }: { readonly released: number }): string =>
  count === 0 ? '' : `; ${count} ${count === 1 ? 'run starts' : 'runs start'} because of it`;

function policyText(policy: PolicyRow, { colors }: Terminal): string {
  const state = policy.enabled ? '' : colors.red(' DISABLED');
  const head = `${colors.bold(policy.name)} version ${policy.version}${state}`;
  const by = colors.dim(`by ${policy.by}${unverified(policy)}: ${policy.why}`);
  const fields = Object.entries(policy.value).toSorted(
    ([left], [right]) => orderOf(policy.name, left) - orderOf(policy.name, right),
  );
  const width = Math.max(...fields.map(([field]) => field.length));
  const lines = fields.map(([field, value]) => `  ${field.padEnd(width)}  ${valueText(value)}`);
  return [`${head}  ${by}`, ...lines].join('\n');
}

/** As the policy is declared; the database keeps its fields by length. */
const orderOf = (name: PolicyRow['name'], field: string): number =>
  Object.keys(DEFAULT_POLICIES[name].value).indexOf(field);

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',') || '(none)';
  return typeof value === 'number' ? grouped(value) : String(value);
}

function setText(set: PolicySet): string {
  const { name, version, changes, released: count } = set;
  if (!set.changed) return `${name} stays version ${version}: these are its values already`;
  const what = changes.map(
    ({ field, before, after }) => `${field}: ${valueText(before)} → ${valueText(after)}`,
  );
  return `${name} is version ${version}: ${what.join(', ')}${released({ released: count })}`;
}

function diffText({ name, from, to, changes }: PolicyDiff, terminal: Terminal): string {
  const { colors, width } = terminal;
  const head = `${colors.bold(name)} version ${from.version} → ${to.version}`;
  if (changes.length === 0) return `${head}: nothing differs`;
  const now = Date.now();
  const columns: Column<PolicyDiff['changes'][number]>[] = [
    { title: 'FIELD', of: ({ field }) => field, paint: colors.bold },
    { title: 'BEFORE', of: ({ before }) => valueText(before) },
    { title: 'AFTER', of: ({ after }) => valueText(after) },
    { title: 'VERSION', of: ({ version }) => String(version) },
    { title: 'WHEN', of: ({ at }) => agoInWords(at, now) },
    { title: 'BY', of: (row) => `${row.by}${unverified(row)}` },
    { title: 'WHY', of: ({ why }) => firstLine(why, 200), least: 12 },
  ];
  return [head, ...table(changes, columns, width, colors.dim)].join('\n');
}

function dryRunText(tried: DryRun, { colors, width }: Terminal): string {
  const { name, version, enabled, changes, started, admitted, waits, lastWeekSaid } = tried;
  const waiting = waits.reduce((sum, { tasks }) => sum + tasks, 0);
  const off = `${name} is disabled, and stays so: its figures count for nothing`;
  return [
    `${colors.bold(name)} after version ${version}; nothing is changed yet:`,
    ...changes.map(
      ({ field, before, after }) => `  ${field}: ${valueText(before)} → ${valueText(after)}`,
    ),
    ...(enabled ? [] : [colors.red(off)]),
    ...(admitted.length === 0 ? [] : [`${tasks(admitted)} would leave the inbox`]),
    `${started.length === 0 ? 'no waiting task' : tasks(started, 'waiting ')} would start now`,
    ...(waiting === 0 ? [] : [`${tasksOf(waiting)} would stay waiting:`]),
    ...waits.map(
      (each) => `  ${each.tasks} for ${each.reason}${each.rule === null ? '' : `: ${each.rule}`}`,
    ),
    ...lastWeekSaid,
  ]
    .map((line) => folded(line, width))
    .join('\n');
}

const tasksOf = (count: number, kind = ''): string =>
  `${count} ${kind}${count === 1 ? 'task' : 'tasks'}`;

/** How many, and which as far as a line has room. */
function tasks(labels: readonly string[], kind = ''): string {
  const some = labels.slice(0, 8).join(', ');
  const more = labels.length > 8 ? ', …' : '';
  return `${tasksOf(labels.length, kind)} (${some}${more})`;
}

function historyTable(versions: readonly PolicyRow[], { colors, width }: Terminal): string {
  const now = Date.now();
  const columns: Column<PolicyRow>[] = [
    { title: 'VERSION', of: ({ version }) => String(version), paint: colors.bold },
    { title: 'AGE', of: ({ createdAt }) => ago(createdAt, now) },
    { title: 'BY', of: (row) => `${row.by}${unverified(row)}` },
    { title: 'WHY', of: ({ why }) => firstLine(why, 200), least: 12 },
    { title: 'STATE', of: ({ enabled }) => (enabled ? 'enabled' : 'DISABLED') },
    {
      title: 'VALUE',
      of: ({ value }) =>
        Object.entries(value)
          .map(([field, each]) => `${field}=${Array.isArray(each) ? each.join(',') : each}`)
          .join(' '),
      least: 20,
    },
  ];
  return table(versions, columns, width, colors.dim).join('\n');
}

/** Nobody checks the name that the command line gives. */
const unverified = ({ door, by }: { readonly door: string; readonly by: string }): string =>
  door === 'cli' && by.startsWith('person:') ? ' (unverified)' : '';
