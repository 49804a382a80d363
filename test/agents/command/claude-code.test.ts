import { describe, expect, test } from 'vitest';
import { claudeCode } from '../../../src/agents/command/claude-code.js';
import type { AgentProgram } from '../../../src/domain/program.js';
import { ended, exited, heard, recorded } from './recordings.js';

const read = (name: string, more: Parameters<typeof ended>[1] = {}) =>
  claudeCode.read(ended(recorded(name), more), 'EXECUTION', 0);

const program: AgentProgram = {
  preset: 'claude-code',
  file: '/opt/claude',
  args: [],
  variables: [],
  hosts: [],
  budgetTokens: 1000,
};

describe('what it is called with', () => {
  const base = { program, model: null, session: null, endpoint: null };

  test('an execution: its shell is allowed, the settings of the repository are off', () => {
    const { file, args } = claudeCode.call({ ...base, kind: 'EXECUTION' });
    expect(file).toBe('/opt/claude');
    const line = args.join(' ');
    expect(line).toContain('-p --output-format stream-json --verbose');
    expect(line).toContain('--safe-mode --strict-mcp-config --setting-sources=');
    expect(line).toContain('--allowedTools Bash,Edit,Glob,Grep,Read,Write');
    expect(line).not.toContain('skip-permissions');
    expect(line).not.toMatch(/--resume|--model/);
  });

  test('a review: it reads and nothing else', () => {
    const { args } = claudeCode.call({ ...base, kind: 'REVIEW' });
    const line = args.join(' ');
    expect(line).toContain('--safe-mode');
    expect(line).toContain('--restricted --tools Read,Grep,Glob');
    expect(line).not.toMatch(/Bash|Edit|Write|allowedTools/);
    expect(line).toContain('"REVISION+SPAWN"');
  });

  test('with its model and its session', () => {
    const session = 'a9c39539-a6b8-41c5-a921-1492a6a8c791';
    const { args } = claudeCode.call({ ...base, kind: 'EXECUTION', model: 'm', session });
    expect(args.slice(-4)).toEqual(['--model', 'm', '--resume', session]);
  });

  test('the MCP servers of its agent and no other, and none for a review', () => {
    const mcp = { docs: { command: 'docs-mcp' } };
    const named = { ...base, program: { ...base.program, mcp } };
    const { args } = claudeCode.call({ ...named, kind: 'EXECUTION' });
    const config = args[args.indexOf('--mcp-config') + 1] ?? '';
    expect(JSON.parse(config)).toEqual({ mcpServers: mcp });
    expect(args[args.indexOf('--allowedTools') + 1]).toMatch(/,mcp__docs$/);
    expect(args).toContain('--strict-mcp-config');
    const review = claudeCode.call({ ...named, kind: 'REVIEW' });
    expect(review.args.join(' ')).not.toContain('docs');
  });
});

describe('how what it prints is read', () => {
  test('an execution: hand-over, session, and what all models of it used up', () => {
    expect(read('claude-executed')).toEqual({
      told: {
        kind: 'handed-over',
        handover: {
          report: 'Did it.\nChecked.',
          unchanged: null,
          question: null,
          verdict: null,
        },
        denials: [],
      },
      session: 'a9c39539-a6b8-41c5-a921-1492a6a8c791',
      spent: {
        usage: { input: 3000, output: 150, cacheRead: 900, cacheWrite: 60 },
        costUsd: 0.00774,
      },
    });
  });

  test('tools that were denied are named, though it calls itself a success', () => {
    expect(read('claude-denied').told).toMatchObject({
      kind: 'handed-over',
      handover: { report: 'Could not.' },
      denials: ['Bash'],
    });
  });

  test('a question', () => {
    const handover = { question: 'Which port?' };
    expect(read('claude-asks').told).toMatchObject({ kind: 'handed-over', handover });
  });

  test('words without structured output: a report, and for a review no verdict', () => {
    expect(read('claude-words-only').told).toMatchObject({ handover: { report: 'All done.' } });
    const review = claudeCode.read(ended(recorded('claude-words-only')), 'REVIEW', 0);
    expect(review.told).toMatchObject({ handover: { verdict: null } });
  });

  test('structured output of a review is the verdict, and a null in it a field left out', () => {
    const output = '"structured_output":{"summary":"Good","issues":[{"text":"x","file":null}]}';
    const stdout = recorded('claude-executed').replace(/"structured_output":\{[^}]*\}/, output);
    expect(claudeCode.read(ended(stdout), 'REVIEW', 0).told).toMatchObject({
      handover: { report: 'Good', verdict: { summary: 'Good', issues: [{ text: 'x' }] } },
    });
  });

  test('a usage limit, and when it ends', () => {
    expect(read('claude-usage-limit', exited(1)).told).toEqual({
      kind: 'limited',
      message: "You've hit your 5-hour limit · resets 10:37pm (UTC)",
      resetsAt: 1795300649,
    });
    const told = { kind: 'limited', resetsAt: null };
    expect(read('claude-rate-limit-of-key', exited(1)).told).toMatchObject(told);
  });

  test('a session that is gone, and a budget that is spent', () => {
    expect(read('claude-no-session', exited(1)).told).toEqual({ kind: 'no-session' });
    const message = 'Reached maximum budget ($0.001)';
    expect(read('claude-budget', exited(1)).told).toEqual({ kind: 'budget-spent', message });
  });

  test.each([
    ['is_error with a good exit code', /"is_error":false,"num/, '"is_error":true,"num', exited(0)],
    ['another subtype', /"subtype":"success"/, '"subtype":"error_max_turns"', exited(0)],
    ['another end', /"terminal_reason":"completed"/, '"terminal_reason":"x"', exited(0)],
    ['a bad exit code alone', /^/, '', exited(3)],
    ['a signal', /^/, '', { ending: { kind: 'killed', signal: 'SIGKILL' } } as const],
  ])('%s is a failure whatever else is said', (_, from, to, more) => {
    const stdout = recorded('claude-executed').replace(from, to);
    const { told, spent } = claudeCode.read(ended(stdout, more), 'EXECUTION', 0);
    expect(told).toMatchObject({ kind: 'failed', cause: 'agent-error' });
    expect(spent?.usage.input).toBe(3000);
  });

  test.each([
    ['nothing', ''],
    ['what is not known', 'hello\n{"type":"other"}\n'],
    ['an output that was cut', recorded('claude-executed').slice(0, -1200)],
  ])('%s is no result', (_, stdout) => {
    const told = { kind: 'failed', cause: 'no-result' };
    expect(claudeCode.read(ended(stdout), 'EXECUTION', 0).told).toMatchObject(told);
  });

  test('bytes that were not kept could have said anything', () => {
    const told = { kind: 'failed', cause: 'no-result' };
    expect(read('claude-executed', { cutBytes: 1 }).told).toMatchObject(told);
  });
});

describe('what is told live', () => {
  const events = heard(claudeCode, recorded('claude-words-only'));

  test('words and commands', () => {
    expect(events).toContainEqual({ kind: 'text', text: 'All done.' });
    expect(events).toContainEqual({
      ...{ kind: 'tool', tool: 'run', input: 'echo hi' },
      ...{ output: 'hi', exitCode: 0 },
    });
  });

  test('its last line is known, and words about it are not taken for it', () => {
    const lines = recorded('claude-executed').trim().split('\n');
    const finished = lines.filter((line) => claudeCode.hasFinished?.(line));
    expect(finished).toEqual([lines.at(-1)]);
    expect(claudeCode.hasFinished?.('{"type":"text","text":"\\"type\\":\\"result\\""}')).toBe(
      false,
    );
  });

  test('what it uses up while it works', () => {
    const listener = claudeCode.listen();
    for (const line of recorded('claude-executed').split('\n')) listener.hear(line, 'stdout');
    expect(listener.workTokens()).toBe(3 * 1021);
  });
});
