/** How a coding agent's program is known: what it is called with, and how its output is read. */
export const PRESETS = ['claude-code', 'codex', 'custom'] as const;
export type Preset = (typeof PRESETS)[number];

/** The program of a connected agent, as its row holds it. */
export interface AgentProgram {
  readonly preset: Preset;
  /** A name on the search path of the workers, or an absolute path. */
  readonly file: string;
  /** Put before the arguments of the preset. */
  readonly args: readonly string[];
  /** Names of variables that it finds in its environment, beside those of the preset. */
  readonly variables: readonly string[];
  /** What it may reach beside its provider: `registry.npmjs.org:443`. */
  readonly hosts: readonly string[];
  /** Work tokens that one call of it may spend. */
  readonly budgetTokens: number;
  /** The account that it works on, by a name that is no secret: all who share it wait together. */
  readonly credential?: string;
  /** MCP servers that it may use, as its configuration names them; no other. */
  readonly mcp?: McpServers;
  /** What came of trying its own sandbox, where the installation relies on that. */
  readonly native?: { readonly held: boolean; readonly why: string };
  /** A person chose to have it run although nothing holds it. */
  readonly unsandboxed?: boolean;
}

/** By name; each as programs take it: a command to start, or an address. */
export type McpServers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export const BUDGET_TOKENS = 2_000_000;

type Login = 'API key' | 'subscription token';

interface PresetFacts {
  /** What it is called on a search path; null: the person says it. */
  readonly file: string | null;
  /** Variables that log it in, the first that is set counts; none: it needs none that we know. */
  readonly logins: readonly { readonly variable: string; readonly kind: Login }[];
  /** The variable that names another provider than the usual one. */
  readonly endpoint: { readonly variable: string; readonly usual: string } | null;
  /** What to do where no login is found. */
  readonly advice: string;
}

/** What is known of the programs before they are started. */
export const PRESET_FACTS: Readonly<Record<Preset, PresetFacts>> = {
  'claude-code': {
    file: 'claude',
    logins: [
      { variable: 'ANTHROPIC_API_KEY', kind: 'API key' },
      { variable: 'CLAUDE_CODE_OAUTH_TOKEN', kind: 'subscription token' },
    ],
    endpoint: { variable: 'ANTHROPIC_BASE_URL', usual: 'https://api.anthropic.com' },
    advice:
      'set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN to what `claude setup-token` prints, ' +
      'where `mission up` and this command are started',
  },
  codex: {
    file: 'codex',
    logins: [
      { variable: 'CODEX_API_KEY', kind: 'API key' },
      { variable: 'OPENAI_API_KEY', kind: 'API key' },
    ],
    endpoint: { variable: 'OPENAI_BASE_URL', usual: 'https://api.openai.com/v1' },
    advice: 'set CODEX_API_KEY where `mission up` and this command are started',
  },
  custom: { file: null, logins: [], endpoint: null, advice: '' },
};

/** Looks a variable up in the environment of this process; empty is not set. */
export type Variable = (name: string) => string | null;

/** Whose account a program works on, and where. Never holds the secret itself. */
export interface Account {
  /** null: no login was found, or none is needed. */
  readonly login: { readonly kind: Login; readonly variable: string } | null;
  readonly endpoint: {
    readonly url: string;
    readonly isUsual: boolean;
    /** What says so. */
    readonly from: string;
  } | null;
}

export function accountOf(preset: Preset, variable: Variable): Account {
  const { logins, endpoint } = PRESET_FACTS[preset];
  const login = logins.find((each) => variable(each.variable) !== null) ?? null;
  if (endpoint === null) return { login, endpoint: null };
  const named = variable(endpoint.variable);
  return {
    login,
    endpoint:
      named === null
        ? { url: endpoint.usual, isUsual: true, from: 'the usual one' }
        : { url: named, isUsual: false, from: endpoint.variable },
  };
}

/** Kind and account, as in `claude-code by ANTHROPIC_API_KEY at api.anthropic.com:443`. */
export function credentialOf({ preset, file }: AgentProgram, variable: Variable): string {
  const { login, endpoint } = accountOf(preset, variable);
  if (PRESET_FACTS[preset].file === null) return `${preset} ${file}`;
  const by = login === null ? '' : ` by ${login.variable}`;
  const at = endpoint === null ? null : hostOf(endpoint.url);
  return `${preset}${by}${at === null ? '' : ` at ${at}`}`;
}

/** As it may be shown: an address may hold a name and a password. */
export const shownAccount = ({ login, endpoint }: Account): Account => ({
  login,
  endpoint:
    endpoint === null
      ? null
      : { ...endpoint, url: endpoint.url.replace(/^(\w+:\/\/)[^/]*@/, '$1***@') },
});

/** Why a program cannot be started with this environment; null: it can. */
export function lacking(program: AgentProgram, variable: Variable): string | null {
  const { logins, advice } = PRESET_FACTS[program.preset];
  const unset = program.variables.filter((name) => variable(name) === null);
  if (unset.length > 0) return `${unset.join(', ')} is not set where the worker was started`;
  if (logins.length === 0 || accountOf(program.preset, variable).login !== null) return null;
  return `no login for ${program.preset} is found: ${advice}`;
}

/** The login that counts, the endpoint, and what the person named: nothing else is handed over. */
export function variablesFor(program: AgentProgram, variable: Variable): Record<string, string> {
  const { login } = accountOf(program.preset, variable);
  const { endpoint } = PRESET_FACTS[program.preset];
  const names = [login?.variable, endpoint?.variable, ...program.variables];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = name === undefined ? null : variable(name);
      return name === undefined || value === null ? [] : [[name, value] as const];
    }),
  );
}

/**
 * Whether a person has taken its own questions away by an argument: shown in red wherever it works.
 * Our presets never do.
 */
export const skipsPermissions = ({ args }: AgentProgram): boolean =>
  args.some((each) => /dangerously|bypassPermissions|^--yolo$/i.test(each));

/** What it may reach: its provider, where that is, and what the person named. */
export function hostsFor(program: AgentProgram, variable: Variable): readonly string[] {
  const { endpoint } = accountOf(program.preset, variable);
  const provider = endpoint === null ? null : hostOf(endpoint.url);
  return [...new Set([...(provider === null ? [] : [provider]), ...program.hosts])];
}

function hostOf(url: string): string | null {
  const [, scheme = '', host = '', port] =
    /^(https?):\/\/(?:[^/@]*@)?(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?/i.exec(url) ?? [];
  if (host === '') return null;
  return `${host}:${port ?? (scheme.toLowerCase() === 'https' ? '443' : '80')}`;
}
