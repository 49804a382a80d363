import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AGENT_TYPES } from '../../src/domain/agent.js';
import { DEFAULT_POLICIES, POLICY_NAMES } from '../../src/domain/policy.js';
import { InvalidPolicyValue, parsePolicyEdit, parsePolicyValue } from '../../src/schema/policy.js';

const thrownBy = (act: () => unknown): InvalidPolicyValue => {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidPolicyValue) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const limits = DEFAULT_POLICIES['execution-limits'].value;
const approve = DEFAULT_POLICIES['auto-approve'].value;

describe('policy values', () => {
  test('those that are seeded are valid, enabled and the first version', () => {
    for (const name of POLICY_NAMES) {
      const { value, enabled, version } = DEFAULT_POLICIES[name];
      expect(parsePolicyValue(name, value)).toEqual(value);
      expect({ enabled, version }).toEqual({ enabled: true, version: 1 });
    }
  });

  test('a reviewer can review all that a squad of nine can execute', () => {
    expect(limits.maxDailyPerReviewer).toBeGreaterThanOrEqual(9 * limits.maxDailyPerAgent);
  });

  test('LEAD is refused, and the sentence says why', () => {
    for (const lead of ['LEAD', ' lead']) {
      const value = { ...approve, allowedAgentTypes: ['SPC', lead] };
      expect(thrownBy(() => parsePolicyValue('auto-approve', value)).message).toBe(
        'auto-approve.allowedAgentTypes[1]: expected SPC or INT: ' +
          "a LEAD's task always waits for a person; no policy can admit it, got " +
          JSON.stringify(lead),
      );
    }
  });

  test('no value that parses holds LEAD', () => {
    const word = fc.oneof(fc.constantFrom(...AGENT_TYPES, 'lead', ' Lead '), fc.anything());
    fc.assert(
      fc.property(fc.array(word), (allowedAgentTypes) => {
        try {
          const parsed = parsePolicyValue('auto-approve', { ...approve, allowedAgentTypes });
          for (const type of parsed.allowedAgentTypes) expect(['SPC', 'INT']).toContain(type);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidPolicyValue);
        }
      }),
    );
  });

  test.each([0, 1, 1_000_000])('a limit may be %d', (maxCycles) => {
    expect(parsePolicyValue('review', { maxCycles })).toEqual({ maxCycles });
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001, '5', null, undefined])(
    'a limit may not be %s',
    (maxCycles) => {
      expect(thrownBy(() => parsePolicyValue('review', { maxCycles })).message).toMatch(
        /^review\.maxCycles: expected a whole number from 0 to 1000000, got /,
      );
    },
  );

  test('tokens may be many more than cycles', () => {
    const value = { ...limits, maxDailyTokens: 1e12 };
    expect(parsePolicyValue('execution-limits', value).maxDailyTokens).toBe(1e12);
  });

  test('records are kept for a day at least', () => {
    const value = { transcriptDays: 0 };
    expect(thrownBy(() => parsePolicyValue('retention', value)).field).toBe(
      'retention.transcriptDays',
    );
  });

  test.each(['UTC', 'Europe/Berlin', 'America/St_Johns'])('a day may begin in %s', (timeZone) => {
    expect(parsePolicyValue('execution-limits', { ...limits, timeZone }).timeZone).toBe(timeZone);
  });

  test.each(['Mars/Olympus', '', '+01:00', '-5', 3])('a day may not begin in %s', (timeZone) => {
    const value = { ...limits, timeZone };
    const { message } = thrownBy(() => parsePolicyValue('execution-limits', value));
    expect(message).toMatch(/^execution-limits\.timeZone: expected /);
  });

  test('every field is asked for, and no other', () => {
    const { message } = thrownBy(() => parsePolicyValue('spawn', { maxDepht: 3 }));
    expect(message).toContain('spawn.maxDepth: expected a whole number');
    expect(message).toContain('spawn.maxDepht: unknown field; known are maxDepth, maxPerVerdict,');
    expect(message).toContain('did you mean maxDepth?');
  });

  test('an unknown policy is named with the one that was meant', () => {
    const { message, field } = thrownBy(() => parsePolicyValue('auto-aprove', approve));
    expect(field).toBe('policy');
    expect(message).toMatch(/^policy: expected a policy: auto-approve, .*mean auto-approve\?$/);
  });
});

describe('policy edits, as typed', () => {
  test('change what they name and nothing else', () => {
    expect(
      parsePolicyEdit('auto-approve', approve, ['maxPriority=high', 'allowedAgentTypes=spc, INT']),
    ).toEqual({ maxPriority: 'HIGH', allowedAgentTypes: ['SPC', 'INT'] });
    expect(parsePolicyEdit('execution-limits', limits, ['maxDailyTokens=9_000_000'])).toEqual({
      ...limits,
      maxDailyTokens: 9_000_000,
    });
    expect(parsePolicyEdit('execution-limits', limits, ['timeZone=Asia/Tokyo'])).toEqual({
      ...limits,
      timeZone: 'Asia/Tokyo',
    });
    expect(parsePolicyEdit('auto-approve', approve, ['allowedAgentTypes='])).toEqual({
      ...approve,
      allowedAgentTypes: [],
    });
  });

  test.each([
    [['maxDailyTokens=lots'], 'execution-limits.maxDailyTokens', 'got "lots"'],
    [['maxDailyTokens=-1'], 'execution-limits.maxDailyTokens', 'got -1'],
    [['maxDailyTokens='], 'execution-limits.maxDailyTokens', 'got ""'],
    [['maxDailyToken=1'], 'execution-limits.maxDailyToken', 'did you mean maxDailyTokens?'],
    [['__proto__=1'], 'execution-limits.__proto__', 'unknown field'],
    [['maxDailyTokens'], 'execution-limits', 'expected field=value, got "maxDailyTokens"'],
    [['=1'], 'execution-limits', 'expected field=value, got "=1"'],
    [[], 'execution-limits', 'expected at least one field=value'],
    [
      ['maxDailyTokens=1', 'maxDailyTokens=2'],
      'execution-limits.maxDailyTokens',
      'expected each field once',
    ],
  ])('%o is refused', (edits, field, what) => {
    const error = thrownBy(() => parsePolicyEdit('execution-limits', limits, edits));
    expect(error.field).toBe(field);
    expect(error.message).toContain(what);
  });

  test('LEAD is refused as typed too', () => {
    expect(
      thrownBy(() => parsePolicyEdit('auto-approve', approve, ['allowedAgentTypes=SPC,LEAD']))
        .message,
    ).toContain("a LEAD's task always waits for a person; no policy can admit it");
  });

  test('leave the value they start from as it was', () => {
    const before = structuredClone(approve);
    parsePolicyEdit('auto-approve', approve, ['maxPriority=LOW']);
    expect(approve).toEqual(before);
  });
});
