import { describe, expect, test } from 'vitest';
import {
  type AgentProgram,
  accountOf,
  hostsFor,
  lacking,
  shownAccount,
  skipsPermissions,
  variablesFor,
} from '../../src/domain/program.js';

const program = (more: Partial<AgentProgram> = {}): AgentProgram => ({
  ...{ preset: 'claude-code', file: 'claude', args: [], variables: [], hosts: [] },
  budgetTokens: 1,
  ...more,
});
const from = (set: Record<string, string>) => (name: string) => set[name] ?? null;
const KEY = { ANTHROPIC_API_KEY: 'k' };
const TOKEN = { CLAUDE_CODE_OAUTH_TOKEN: 't' };

describe('whose account a program works on', () => {
  test('a key before a token, and only the one that counts is handed over', () => {
    const both = from({ ...TOKEN, ...KEY, PATH: '/bin', DATABASE_URL: 'secret' });
    expect(accountOf('claude-code', both).login).toMatchObject({ kind: 'API key' });
    expect(variablesFor(program(), both)).toEqual(KEY);
    expect(accountOf('claude-code', from(TOKEN)).login).toEqual({
      kind: 'subscription token',
      variable: 'CLAUDE_CODE_OAUTH_TOKEN',
    });
  });

  test('the usual endpoint, or the one that a variable names', () => {
    const usual = { url: 'https://api.openai.com/v1', isUsual: true, from: 'the usual one' };
    expect(accountOf('codex', from({})).endpoint).toEqual(usual);
    const named = from({ OPENAI_BASE_URL: 'http://127.0.0.1:8080/v1' });
    expect(accountOf('codex', named).endpoint).toMatchObject({ from: 'OPENAI_BASE_URL' });
    expect(accountOf('custom', from(KEY))).toEqual({ login: null, endpoint: null });
  });

  test('no password of an address is shown', () => {
    const named = from({ ANTHROPIC_BASE_URL: 'https://ann:pass@gate.example/x@y' });
    const { endpoint } = shownAccount(accountOf('claude-code', named));
    expect(endpoint?.url).toBe('https://***@gate.example/x@y');
  });

  test('what is missing is said with its remedy', () => {
    expect(lacking(program(), from(TOKEN))).toBeNull();
    expect(lacking(program(), from({}))).toContain('claude setup-token');
    const custom = program({ preset: 'custom', variables: ['A', 'B'] });
    expect(lacking(custom, from({ A: '1' }))).toBe('B is not set where the worker was started');
    expect(lacking(custom, from({ A: '1', B: '2' }))).toBeNull();
  });
});

test.each([
  [{}, {}, ['api.anthropic.com:443']],
  [{ ANTHROPIC_BASE_URL: 'http://127.0.0.1:4010/x' }, {}, ['127.0.0.1:4010']],
  [{ ANTHROPIC_BASE_URL: 'https://u:p@Gate.example' }, {}, ['Gate.example:443']],
  [{ ANTHROPIC_BASE_URL: 'nonsense' }, {}, []],
  [{}, { preset: 'custom', hosts: ['a:1', 'a:1'] }, ['a:1']],
] as const)('with %j and %j it may reach %j', (set, more, hosts) => {
  expect(hostsFor(program(more), from(set))).toEqual(hosts);
});

test('a person who takes its questions away is seen to have done so', () => {
  expect(skipsPermissions(program({ args: ['--dangerously-skip-permissions'] }))).toBe(true);
  expect(skipsPermissions(program({ args: ['--permission-mode', 'bypassPermissions'] }))).toBe(
    true,
  );
  expect(skipsPermissions(program({ args: ['--effort', 'high'] }))).toBe(false);
});
