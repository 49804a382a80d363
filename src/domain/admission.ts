import type { AgentType } from './agent.js';
import { ADMISSIBLE_TYPES, type Policy } from './policy.js';
import { PRIORITIES, type Priority } from './task.js';

/** The decision that a task may leave the inbox, recorded with the version it was made under. */
export type Admission =
  | { readonly kind: 'admitted'; readonly reason: string; readonly policyVersion: number }
  | {
      readonly kind: 'waits';
      readonly rule: AdmissionRule;
      readonly reason: string;
      readonly policyVersion: number;
    };

export type AdmissionRule = 'lead' | 'policy-disabled' | 'priority' | 'agent-type';

export interface AdmissionFacts {
  readonly priority: Priority;
  readonly agentType: AgentType;
  readonly agentId: string;
  readonly policy: Policy<'auto-approve'>;
}

/**
 * Decides whether policy admits a task, or whether it waits for a person.
 * A LEAD waits whatever the policy holds; so does everything that was not foreseen.
 */
export function decideAdmission(facts: AdmissionFacts): Admission {
  const { priority, agentType, agentId, policy } = facts;
  const version = policy.version;
  const waits = (rule: AdmissionRule, reason: string): Admission => ({
    kind: 'waits',
    rule,
    reason,
    policyVersion: version,
  });

  if (agentType === 'LEAD') {
    return waits('lead', `${agentId} is a LEAD: its tasks always wait for a person's approval`);
  }
  if (policy.enabled !== true) {
    return waits('policy-disabled', `the policy auto-approve is disabled (version ${version})`);
  }
  // Rows come from a database that people can edit: what is no list or no priority admits nothing.
  const { allowedAgentTypes, maxPriority } = policy.value;
  const types: readonly string[] = Array.isArray(allowedAgentTypes) ? allowedAgentTypes : [];
  const listed = `auto-approve.allowedAgentTypes = ${types.join(', ') || 'none'}`;
  if (!(ADMISSIBLE_TYPES as readonly string[]).includes(agentType) || !types.includes(agentType)) {
    return waits('agent-type', `${agentId} is ${agentType}; ${listed}, version ${version}`);
  }
  const asked = PRIORITIES.indexOf(priority);
  const highest = PRIORITIES.indexOf(maxPriority);
  const ceiling = `auto-approve.maxPriority = ${maxPriority}`;
  if (asked < 0 || asked > highest) {
    return waits('priority', `priority ${priority} needs a person; ${ceiling}, version ${version}`);
  }
  const rules = `${ceiling} and ${listed}, version ${version}`;
  const reason = `priority ${priority} and type ${agentType} are within ${rules}`;
  return { kind: 'admitted', reason, policyVersion: version };
}
