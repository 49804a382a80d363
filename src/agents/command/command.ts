import {
  type AgentProgram,
  accountOf,
  hostsFor,
  lacking,
  type Preset,
  type Variable,
  variablesFor,
} from '../../domain/program.js';
import { secretsFor } from '../../domain/secrets.js';
import {
  type AgentBackend,
  EffectRefused,
  type ProgramCall,
  type RunHooks,
  type RunOutcome,
  type RunRequest,
} from '../backend.js';
import { claudeCode } from './claude-code.js';
import { codex } from './codex.js';
import { custom } from './custom.js';
import { outcomeOf, spentSince } from './outcome.js';
import type { PresetCraft } from './preset.js';
import { NOTHING_SPENT, type Reading } from './reading.js';
import { withoutSecrets } from './secrets.js';
import { readTranscript, type Transcript } from './transcript.js';
import { hasFiles, treeOf } from './tree.js';
import { wordsFor } from './words.js';

const CRAFTS: Readonly<Record<Preset, PresetCraft>> = {
  'claude-code': claudeCode,
  codex,
  custom,
};

/** The time of a run is limited by who asked for it; this is for a limit that was forgotten. */
const TIMEOUT_MS = 24 * 3600_000;
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

/** What is in the way is the house's to mend; it is asked again by itself. */
const ASK_AGAIN_SECONDS = 60;

/** What the command backend stands on. */
export interface CommandOptions {
  /** Looks up a variable of the worker's environment. */
  readonly variable: Variable;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The backend of coding agents that are programs. */
export function createCommandBackend(options: CommandOptions): AgentBackend {
  return {
    kind: 'command',
    async run(request, given) {
      const secrets = request.agent.program
        ? secretsFor(request.agent.program, options.variable)
        : {};
      const { hooks, outcome } = withoutSecrets(secrets, given);
      try {
        const before = readTranscript(request.resume);
        if (before.ended !== null && request.reask === null) {
          return { kind: 'finished', commands: before.commands, ...finished(before.ended) };
        }
        const program = request.agent.program ?? null;
        const lack =
          program === null
            ? `mission agent connect ${request.agent.id}`
            : lacking(program, options.variable);
        if (program === null || lack !== null) {
          const because = program === null ? 'backend' : 'login';
          const message = `${request.agent.name} cannot be started: ${lack}`;
          return { kind: 'later', because, message, retryAfterSeconds: ASK_AGAIN_SECONDS };
        }
        return outcome(await new Conversation(request, hooks, program, options).hold(before));
      } catch (error) {
        hooks.signal.throwIfAborted(); // whatever the abort broke off, its reason is what ended us
        if (!(error instanceof EffectRefused)) throw error;
        return outcome({ kind: 'failed', cause: 'agent-error', message: error.message });
      }
    },
  };
}

const finished = ({ report, verdict }: NonNullable<Transcript['ended']>) => ({
  report,
  verdict: verdict ?? null,
});

/** What one call of the program came to. */
interface Called {
  /** Why it was not even started. */
  readonly absent?: string;
  readonly reading: Reading;
  readonly commands: string;
}

/** One attempt: the program is called once, or twice where its session is gone. */
class Conversation {
  private readonly request: RunRequest;
  private readonly hooks: RunHooks;
  private readonly program: AgentProgram;
  private readonly options: CommandOptions;
  private readonly craft: PresetCraft;

  constructor(
    request: RunRequest,
    hooks: RunHooks,
    program: AgentProgram,
    options: CommandOptions,
  ) {
    this.request = request;
    this.hooks = hooks;
    this.program = program;
    this.options = options;
    this.craft = CRAFTS[program.preset];
  }

  async hold(resumed: Transcript): Promise<RunOutcome> {
    const { request, hooks } = this;
    const turn = (request.resume?.turn ?? 0) + 1;
    hooks.signal.throwIfAborted();
    hooks.onEvent({ kind: 'turn', turn });
    const prepare = this.craft.prepare?.(request.kind);
    if (prepare !== undefined) await hooks.effects.run(prepare, { signal: hooks.signal });
    const isExecution = request.kind === 'EXECUTION';
    const treeBefore = isExecution ? await treeOf(hooks) : null;
    let before: Transcript = { ...resumed, began: resumed.began ?? treeBefore };
    this.tellHow(before);
    await hooks.remember?.(before);
    let called = await this.call(before);
    if (called.reading.told.kind === 'no-session') {
      before = { ...before, session: null, spent: null };
      this.tellHow(before);
      called = await this.call(before);
    }
    if (called.absent !== undefined) {
      const message = called.absent;
      return { kind: 'later', because: 'program', message, retryAfterSeconds: ASK_AGAIN_SECONDS };
    }
    const treeAfter = isExecution ? await treeOf(hooks) : null;
    const { reading } = called;
    const { began } = before;
    const differs = began === null || treeAfter === null ? null : began !== treeAfter;
    const changed = before.changed || differs;
    const commands = before.commands + called.commands;
    const told =
      reading.told.kind === 'no-session'
        ? ({ kind: 'failed', cause: 'no-result', message: 'it has no session' } as const)
        : reading.told;
    const facts = { changed, hasFiles: hasFiles(began), commands, now: this.seconds() };
    const outcome = outcomeOf(request.kind, told, facts);
    if (outcome.kind === 'failed') return outcome;
    const after: Transcript = {
      session: sessionOf(reading.session) ?? before.session,
      spent: reading.spent ?? before.spent,
      commands,
      began,
      changed: changed === true,
      asked: outcome.kind === 'asks' ? outcome.question : null,
      ended:
        outcome.kind === 'finished'
          ? { report: outcome.report, verdict: outcome.verdict ?? null }
          : null,
    };
    await hooks.checkpoint(turn, after);
    return outcome;
  }

  /** Whoever reads along sees where an attempt goes on that another one had begun. */
  private tellHow({ session }: Transcript): void {
    if (this.request.resume === null) return;
    const how = 'goes on in the session that it had, with the files as they were';
    const anew = 'has no session to go on with: it begins anew, with the files as they were';
    this.hooks.onEvent({ kind: 'text', text: `[${session === null ? anew : how}]` });
  }

  /** Starts the program, tells what it says and what it used up. */
  private async call(before: Transcript): Promise<Called> {
    const { hooks, craft, request, program } = this;
    const listener = craft.listen();
    let commands = '';
    const spending = new AbortController();
    let keeping: Promise<void> | undefined;
    const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
      if (hooks.signal.aborted) return;
      // What a program prints for people is told as it is; of its output the preset knows the form.
      if (stream === 'stderr' && line.trim() !== '') {
        hooks.onEvent({ kind: 'log', source: stream, text: line });
      }
      for (const event of listener.hear(line, stream)) {
        hooks.onEvent(event);
        if (event.kind === 'tool' && event.tool === 'run') commands += commandText(event);
      }
      const session = sessionOf(listener.session());
      if (keeping === undefined && session !== null && session !== before.session) {
        // One that cannot be kept is gone on without, if the worker should be lost.
        keeping = hooks.remember?.({ ...before, session }).catch(() => undefined);
      }
      if (listener.workTokens() > program.budgetTokens) spending.abort();
    };
    const signal = AbortSignal.any([hooks.signal, spending.signal]);
    const end = await hooks.effects
      .start(this.callOf(before), { signal, onLine })
      .catch((error) => {
        hooks.signal.throwIfAborted();
        if (spending.signal.aborted) return null;
        throw error;
      });
    await keeping;
    hooks.signal.throwIfAborted();
    if (end === null) {
      const usage = { ...NOTHING_SPENT, input: listener.workTokens() };
      hooks.onEvent({ kind: 'usage', usage });
      const message = `it used up more than its ${program.budgetTokens} tokens`;
      const told = { kind: 'budget-spent', message } as const;
      return { reading: { told, session: null, spent: null }, commands };
    }
    const absent = end.ending.kind === 'not-started' ? { absent: end.ending.reason } : {};
    const reading = craft.read(end, request.kind, this.seconds());
    if (reading.spent !== null) {
      const { usage, costUsd } = spentSince(before.spent, reading.spent);
      hooks.onEvent({ kind: 'usage', usage, ...(costUsd === null ? {} : { costUsd }) });
    }
    return { reading, commands, ...absent };
  }

  private callOf(before: Transcript): ProgramCall {
    const { request, program, craft } = this;
    const { variable } = this.options;
    const { endpoint } = accountOf(program.preset, variable);
    const { session } = before;
    const { kind, agent, task } = request;
    return {
      ...craft.call({
        ...{ program, kind, session, model: agent.model },
        ...(request.sandbox === undefined ? {} : { sandbox: request.sandbox }),
        endpoint: endpoint === null || endpoint.isUsual ? null : endpoint.url,
      }),
      input: wordsFor(request, before, craft),
      environment: {
        ...craft.environment,
        ...variablesFor(program, variable),
        MISSION_TASK_ID: `T-${task.number}`,
        MISSION_RUN_ID: request.runId,
        MISSION_RUN_KIND: kind,
        MISSION_BUDGET_TOKENS: String(program.budgetTokens),
        ...(session === null ? {} : { MISSION_SESSION: session }),
        ...(program.preset === 'custom' && program.mcp !== undefined
          ? { MISSION_MCP_CONFIG: JSON.stringify({ mcpServers: program.mcp }) }
          : {}),
      },
      readOnly: kind === 'REVIEW',
      answers: craft.answers,
      hosts: hostsFor(program, variable),
      timeoutMs: TIMEOUT_MS,
      outputBytesMax: OUTPUT_BYTES_MAX,
      ...(craft.hasFinished === null ? {} : { hasFinished: craft.hasFinished }),
    };
  }

  private seconds(): number {
    return Math.floor(this.options.now() / 1000);
  }
}

/** It becomes an argument of the next call: what could be an option is no session. */
const sessionOf = (session: string | null): string | null =>
  session !== null && /^[\w][\w.-]{0,127}$/.test(session) ? session : null;

function commandText(event: {
  readonly input: string;
  readonly output: string;
  readonly exitCode: number | null;
}): string {
  const { input, output, exitCode } = event;
  const gap = output === '' || output.endsWith('\n') ? '' : '\n';
  const ending = exitCode === null ? 'did not end by itself' : `exit ${exitCode}`;
  return `$ ${input}\n${output}${gap}${ending}\n`;
}
