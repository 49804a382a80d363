import type { Command } from 'commander';
import { skipsPermissions } from '../domain/program.js';
import type { AgentRow } from '../service/index.js';
import { actOnService, type Exits } from './act.js';
import { addAgentConnect, SKIPS_PERMISSIONS } from './agent-connect.js';
import type { House } from './house.js';
import { NO_WHY, released, stopsOf, type WhyOptions } from './policy.js';
import { type Column, table } from './table.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { reasonOf, withOutput, withReason } from './with-output.js';

/** `agent list|show|connect|enable|disable`. */
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
  addAgentConnect(agent, house, exits);
  for (const [verb, enabled, says] of [
    ['enable', true, 'let an agent work, also after a pause'],
    ['resume', true, 'ask its provider again before a limit ends, and let it work'],
    ['disable', false, 'let an agent start nothing new'],
  ] as const) {
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

const stateOf = ({ enabled, pausedReason, canWork, credential }: AgentRow): string => {
  if (!enabled) return 'disabled';
  if (pausedReason !== null) return 'paused';
  if (canWork && (credential?.pausedUntil ?? null) !== null) return 'credential-paused';
  return canWork ? 'ready' : 'not connected';
};

/** Until when its provider is left alone, and why. */
const credentialLines = ({ credential, id }: AgentRow): [string, string][] => {
  if (credential === null) return [];
  const { name, pausedUntil, why } = credential;
  const until =
    pausedUntil === null
      ? ''
      : `, paused until ${pausedUntil.slice(0, 19)}: ${why} (mission agent resume ${id})`;
  return [['Account', `${name}${until}`]];
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

const backendOf = ({ backend, program }: AgentRow): string => {
  if (backend === 'scripted') return 'scripted (REHEARSED)';
  return program === null ? backend : `${backend} (${program.preset})`;
};

/** What a connected agent is started with; nothing of it is a secret. */
function programLines({ program }: AgentRow, colors: Terminal['colors']): [string, string][] {
  if (program === null) return [];
  const { file, args, variables, hosts, budgetTokens } = program;
  const more = [
    variables.length === 0 ? '' : `finds ${variables.join(', ')}`,
    hosts.length === 0 ? '' : `reaches ${hosts.join(', ')}`,
    `${budgetTokens} tokens a call`,
    program.mcp === undefined ? '' : `MCP servers ${Object.keys(program.mcp).join(', ')}`,
  ].filter((each) => each !== '');
  const line: [string, string] = ['Program', `${[file, ...args].join(' ')} (${more.join('; ')})`];
  return [
    line,
    ...(skipsPermissions(program) ? [['', colors.red(SKIPS_PERMISSIONS)] as [string, string]] : []),
    ...(program.unsandboxed
      ? [['', colors.red('UNSANDBOXED where its own sandbox is all')] as [string, string]]
      : []),
  ];
}

/** A scripted agent is driven by no model, whatever was chosen for the day that one does. */
const modelOf = ({ backend, model }: AgentRow): string =>
  backend === 'scripted' || model === null ? '' : `, model ${model}`;

function agentText(agent: AgentRow, { colors }: Terminal): string {
  const pairs = [
    ['Name', `${agent.name}, ${agent.type}${agent.reviews ? ', reviews' : ''}`],
    ['State', `${stateOf(agent)}${agent.pausedReason === null ? '' : `: ${agent.pausedReason}`}`],
    ['Backend', `${backendOf(agent)}${modelOf(agent)}`],
    ...programLines(agent, colors),
    ...credentialLines(agent),
    ['Runs', `${agent.running} running, ${agent.queued} queued`],
    ['Today', `${agent.chargedToday} of ${agent.dailyLimit} runs charged`],
    ['Told', agent.instructions],
  ];
  const lines = pairs.map(([name = '', value]) => `${colors.dim(name.padEnd(9))}${value}`);
  return [colors.bold(agent.id), ...lines].join('\n');
}
