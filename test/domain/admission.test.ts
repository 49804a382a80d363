import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AdmissionFacts, decideAdmission } from '../../src/domain/admission.js';
import { AGENT_TYPES, type AgentType } from '../../src/domain/agent.js';
import { ADMISSIBLE_TYPES, DEFAULT_POLICIES, type Policy } from '../../src/domain/policy.js';
import { PRIORITIES, type Priority } from '../../src/domain/task.js';

const policyOf = (
  maxPriority: Priority,
  allowedAgentTypes: readonly ('SPC' | 'INT')[],
  enabled = true,
): Policy<'auto-approve'> => ({
  name: 'auto-approve',
  version: 7,
  enabled,
  value: { maxPriority, allowedAgentTypes },
});

const decide = (facts: Partial<AdmissionFacts>) =>
  decideAdmission({
    priority: 'NORMAL',
    agentType: 'SPC',
    agentId: 'implementer',
    policy: policyOf('NORMAL', ['SPC']),
    ...facts,
  });

describe('admission', () => {
  test('within priority and type a task is admitted, and the reason names both rules', () => {
    expect(decide({})).toEqual({
      kind: 'admitted',
      reason:
        'priority NORMAL and type SPC are within auto-approve.maxPriority = NORMAL ' +
        'and auto-approve.allowedAgentTypes = SPC, version 7',
      policyVersion: 7,
    });
  });

  test.each([
    [
      'lead',
      { agentType: 'LEAD', agentId: 'lead' },
      "lead is a LEAD: its tasks always wait for a person's approval",
    ],
    [
      'policy-disabled',
      { policy: policyOf('URGENT', ['SPC'], false) },
      'the policy auto-approve is disabled (version 7)',
    ],
    [
      'priority',
      { priority: 'HIGH' },
      'priority HIGH needs a person; auto-approve.maxPriority = NORMAL, version 7',
    ],
    [
      'agent-type',
      { agentType: 'INT' },
      'implementer is INT; auto-approve.allowedAgentTypes = SPC, version 7',
    ],
    [
      'agent-type',
      { policy: policyOf('URGENT', []) },
      'implementer is SPC; auto-approve.allowedAgentTypes = none, version 7',
    ],
  ] as const)('waits by rule %s', (rule, facts, reason) => {
    expect(decide(facts)).toEqual({ kind: 'waits', rule, reason, policyVersion: 7 });
  });

  test('the seeded policy admits every task of a SPC or INT', () => {
    const policy = DEFAULT_POLICIES['auto-approve'];
    for (const priority of PRIORITIES) {
      for (const agentType of ADMISSIBLE_TYPES) {
        expect(decide({ priority, agentType, policy }).kind).toBe('admitted');
      }
    }
  });

  test('a LEAD waits under every value, well-formed or not', () => {
    const garbage = fc.record({
      name: fc.constant('auto-approve'),
      version: fc.nat(),
      enabled: fc.oneof(fc.boolean(), fc.anything()),
      value: fc.record({
        maxPriority: fc.oneof(fc.constantFrom(...PRIORITIES), fc.anything()),
        allowedAgentTypes: fc.oneof(fc.subarray([...AGENT_TYPES]), fc.anything()),
      }),
    });
    fc.assert(
      fc.property(garbage, fc.constantFrom(...PRIORITIES), (policy, priority) => {
        const answer = decide({
          agentType: 'LEAD',
          priority,
          policy: policy as unknown as Policy<'auto-approve'>,
        });
        expect(answer).toMatchObject({ kind: 'waits', rule: 'lead' });
      }),
    );
  });

  test('what was not foreseen is never admitted', () => {
    const spoilt = fc.oneof(
      fc.record({ agentType: fc.string().filter((type) => type !== 'SPC') }),
      fc.record({ priority: fc.string().filter((each) => each !== 'LOW' && each !== 'NORMAL') }),
      fc.record({ policy: fc.constant({ ...policyOf('NORMAL', ['SPC']), enabled: 'true' }) }),
      fc.anything().map((value) => ({
        policy: {
          ...policyOf('NORMAL', ['SPC']),
          value: { maxPriority: value, allowedAgentTypes: ['SPC'] },
        },
      })),
      fc.string().map((value) => ({
        policy: {
          ...policyOf('NORMAL', ['SPC']),
          value: { maxPriority: 'URGENT', allowedAgentTypes: `SPC${value}` },
        },
      })),
    );
    fc.assert(
      fc.property(spoilt, (facts) => {
        expect(decide(facts as Partial<AdmissionFacts>).kind).toBe('waits');
      }),
    );
  });

  test('even a policy that lists LEAD admits none', () => {
    const types = [...AGENT_TYPES] as unknown as ('SPC' | 'INT')[];
    const policy = policyOf('URGENT', types);
    const admitted = AGENT_TYPES.filter(
      (agentType: AgentType) => decide({ agentType, policy }).kind === 'admitted',
    );
    expect(admitted).toEqual(['SPC', 'INT']);
  });
});
