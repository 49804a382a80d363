import { expect, test } from 'vitest';
import type { AgentProgram } from '../../src/domain/program.js';
import { hiding, hidingIn, secretsFor } from '../../src/domain/secrets.js';

const KEY = 'sk-"key" of/Ann+1';
const hide = hiding({ KEY, SHORT: 'short' });
const base64 = (text: string) => Buffer.from(text).toString('base64');

test.each([
  ['as it is', `a ${KEY} b ${KEY}`, 'a [secret KEY] b [secret KEY]'],
  ['in JSON', JSON.stringify({ a: KEY }), '{"a":"[secret KEY]"}'],
  ['in a URL', `?a=${encodeURIComponent(KEY)}`, '?a=[secret KEY]'],
  ['as hex', Buffer.from(KEY).toString('hex'), '[secret KEY]'],
])('%s', (_, text, hidden) => {
  expect(hide(text)).toBe(hidden);
});

test.each(['', 'x', 'xy', 'xyz'])('as base64 behind %j', (before) => {
  expect(hide(base64(`${before}${KEY} and more`))).toContain('[secret KEY]');
  expect(hide(Buffer.from(`${before}${KEY}`).toString('base64url'))).toContain('[secret KEY]');
});

test('short values are words, and stay', () => {
  expect(hide('short and sweet')).toBe('short and sweet');
});

test('one that holds another is hidden whole; a name with a $ is itself', () => {
  const both = hiding({ PART: 'password', $$: 'password-of-ann' });
  expect(both('password-of-ann, password')).toBe('[secret $$], [secret PART]');
});

test('of many lines: each of them', () => {
  const lines = hiding({ PEM: '--begin--\nfirst line\nx\n' });
  expect(lines('first line')).toBe('[secret PEM]');
  expect(lines('x')).toBe('x');
});

test('wherever it stands in a value', () => {
  const value = { a: [KEY, 1, null], [KEY]: { b: true } };
  const hidden = { a: ['[secret KEY]', 1, null], '[secret KEY]': { b: true } };
  expect(hidingIn(hide)(value)).toEqual(hidden);
});

test('the login and the variables of a program; of an address its password', () => {
  const program: AgentProgram = {
    ...{ preset: 'codex', file: 'codex', args: [], variables: ['MINE'] },
    ...{ hosts: [], budgetTokens: 1 },
  };
  const values: Record<string, string> = {
    ...{ CODEX_API_KEY: 'the key', MINE: 'https://me:mine@x', OTHER: 'other' },
    OPENAI_BASE_URL: 'https://ann:the-password@models.test/v1',
  };
  const secrets = secretsFor(program, (name) => values[name] ?? null);
  expect(secrets).toEqual({
    ...{ CODEX_API_KEY: 'the key', MINE: 'https://me:mine@x' },
    OPENAI_BASE_URL: 'the-password',
  });
});
