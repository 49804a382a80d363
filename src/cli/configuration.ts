import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DEFAULT_POLICIES } from '../domain/policy.js';
import { firstLine } from '../domain/text.js';
import type { AgentRow, PolicyRow, PolicySet, RepositoryRow } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import type { House } from './house.js';
import { ago, type Column, grouped, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { type ReasonOptions, reasonOf, withOutput, withReason } from './with-output.js';

type WhyOptions = OutputOptions & ReasonOptions;

const NO_WHY = 'no reason given';

/** `policy show|set|history|enable|disable`. */
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

const stopsOf = ({ stops }: { readonly stops: string | null }): string =>
  stops === null ? '' : `; now ${stops}`;

const released = ({ released: count }: { readonly released: number }): string =>
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
  const { name, version, before, value, released: count } = set;
  if (!set.changed) return `${name} stays version ${version}: these are its values already`;
  const was = new Map<string, unknown>(Object.entries(before));
  const changes = Object.entries(value).flatMap(([field, now]) => {
    const then = was.get(field);
    const isSame = JSON.stringify(then) === JSON.stringify(now);
    return isSame ? [] : [`${field}: ${valueText(then)} → ${valueText(now)}`];
  });
  const what = changes.join(', ') || 'the same values';
  return `${name} is version ${version}: ${what}${released({ released: count })}`;
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

/** `agent list|show|enable|disable`. */
export function addAgents(program: Command, house: House, exits: Exits): void {
  const agent = program.command('agent').description('the squad');
  withOutput(agent.command('list').alias('ls').description('show the squad')).action(
    (options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const agents = await service.agents.list();
        terminal.answer(agentTable(agents, terminal), { agents });
        return undefined;
      }),
  );
  withOutput(agent.command('show <agent>').description('show one agent')).action(
    (id: string, options: OutputOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const shown = await service.agents.show(id);
        terminal.answer(agentText(shown, terminal), shown);
        return undefined;
      }),
  );
  for (const [verb, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    const says = enabled
      ? 'let an agent work, also after a pause'
      : 'let an agent start nothing new';
    withReason(withOutput(agent.command(`${verb} <agent>`).description(says))).action(
      (id: string, options: WhyOptions) =>
        actOnService(house, exits, options, async ({ service, terminal }) => {
          const set = await service.agents.enable(id, enabled, reasonOf(options) ?? NO_WHY);
          const how = set.changed ? `${verb}d` : `${verb}d already`;
          terminal.answer(`${id} is ${how}${released(set)}${stopsOf(set)}`, set);
          if (set.undo !== null) terminal.hint([set.undo]);
          return undefined;
        }),
    );
  }
}

const stateOf = ({ enabled, pausedReason, canWork }: AgentRow): string => {
  if (!enabled) return 'disabled';
  if (pausedReason !== null) return 'paused';
  return canWork ? 'ready' : 'not connected';
};

function agentTable(agents: readonly AgentRow[], { colors, width }: Terminal): string {
  const columns: Column<AgentRow>[] = [
    { title: 'AGENT', of: ({ id }) => id, paint: colors.bold },
    { title: 'TYPE', of: ({ type }) => type },
    { title: 'REVIEWS', of: ({ reviews }) => (reviews ? 'yes' : ''), optional: true },
    { title: 'BACKEND', of: backendOf, optional: true },
    {
      title: 'STATE',
      of: stateOf,
      paint: (text, row) => (stateOf(row) === 'ready' ? colors.green(text) : colors.red(text)),
    },
    { title: 'RUNS', of: ({ running }) => String(running) },
    { title: 'QUEUED', of: ({ queued }) => String(queued) },
    { title: 'TODAY', of: ({ chargedToday, dailyLimit }) => `${chargedToday} of ${dailyLimit}` },
  ];
  return table(agents, columns, width, colors.dim).join('\n');
}

const backendOf = ({ backend }: AgentRow): string =>
  backend === 'scripted' ? 'scripted (REHEARSED)' : backend;

/** A scripted agent is driven by no model, whatever was chosen for the day that one does. */
const modelOf = ({ backend, model }: AgentRow): string =>
  backend === 'scripted' || model === null ? '' : `, model ${model}`;

function agentText(agent: AgentRow, { colors }: Terminal): string {
  const pairs = [
    ['Name', `${agent.name}, ${agent.type}${agent.reviews ? ', reviews' : ''}`],
    ['State', `${stateOf(agent)}${agent.pausedReason === null ? '' : `: ${agent.pausedReason}`}`],
    ['Backend', `${backendOf(agent)}${modelOf(agent)}`],
    ['Runs', `${agent.running} running, ${agent.queued} queued`],
    ['Today', `${agent.chargedToday} of ${agent.dailyLimit} runs charged`],
    ['Told', agent.instructions],
  ];
  const lines = pairs.map(([name = '', value]) => `${colors.dim(name.padEnd(9))}${value}`);
  return [colors.bold(agent.id), ...lines].join('\n');
}

/** `repo add|list`. */
export function addRepositories(program: Command, house: House, exits: Exits): void {
  const repo = program.command('repo').description('repositories that tasks may change');
  withOutput(repo.command('add <path-or-url>').description('make a repository known'))
    .option('--name <name>', 'what tasks call it (the last part of its path)')
    .option('--branch <branch>', 'where results land (its default branch)')
    .addOption(
      new Option('--landing <mode>', 'how they land: as a branch of their own, or merged')
        .choices(['branch', 'merge'])
        .default('branch'),
    )
    .action((location: string, options: RepoOptions) =>
      actOnService(house, exits, options, async ({ service, terminal }) => {
        const { name, branch: target, landing } = options;
        const isUrl = /^[a-z]+:\/\//i.test(location);
        const given = { location: isUrl ? location : resolve(location), name, target, landing };
        const row = await service.repositories.add(given);
        const how = landing === 'merge' ? `merged into ${row.target}` : 'as branches of their own';
        terminal.answer(`added ${row.name} (${row.location}); results land ${how}`, row);
        terminal.hint([`mission task create "Title" --repo ${row.name}`]);
        return undefined;
      }),
    );
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
}

interface RepoOptions extends OutputOptions {
  readonly name?: string;
  readonly branch?: string;
  readonly landing: 'branch' | 'merge';
}

/** That a person was a person goes without saying. */
const addedByOf = ({ addedBy, provenance }: RepositoryRow): string =>
  provenance === 'person' ? addedBy : `${addedBy} (${provenance})`;

function repoTable(rows: readonly RepositoryRow[], { colors, width }: Terminal): string {
  const columns: Column<RepositoryRow>[] = [
    { title: 'NAME', of: ({ name }) => name, paint: colors.bold },
    { title: 'TARGET', of: ({ target }) => target },
    { title: 'LANDS', of: ({ landing }) => landing },
    { title: 'ADDED BY', of: addedByOf },
    { title: 'LOCATION', of: ({ location }) => location, least: 16 },
  ];
  return table(rows, columns, width, colors.dim).join('\n');
}
