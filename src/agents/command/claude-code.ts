/** Claude Code, as version 2.1.329 behaves: `claude -p --output-format stream-json`. */
import { z } from 'zod';
import type { RunKind } from '../../domain/run.js';
import type { AgentEvent, ProgramEnd } from '../backend.js';
import type { Occasion, PresetCraft } from './preset.js';
import {
  badExit,
  brokenEnd,
  type Listener,
  parseJson,
  type Reading,
  type Spent,
  type Told,
  withoutNulls,
} from './reading.js';
import { readHanded, SHAPES, toHandover } from './shapes.js';

const WORK_TOOLS = 'Bash,Edit,Glob,Grep,Read,Write';
const REVIEW_TOOLS = 'Read,Grep,Glob';

/** Where nothing of ours is around it. */
const OWN_SANDBOX = { sandbox: { enabled: true, allowUnsandboxedCommands: false } };

/**
 * Safe mode and no setting sources: hooks, settings, skills and CLAUDE.md of the repository are
 * off, a login by key or by token works. The shell is allowed, as the sandbox around it is ours.
 */
function call({ program, model, kind, session, sandbox }: Occasion) {
  const servers = Object.keys(program.mcp ?? {});
  const mine = [WORK_TOOLS, ...servers.map((name) => `mcp__${name}`)].join(',');
  const allowed =
    kind === 'EXECUTION'
      ? ['--tools', WORK_TOOLS, '--allowedTools', mine, '--permission-mode', 'acceptEdits']
      : ['--restricted', '--tools', REVIEW_TOOLS];
  const mcp = { mcpServers: program.mcp ?? {} };
  const args = [
    ...program.args,
    ...['-p', '--output-format', 'stream-json', '--verbose'],
    ...['--safe-mode', '--strict-mcp-config', '--setting-sources='],
    ...allowed,
    ...(sandbox === 'native' ? ['--settings', JSON.stringify(OWN_SANDBOX)] : []),
    ...(servers.length === 0 || kind === 'REVIEW' ? [] : ['--mcp-config', JSON.stringify(mcp)]),
    ...['--json-schema', JSON.stringify(SHAPES[kind])],
    ...(model === null ? [] : ['--model', model]),
    ...(session === null ? [] : ['--resume', session]),
  ];
  return { file: program.file, args };
}

const count = z.number().nonnegative().default(0);

const resultLine = z.looseObject({
  type: z.literal('result'),
  subtype: z.string(),
  is_error: z.boolean(),
  result: z.string().default(''),
  errors: z.array(z.string()).default([]),
  structured_output: z.unknown().optional(),
  session_id: z.string().nullish(),
  total_cost_usd: z.number().nullish(),
  modelUsage: z
    .record(
      z.string(),
      z.looseObject({
        inputTokens: count,
        outputTokens: count,
        cacheReadInputTokens: count,
        cacheCreationInputTokens: count,
      }),
    )
    .nullish(),
  permission_denials: z.array(z.looseObject({ tool_name: z.string() })).default([]),
  terminal_reason: z.string().nullish(),
  api_error_status: z.number().nullish(),
});
type Result = z.output<typeof resultLine>;

const beginLine = z.looseObject({
  type: z.literal('system'),
  subtype: z.literal('init'),
  session_id: z.string(),
});

const limitLine = z.looseObject({
  type: z.literal('rate_limit_event'),
  rate_limit_info: z.looseObject({ status: z.string(), resetsAt: z.number().nullish() }),
});

function read(end: ProgramEnd, kind: RunKind): Reading {
  const lines = end.stdout.split('\n').map(parseJson);
  const found = lines.findLast((line) => resultLine.safeParse(line).success);
  const result = found === undefined ? null : resultLine.parse(found);
  if (result === null) {
    const told = brokenEnd(end) ??
      badExit(end) ?? {
        kind: 'failed',
        cause: 'no-result',
        message: 'Claude Code ended without its result',
      };
    return { told, session: null, spent: null };
  }
  const limits = lines.flatMap((line) => limitLine.safeParse(line).data?.rate_limit_info ?? []);
  const rejected = limits.findLast(({ status }) => status === 'rejected');
  return {
    told: brokenEnd(end) ?? toldBy(result, rejected?.resetsAt ?? null, end, kind),
    session: result.session_id ?? null,
    spent: spentBy(result),
  };
}

/** 429: a limit of the account. 529: the provider has too much to do. */
const LATER = new Set([429, 529]);

function toldBy(result: Result, resetsAt: number | null, end: ProgramEnd, kind: RunKind): Told {
  const { is_error: isError, subtype, errors, terminal_reason: reason } = result;
  const message = [...errors, result.result].filter((each) => each !== '').join('\n');
  if (isError && /^No conversation found/m.test(message)) return { kind: 'no-session' };
  if (isError && LATER.has(result.api_error_status ?? 0)) {
    return { kind: 'limited', message, resetsAt };
  }
  if (subtype === 'error_max_budget_usd') return { kind: 'budget-spent', message };
  if (isError || subtype !== 'success' || (reason ?? 'completed') !== 'completed') {
    const how = [subtype, reason, result.api_error_status].filter(Boolean).join(', ');
    return { kind: 'failed', cause: 'agent-error', message: `Claude Code: ${how}: ${message}` };
  }
  const bad = badExit(end);
  if (bad !== null) return bad;
  const denials = result.permission_denials.map(({ tool_name: tool }) => tool);
  return { kind: 'handed-over', handover: handoverOf(result, kind), denials };
}

/** Without structured output an execution's last words are its report; a review has no verdict. */
function handoverOf({ structured_output: output, result }: Result, kind: RunKind) {
  if (kind === 'REVIEW') {
    const { summary } = z.looseObject({ summary: z.string() }).safeParse(output).data ?? {};
    const verdict = output === undefined ? null : withoutNulls(output);
    return { report: summary ?? result, unchanged: null, question: null, verdict };
  }
  const handed = output === undefined ? null : readHanded(output);
  return toHandover(handed ?? { report: result, verdict: null });
}

/** `modelUsage` counts every model of the session; `usage` only the main loop. */
function spentBy({ modelUsage, total_cost_usd: cost }: Result): Spent | null {
  if (!modelUsage) return null;
  const sum = (pick: (each: NonNullable<Result['modelUsage']>[string]) => number): number =>
    Object.values(modelUsage).reduce((total, each) => total + pick(each), 0);
  return {
    usage: {
      input: sum(({ inputTokens }) => inputTokens),
      output: sum(({ outputTokens }) => outputTokens),
      cacheRead: sum(({ cacheReadInputTokens }) => cacheReadInputTokens),
      cacheWrite: sum(({ cacheCreationInputTokens }) => cacheCreationInputTokens),
    },
    costUsd: cost ?? null,
  };
}

const block = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.looseObject({ command: z.string().nullish() }),
  }),
  z.looseObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string(),
    content: z.unknown().optional(),
    is_error: z.boolean().nullish(),
  }),
]);

const messageLine = z.looseObject({
  type: z.enum(['assistant', 'user']),
  message: z.looseObject({
    id: z.string().nullish(),
    content: z.array(z.unknown()),
    usage: z
      .looseObject({
        input_tokens: count,
        output_tokens: count,
        cache_creation_input_tokens: count,
      })
      .nullish(),
  }),
});

function listen(): Listener {
  const called = new Map<string, { readonly name: string; readonly input: string }>();
  const spent = new Map<string, number>();
  let session: string | null = null;
  return {
    session: () => session,
    hear(line, stream) {
      if (stream === 'stderr') return [];
      session ??= beginLine.safeParse(parseJson(line)).data?.session_id ?? null;
      if (!line.includes('"message"')) return [];
      const { data: heard } = messageLine.safeParse(parseJson(line));
      if (heard === undefined) return [];
      const { id, usage, content } = heard.message;
      if (id && usage) {
        const { input_tokens: input, cache_creation_input_tokens: written } = usage;
        spent.set(id, input + written + usage.output_tokens);
      }
      return content.flatMap((each): AgentEvent[] => {
        const { data } = block.safeParse(each);
        if (data === undefined) return [];
        switch (data.type) {
          case 'text':
            return heard.type === 'assistant' ? [{ kind: 'text', text: data.text }] : [];
          case 'tool_use': {
            const input = data.input.command ?? JSON.stringify(data.input);
            called.set(data.id, { name: data.name, input });
            return [];
          }
          case 'tool_result': {
            const tool = called.get(data.tool_use_id);
            return tool === undefined
              ? []
              : [toolEvent(tool, data.content, data.is_error === true)];
          }
          default:
            return data satisfies never;
        }
      });
    },
    workTokens: () => [...spent.values()].reduce((sum, each) => sum + each, 0),
  };
}

function toolEvent(
  { name, input }: { readonly name: string; readonly input: string },
  content: unknown,
  isError: boolean,
): AgentEvent {
  const output = typeof content === 'string' ? content : JSON.stringify(content ?? '');
  if (name !== 'Bash') return { kind: 'tool', tool: name, input, output, exitCode: null };
  const code = /^Exit code (\d+)/.exec(output)?.[1];
  const failed = code === undefined ? null : Number(code);
  return { kind: 'tool', tool: 'run', input, output, exitCode: isError ? failed : 0 };
}

export const claudeCode: PresetCraft = {
  prepare: null,
  call,
  environment: {
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
  },
  listen,
  answers: false,
  hasFinished: (line) => line.includes('"result"') && resultLine.safeParse(parseJson(line)).success,
  read,
  handover: {
    EXECUTION: `Hand over by structured output: "report" is your report; "unchanged" says why, where
nothing had to be changed, and is null otherwise; "question" is what you must ask a person before
you can go on, and is null otherwise. You stop where you ask, and go on when it is answered.`,
    REVIEW: `Give the verdict by structured output. A field that may be left out is null there. You
can read the working copy, at the very commit under review, and change nothing.`,
  },
};
