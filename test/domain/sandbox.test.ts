import { expect, test } from 'vitest';
import type { AgentProgram } from '../../src/domain/program.js';
import { levelFor, type SandboxFound } from '../../src/domain/sandbox.js';

const program: AgentProgram = {
  ...{ preset: 'custom', file: '/bin/agent', args: [], variables: [], hosts: [] },
  budgetTokens: 1,
};
const found = (level: SandboxFound['level'], fix: string | null = null): SandboxFound => ({
  level,
  why: 'as it is',
  fix,
});
const level = (one: SandboxFound, more: Partial<AgentProgram> = {}) =>
  levelFor(one, { id: 'tester', program: { ...program, ...more } });

test('what holds is recorded by its name, what does not as unsandboxed', () => {
  expect(level(found('bubblewrap'))).toMatchObject({ recorded: 'bubblewrap' });
  expect(level(found('none'))).toMatchObject({ kind: 'may-run', recorded: 'unsandboxed' });
});

test('without a sandbox nothing may run, and the fix is said', () => {
  const message = 'as it is; install it';
  expect(level(found(null, 'install it'))).toEqual({ kind: 'refused', message });
});

test('a sandbox of its own counts once it was proved, else only as a person says', () => {
  const held = { held: true, why: 'it held' };
  const failed = { held: false, why: 'it wrote the canary' };
  expect(level(found('native'), { native: held })).toMatchObject({ recorded: 'native' });
  expect(level(found('native'), { native: failed, unsandboxed: true })).toMatchObject({
    kind: 'may-run',
    recorded: 'unsandboxed',
  });
  for (const native of [{ native: failed }, {}]) {
    const refused = level(found('native'), native);
    expect(refused).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(refused)).toContain('mission agent connect tester');
  }
});
