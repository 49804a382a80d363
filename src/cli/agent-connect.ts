import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import {
  type AgentProgram,
  BUDGET_TOKENS,
  type McpServers,
  PRESET_FACTS,
  PRESETS,
  type Preset,
  skipsPermissions,
} from '../domain/program.js';
import type { Disconnected } from '../service/index.js';
import { actOnService, type Exits, type ServiceStage } from './act.js';
import { EXIT, UsageError } from './exit.js';
import type { House } from './house.js';
import { NO_WHY, released } from './policy.js';
import type { OutputOptions, Terminal } from './terminal.js';
import type { Trial, Workbench } from './trial.js';
import { type ReasonOptions, reasonOf, withOutput, withReason } from './with-output.js';

export const SKIPS_PERMISSIONS = 'SKIPS PERMISSIONS: a person took its own questions away';

interface ConnectOptions extends ReasonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly preset?: Preset;
  readonly program?: string;
  readonly arg: readonly string[];
  readonly variable: readonly string[];
  readonly host: readonly string[];
  readonly model?: string;
  readonly budget: number;
  readonly mcp?: string;
  readonly login?: string;
  readonly unsandboxed?: boolean;
}

/** `agent connect`: finds a program, tries it as real runs use it, and stores it if it holds. */
export function addAgentConnect(agent: Command, house: House, exits: Exits): void {
  const many = (value: string, before: readonly string[]): string[] => [...before, value];
  const none: readonly string[] = [];
  const connect = agent
    .command('connect [what...]')
    .description(`let agents, or the whole squad, work with a coding agent: ${PRESETS.join(', ')}`)
    .addOption(new Option('--preset <name>', 'how it is called and read').choices([...PRESETS]))
    .option('--program <path>', 'the program (that of the preset, on your PATH)')
    .option('--arg <text>', 'an argument put before those of the preset; repeatable', many, none)
    .option('--variable <name>', 'a variable that it may find; repeatable', many, none)
    .option('--host <host:port>', 'what it may reach beside its provider; repeatable', many, none)
    .option('--model <name>', 'the model it shall use (the one that the agent has)')
    .option('--budget <tokens>', 'what one call of it may spend', tokens, BUDGET_TOKENS)
    .option('--mcp <file>', 'MCP servers that it may use, and no other: {"mcpServers": {…}}')
    .option('--login <name>', 'keep the login of that name, read from stdin, in a private file')
    .option('--unsandboxed', 'let it run though its own sandbox is not proved (UNSANDBOXED)');
  withReason(withOutput(connect)).action((words: string[], typed: ConnectOptions) =>
    actOnService(house, exits, typed, async (stage) => {
      const { agents, options } = meantBy(words, typed);
      for (const id of agents) await stage.service.agents.show(id); // before anything is paid for
      return connectWith(stage, await house.workbench(), agents, options);
    }),
  );
  withReason(
    withOutput(
      agent.command('disconnect [agents...]').description('let agents, or all, rehearse again'),
    ),
  ).action((agents: string[], options: ReasonOptions & OutputOptions) =>
    actOnService(house, exits, options, async ({ service, terminal }) => {
      const done = await service.agents.disconnect(agents, reasonOf(options) ?? NO_WHY);
      terminal.answer(disconnectedText(done), done);
      return undefined;
    }),
  );
}

/** A preset may stand before the agents, as in `agent connect codex tester`. */
function meantBy(words: readonly string[], options: ConnectOptions) {
  const [first, ...rest] = words;
  const preset = PRESETS.find((each) => each === first);
  if (preset === undefined) return { agents: words, options };
  if (options.preset !== undefined && options.preset !== preset) {
    throw new UsageError(`${preset} and --preset ${options.preset}: name one of them`);
  }
  return { agents: rest, options: { ...options, preset } };
}

function disconnectedText({ agents, rehearsing }: Disconnected): string {
  if (agents.length === 0) return 'none of them was connected';
  const then = rehearsing ? 'the squad rehearses' : 'others are connected, so they wait for that';
  return `disconnected ${agents.join(', ')}: ${then}`;
}

function tokens(value: string): number {
  const many = Number(value);
  if (Number.isSafeInteger(many) && many > 0) return many;
  throw new UsageError(`--budget is a number of tokens, not "${value}"`);
}

async function connectWith(
  { service, terminal, interrupted }: ServiceStage,
  workbench: Workbench,
  agents: readonly string[],
  options: ConnectOptions,
): Promise<number | undefined> {
  const program = await programOf(workbench, options);
  const model = options.model ?? null;
  terminal.say(`trying ${program.file}: it writes a file, then reviews it; this may cost a little`);
  const trial = await withLogin(workbench, options.login, () =>
    workbench.tryOut(program, { model, signal: interrupted }),
  );
  if (!trial.green) {
    terminal.answer(`${trialText(trial, terminal)}\nnothing was connected`, { trial });
    return EXIT.failed;
  }
  const why = reasonOf(options) ?? NO_WHY;
  const set = await service.agents.connect({ agents, program: trial.program, model, why });
  const done = `connected ${set.agents.join(', ')} with ${program.preset}${released(set)}`;
  terminal.answer(`${trialText(trial, terminal)}\n${done}`, { trial, ...set });
  terminal.hint(['mission repo add PATH', 'mission task create "Title" --repo NAME']);
  return undefined;
}

/** What is not said is found, as long as that is no guess. */
async function programOf(workbench: Workbench, options: ConnectOptions): Promise<AgentProgram> {
  const { arg: args, variable: variables, host: hosts, budget: budgetTokens } = options;
  const { preset, file } = await presetAndFile(workbench, options);
  return {
    ...{ preset, file, args, variables, hosts, budgetTokens },
    ...(options.mcp === undefined ? {} : { mcp: await mcpOf(options.mcp) }),
    ...(options.unsandboxed ? { unsandboxed: true } : {}),
  };
}

async function mcpOf(file: string): Promise<McpServers> {
  // Here, as it is heavy and seldom asked for.
  const { parseMcpServers } = await import('../schema/mcp.js');
  try {
    return parseMcpServers(await readFile(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--mcp ${file}: ${why}`);
  }
}

/** Kept before it is tried, as real runs find it; and not kept where the trial fails. */
async function withLogin<T extends { readonly green: boolean }>(
  workbench: Workbench,
  name: string | undefined,
  tryOut: () => Promise<T>,
): Promise<T> {
  if (name === undefined) return tryOut();
  if (!/^[A-Z][A-Z0-9_]{2,60}$/.test(name)) {
    throw new UsageError(`--login is the name of a variable, such as CLAUDE_CODE_OAUTH_TOKEN`);
  }
  const secret = (await text(process.stdin)).trim();
  if (secret === '') throw new UsageError(`--login ${name}: stdin is empty`);
  const undo = await workbench.keepLogin(name, secret);
  let green = false;
  try {
    const trial = await tryOut();
    green = trial.green;
    return trial;
  } finally {
    if (!green) await undo();
  }
}

async function presetAndFile(
  workbench: Workbench,
  { preset, program }: ConnectOptions,
): Promise<{ readonly preset: Preset; readonly file: string }> {
  const wanted = program ?? (preset === undefined ? null : PRESET_FACTS[preset].file);
  if (wanted !== null) {
    const file = await workbench.find(wanted);
    if (file === null) throw new UsageError(`there is no program ${wanted} here`);
    return { preset: preset ?? presetOf(file), file };
  }
  if (preset !== undefined) throw new UsageError(`--preset ${preset} needs --program PATH`);
  const known = await workbench.known();
  const [first] = known;
  if (first === undefined) {
    const names = PRESETS.flatMap((each) => PRESET_FACTS[each].file ?? []).join(' or ');
    throw new UsageError(`${names} is not on your PATH; name a program: --program PATH`);
  }
  if (known.length === 1) return first;
  const all = known.map((each) => `--preset ${each.preset} (${each.file})`).join(' or ');
  throw new UsageError(`there is more than one coding agent here; choose ${all}`);
}

/** By its file name; any other keeps the contract of `custom`. */
function presetOf(file: string): Preset {
  const name = file.slice(file.lastIndexOf('/') + 1);
  return PRESETS.find((preset) => PRESET_FACTS[preset].file === name) ?? 'custom';
}

function trialText(trial: Trial, { colors }: Terminal): string {
  const { login, endpoint } = trial.account;
  const cost = trial.costUsd === null ? '' : `, $${trial.costUsd.toFixed(4)}`;
  const pairs = [
    ['Program', `${trial.program.file}${trial.version === null ? '' : `, ${trial.version}`}`],
    ['Account', login === null ? 'none that we know of' : `${login.kind} (${login.variable})`],
    ['Endpoint', endpoint === null ? 'its own' : `${endpoint.url} (${endpoint.from})`],
    ...(skipsPermissions(trial.program) ? [['', colors.red(SKIPS_PERMISSIONS)]] : []),
    ['Sandbox', sandboxText(trial, colors)],
    ...trial.steps.map(({ name, ok, detail }) => [
      ok ? colors.green('ok') : colors.red('failed'),
      detail === '' ? name : `${name}: ${detail}`,
    ]),
    ['Used', `${trial.tokens} tokens${cost}`],
  ];
  return pairs.map(([name = '', value]) => `${name.padEnd(10)}${value}`).join('\n');
}

function sandboxText({ sandbox }: Trial, colors: Terminal['colors']): string {
  const { level, why } = sandbox;
  return level === 'bubblewrap' ? `${level}: ${why}` : colors.red(`${level ?? 'none'}: ${why}`);
}
