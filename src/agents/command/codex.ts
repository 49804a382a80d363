/** Codex, as version 0.169.0 behaves: `codex exec --json`. */
import { z } from 'zod';
import type { McpServers } from '../../domain/program.js';
import type { RunKind } from '../../domain/run.js';
import type { AgentEvent, ProgramEnd } from '../backend.js';
import type { Occasion, PresetCraft } from './preset.js';
import {
  badExit,
  brokenEnd,
  type Handover,
  type Listener,
  parseJson,
  type Reading,
  type Spent,
  type Told,
  withoutNulls,
} from './reading.js';
import { resetIn } from './reset.js';
import { readHanded, SHAPES, toHandover } from './shapes.js';

/** It reads the schema from a file: one that is no part of the work. */
const SCHEMA_FILE = '.git/mission-schema.json';

/** Where nothing of ours is around it; there no command of ours can place the schema. */
const OWN_SANDBOX = { EXECUTION: 'workspace-write', REVIEW: 'read-only' } as const;

/**
 * Its own sandbox cannot nest in ours and is off. Settings, rules and AGENTS.md are off too. It
 * reads through its shell alone, so that a reviewer has one: in a copy that cannot be written.
 * A resumed session takes the options of `exec`, not of `resume`.
 */
function call({ program, model, kind, session, endpoint, sandbox }: Occasion) {
  const isNative = sandbox === 'native';
  const own = isNative ? OWN_SANDBOX[kind] : 'danger-full-access';
  const options = [
    ...['--json', '--sandbox', own, '--skip-git-repo-check'],
    ...['--ignore-user-config', '--ignore-rules', '-c', 'project_doc_max_bytes=0'],
    // Of its environment it takes the key, but not the address.
    ...(endpoint === null ? [] : ['-c', `openai_base_url=${JSON.stringify(endpoint)}`]),
    ...(model === null ? [] : ['--model', model]),
    ...(kind === 'REVIEW' ? [] : mcpOptions(program.mcp ?? {})),
  ];
  const args = [
    ...[...program.args, 'exec', ...options, ...(isNative ? [] : ['--output-schema', SCHEMA_FILE])],
    ...(session === null ? [] : ['resume', session]),
    '-',
  ];
  return { file: program.file, args };
}

/** Each as a line of its configuration: strings and lists are written in TOML as in JSON. */
function mcpOptions(servers: McpServers): string[] {
  const option = (path: string, value: unknown) => ['-c', `${path}=${JSON.stringify(value)}`];
  return Object.entries(servers).flatMap(([name, server]) =>
    Object.entries(server).flatMap(([field, value]) => {
      const path = `mcp_servers.${name}.${field}`;
      if (field === 'type') return [];
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return option(path, value);
      }
      return Object.entries(value).flatMap(([key, each]) => option(`${path}.${key}`, each));
    }),
  );
}

const count = z.number().nonnegative().default(0);

const event = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('thread.started'), thread_id: z.string() }),
  z.looseObject({
    type: z.literal('item.completed'),
    item: z.looseObject({
      type: z.string(),
      text: z.string().nullish(),
      command: z.string().nullish(),
      aggregated_output: z.string().nullish(),
      exit_code: z.number().nullish(),
      changes: z.array(z.looseObject({ path: z.string(), kind: z.string() })).nullish(),
    }),
  }),
  z.looseObject({
    type: z.literal('turn.completed'),
    usage: z.looseObject({
      input_tokens: count,
      cached_input_tokens: count,
      cache_write_input_tokens: count,
      output_tokens: count,
    }),
  }),
  z.looseObject({
    type: z.literal('turn.failed'),
    error: z.looseObject({ message: z.string().default('') }),
  }),
]);
type Event = z.output<typeof event>;

const eventOf = (line: string): Event | null => event.safeParse(parseJson(line)).data ?? null;

function read(end: ProgramEnd, kind: RunKind, now: number): Reading {
  const events = end.stdout.split('\n').flatMap((line) => eventOf(line) ?? []);
  const started = events.find((each) => each.type === 'thread.started');
  const completed = events.findLast((each) => each.type === 'turn.completed');
  return {
    told: brokenEnd(end) ?? toldBy(events, end, kind, now),
    session: started?.thread_id ?? null,
    spent: completed === undefined ? null : spentBy(completed.usage),
  };
}

function toldBy(events: readonly Event[], end: ProgramEnd, kind: RunKind, now: number): Told {
  const failed = events.findLast((each) => each.type === 'turn.failed');
  if (failed !== undefined) return failure(failed.error.message, now);
  const isGone = /no rollout found|thread\/resume failed/.test(end.stderr);
  if (isGone && !events.some(({ type }) => type === 'turn.completed'))
    return { kind: 'no-session' };
  const bad = badExit(end);
  if (bad !== null) return bad;
  if (!events.some(({ type }) => type === 'turn.completed')) {
    const message = 'Codex ended without having completed its turn';
    return { kind: 'failed', cause: 'no-result', message };
  }
  const words = events.flatMap((each) =>
    each.type === 'item.completed' && each.item.type === 'agent_message' ? [each.item.text] : [],
  );
  const text = words.at(-1) ?? '';
  return { kind: 'handed-over', handover: handoverOf(text, kind), denials: [] };
}

/** Its limits are told in words alone. */
function failure(message: string, now: number): Told {
  if (/usage limit/i.test(message)) {
    const seconds = resetIn(message, now);
    return { kind: 'limited', message, resetsAt: seconds === null ? null : now + seconds };
  }
  if (/\b(429|529)\b|overloaded|at capacity/i.test(message)) {
    return { kind: 'limited', message, resetsAt: null };
  }
  return { kind: 'failed', cause: 'agent-error', message: `Codex: ${message}` };
}

function handoverOf(text: string, kind: RunKind): Handover {
  const value = parseJson(text);
  if (kind === 'REVIEW') {
    const { summary } = z.looseObject({ summary: z.string() }).safeParse(value).data ?? {};
    const verdict = value === undefined ? null : withoutNulls(value);
    return { report: summary ?? text, unchanged: null, question: null, verdict };
  }
  const handed = value === undefined ? null : readHanded(value);
  return toHandover(handed ?? { report: text, verdict: null });
}

/** `input_tokens` holds what came from the cache. It names no cost. */
function spentBy(usage: Extract<Event, { type: 'turn.completed' }>['usage']): Spent {
  const { cached_input_tokens: cacheRead, cache_write_input_tokens: cacheWrite } = usage;
  const input = Math.max(0, usage.input_tokens - cacheRead - cacheWrite);
  return { usage: { input, output: usage.output_tokens, cacheRead, cacheWrite }, costUsd: null };
}

function listen(): Listener {
  let session: string | null = null;
  return {
    session: () => session,
    hear(line, stream) {
      const heard = stream === 'stdout' ? eventOf(line) : null;
      if (heard?.type === 'thread.started') session = heard.thread_id;
      return heard?.type === 'item.completed' ? eventsOf(heard.item) : [];
    },
    // It counts when a turn has ended, and a run is one turn.
    workTokens: () => 0,
  };
}

function eventsOf(item: Extract<Event, { type: 'item.completed' }>['item']): AgentEvent[] {
  const { type, text, command, changes } = item;
  if (type === 'agent_message' && text) return [{ kind: 'text', text }];
  if (type === 'command_execution' && command) {
    const output = item.aggregated_output ?? '';
    const exitCode = item.exit_code ?? null;
    return [{ kind: 'tool', tool: 'run', input: command, output, exitCode }];
  }
  if (type !== 'file_change') return [];
  const input = (changes ?? []).map((each) => `${each.kind} ${each.path}`).join('\n');
  return [{ kind: 'tool', tool: 'patch', input, output: '', exitCode: null }];
}

const ENDS = new Set(['turn.completed', 'turn.failed']);

export const codex: PresetCraft = {
  prepare: (kind) => `printf %s '${JSON.stringify(SHAPES[kind])}' > ${SCHEMA_FILE}`,
  call,
  // The hour of a limit's reset is told in its own time zone.
  environment: { TZ: 'UTC' },
  listen,
  answers: false,
  hasFinished: (line) => ENDS.has(eventOf(line)?.type ?? ''),
  read,
  handover: {
    EXECUTION: `Your last message is one JSON object: "report" is your report; "unchanged" says why,
where nothing had to be changed, and is null otherwise; "question" is what you must ask a person
before you can go on, and is null otherwise. You stop where you ask, and go on with the answer.`,
    REVIEW: `Your last message is the verdict. A field that may be left out is null there. You can
read the working copy, at the very commit under review, and change nothing.`,
  },
};
