import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import {
  type AgentBackend,
  EffectRefused,
  type RunHooks,
  type RunOutcome,
  type RunRequest,
  type Usage,
} from './backend.js';
import { fill, type Part, partFor, verdictFor } from './rehearsal.js';
import { embeddedScript, type Faults, ScenarioError, type Turn } from './scenario.js';
import type { ScenarioFolder } from './scenario-folder.js';

/** What a scripted backend works from. */
export interface ScriptedOptions {
  /** Null: only scenarios embedded in a task's description are known. */
  readonly scenarios: ScenarioFolder | null;
  /**
   * A file that gets one JSON line for each turn really performed: an oracle outside the system for
   * tests that kill workers. Null: none is kept.
   */
  readonly effectsLog: string | null;
}

/** The backend that rehearses: it does what a scenario says, with real files and commands. */
export function createScriptedBackend(options: ScriptedOptions): AgentBackend {
  return {
    kind: 'scripted',
    async run(request, hooks) {
      try {
        const script =
          embeddedScript(request.task.description) ?? options.scenarios?.find(request.task.title);
        const part = partFor(request, script ?? null);
        return await new Rehearsal(request, hooks, part, options.effectsLog).perform();
      } catch (error) {
        hooks.signal.throwIfAborted(); // whatever the abort broke off, its reason is what ended us
        if (error instanceof EffectRefused || error instanceof ScenarioError) {
          return { kind: 'failed', cause: 'agent-error', message: error.message };
        }
        throw error;
      }
    },
  };
}

/** `commands` carries the output so far, so that the outcome of a resumed run is whole. */
const transcript = z.strictObject({ commands: z.string() });

/** Between the turns of an agent that never stops: a rehearsed one shall not burn a core. */
const ENDLESS_PAUSE_MS = 100;

/** One attempt of one run. */
class Rehearsal {
  private commands: string;
  private readonly request: RunRequest;
  private readonly hooks: RunHooks;
  private readonly part: Part;
  private readonly effectsLog: string | null;
  private readonly faults: Faults;
  private readonly resumedAt: number;

  constructor(request: RunRequest, hooks: RunHooks, part: Part, effectsLog: string | null) {
    this.request = request;
    this.hooks = hooks;
    this.part = part;
    this.effectsLog = effectsLog;
    const { onlyAttempt } = part.faults;
    const faulty = onlyAttempt === undefined || onlyAttempt === request.attempt;
    this.faults = faulty ? part.faults : {};
    this.resumedAt = request.resume?.turn ?? 0;
    const { resume } = request;
    this.commands = resume === null ? '' : transcript.parse(resume.transcript).commands;
  }

  async perform(): Promise<RunOutcome> {
    const { turns, report } = this.part;
    for (let number = this.resumedAt + 1; ; number++) {
      const ended = await this.faultBefore(number);
      if (ended !== null) return ended;
      const turn = turns[number - 1] ?? (this.faults.neverStop ? this.endless() : null);
      if (turn === null) break;
      await this.take(number, turn);
    }
    return {
      kind: 'finished',
      report: fill(report, this.request),
      commands: this.commands,
      verdict: verdictFor(this.request, this.part),
    };
  }

  /** What the scenario lets go wrong before this turn; null when the turn may begin. */
  private async faultBefore(turn: number): Promise<RunOutcome | null> {
    const { crashBeforeTurn, hangAtTurn, ask, later, outOfBudget, fail } = this.faults;
    this.hooks.signal.throwIfAborted();
    if (crashBeforeTurn === turn) throw new Error(`the scenario crashes before turn ${turn}`);
    if (hangAtTurn === turn) await aborted(this.hooks.signal);
    if (fail?.turn === turn) {
      return { kind: 'failed', cause: 'agent-error', message: fail.message };
    }
    if (ask?.turn === turn && this.request.answer === null) {
      return { kind: 'asks', question: ask.question };
    }
    if (!this.arrives(turn)) return null;
    if (later?.turn === turn) {
      const message = `the scenario says: come back in ${later.seconds} s`;
      return { kind: 'later', because: 'delay', message, retryAfterSeconds: later.seconds };
    }
    if (outOfBudget?.turn === turn) return { kind: 'out-of-budget', message: outOfBudget.message };
    return null;
  }

  /** An attempt that was resumed here has had its pause; one told to fault in it has not. */
  private arrives(turn: number): boolean {
    const { attempt, resume } = this.request;
    if (this.faults.onlyAttempt !== undefined) return true;
    return resume === null ? turn > 1 || attempt === 1 : turn > resume.turn + 1;
  }

  private endless(): Turn {
    const last = this.part.turns.at(-1) ?? { files: {}, commands: [], delayMs: 0 };
    return { ...last, delayMs: Math.max(last.delayMs, ENDLESS_PAUSE_MS) };
  }

  private async take(number: number, turn: Turn): Promise<void> {
    const { signal, onEvent, checkpoint } = this.hooks;
    onEvent({ kind: 'turn', turn: number });
    if (turn.say !== undefined) onEvent({ kind: 'text', text: fill(turn.say, this.request) });
    if (turn.delayMs > 0) await pause(turn.delayMs, undefined, { signal });
    for (const [path, content] of Object.entries(turn.files)) await this.put(path, content);
    if (this.faults.exitWorker === number) process.kill(process.pid, 'SIGKILL');
    for (const command of turn.commands) await this.runCommand(command);
    if (turn.tokens !== undefined) onEvent({ kind: 'usage', usage: turn.tokens satisfies Usage });
    this.log(number);
    await checkpoint(number, { commands: this.commands } satisfies z.infer<typeof transcript>);
  }

  private async put(path: string, content: string | null): Promise<void> {
    const { signal, onEvent, effects } = this.hooks;
    signal.throwIfAborted();
    if (content === null) {
      await effects.remove(path);
      signal.throwIfAborted();
      onEvent({ kind: 'tool', tool: 'remove', input: path, output: '', exitCode: null });
      return;
    }
    const filled = fill(content, this.request);
    await effects.write(path, filled);
    signal.throwIfAborted();
    const output = `${Buffer.byteLength(filled)} bytes`;
    onEvent({ kind: 'tool', tool: 'write', input: path, output, exitCode: null });
  }

  private async runCommand(command: string): Promise<void> {
    const { signal, onEvent, effects } = this.hooks;
    signal.throwIfAborted();
    const { output, exitCode } = await effects.run(command, { signal });
    signal.throwIfAborted();
    const ending = exitCode === null ? 'ended by a signal' : `exit ${exitCode}`;
    const gap = output === '' || output.endsWith('\n') ? '' : '\n';
    this.commands += `$ ${command}\n${output}${gap}${ending}\n`;
    onEvent({ kind: 'tool', tool: 'run', input: command, output, exitCode });
  }

  private log(turn: number): void {
    if (this.effectsLog === null) return;
    const { runId: run, attempt, kind, number } = this.request;
    appendFileSync(this.effectsLog, `${JSON.stringify({ run, attempt, kind, number, turn })}\n`);
  }
}

/** Never resolves: rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
