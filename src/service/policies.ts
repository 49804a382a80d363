import { outdatedInbox, setPolicy } from '../../drizzle/configure.js';
import { type PolicyRow, readPolicies, readPolicyHistory } from '../../drizzle/read-house.js';
import {
  changedFields,
  type FieldChange,
  POLICY_NAMES,
  type PolicyName,
} from '../domain/policy.js';
import { nearest } from '../domain/text.js';
import { InvalidPolicyValue, parsePolicyEdit, parsePolicyValue } from '../schema/policy.js';
import type { ServiceDeps } from './deps.js';
import { WITHOUT_POLICY } from './doors.js';
import { ServiceError } from './errors.js';
import { wake } from './wake.js';

export interface PolicySet {
  readonly name: string;
  readonly version: number;
  readonly enabled: boolean;
  readonly before: PolicyRow['value'];
  readonly value: PolicyRow['value'];
  readonly changes: readonly FieldChange[];
  /** Runs that may start because of it. */
  readonly released: number;
  /** False: it was so already, and no version was made. */
  readonly changed: boolean;
  /** What stops because it was disabled, and the command that takes it back. */
  readonly stops: string | null;
  readonly undo: string | null;
}

/** The policies in force, or one of them. */
export async function showPolicies(deps: ServiceDeps, name?: string): Promise<PolicyRow[]> {
  const all = await readPolicies(deps.database);
  return name === undefined ? all : [inForce(all, name)];
}

export async function policyHistory(deps: ServiceDeps, name: string): Promise<PolicyRow[]> {
  await showPolicies(deps, name);
  return readPolicyHistory(deps.database, name);
}

/** Makes a version out of edits such as `maxPriority=HIGH`. In force at once, for who waits too. */
export async function editPolicy(
  deps: ServiceDeps,
  name: string,
  edits: readonly string[],
  why: string,
): Promise<PolicySet> {
  const now = inForce(await readPolicies(deps.database), name);
  return change(deps, now, { value: edited(now, edits) }, why);
}

export async function switchPolicy(
  deps: ServiceDeps,
  name: string,
  enabled: boolean,
  why: string,
): Promise<PolicySet> {
  const now = inForce(await readPolicies(deps.database), name);
  return change(deps, now, { enabled }, why);
}

/** The value after edits as people type them. */
export function edited(now: PolicyRow, edits: readonly string[]): PolicyRow['value'] {
  try {
    const value = parsePolicyEdit(now.name, now.value, edits);
    // `-0` is 0 to everybody, and would be printed as it was typed.
    const plain = Object.entries(value).map(([field, each]) => [field, each === 0 ? 0 : each]);
    return parsePolicyValue(now.name, Object.fromEntries(plain));
  } catch (error) {
    if (!(error instanceof InvalidPolicyValue)) throw error;
    // Whoever types `SPC,LEAD` has typed one value: places in it mean nothing to him.
    throw new ServiceError('usage', error.message.replaceAll(/\[\d+\]/g, ''));
  }
}

/** Makes the version after `now`, and wakes whom it releases. */
export async function change(
  deps: ServiceDeps,
  now: PolicyRow,
  to: { readonly value?: PolicyRow['value']; readonly enabled?: boolean },
  why: string,
): Promise<PolicySet> {
  const { database, principal: by, door } = deps;
  const { value = now.value, enabled = now.enabled } = to;
  const changes = changedFields(now, { name: now.name, enabled, value });
  const set = {
    name: now.name,
    enabled,
    before: now.value,
    value,
    changes,
    ...offBy(now, enabled),
  };
  if (changes.length === 0) {
    return { ...set, version: now.version, released: 0, changed: false };
  }
  const given = { name: now.name, baseVersion: now.version, by, door, why };
  const answer = await setPolicy(database, { ...given, ...to });
  if (answer.kind === 'changed') throw changedMeanwhile(now.name, answer);
  const again = now.name === 'auto-approve' ? await outdatedInbox(database) : [];
  await wake(deps, answer.wake, again);
  return { ...set, version: answer.version, released: answer.wake.length, changed: true };
}

/** Nobody overwrites what they have not seen. */
export const changedMeanwhile = (
  name: PolicyName,
  { version, by }: { readonly version: number; readonly by: string },
): ServiceError =>
  new ServiceError(
    'failed',
    `${by} has made version ${version} of ${name} meanwhile; ` +
      `look at it and set yours again: mission policy show ${name}`,
  );

const offBy = ({ name }: PolicyRow, enabled: boolean) =>
  enabled
    ? { stops: null, undo: null }
    : { stops: WITHOUT_POLICY[name], undo: `mission policy enable ${name}` };

/** The version in force of the policy of that name; throws where there is none. */
export function inForce(all: readonly PolicyRow[], name: string): PolicyRow {
  const found = all.find((policy) => policy.name === name);
  if (found !== undefined) return found;
  const near = nearest(name, POLICY_NAMES satisfies readonly PolicyName[]);
  const meant = near === null ? '' : `; did you mean ${near}?`;
  const known = POLICY_NAMES.join(', ');
  throw new ServiceError('not-found', `there is no policy "${name}"; there are ${known}${meant}`);
}
