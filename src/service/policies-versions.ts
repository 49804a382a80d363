import { type PolicyRow, readPolicyHistory } from '../../drizzle/read-house.js';
import { changedFields, type FieldChange } from '../domain/policy.js';
import { InvalidPolicyValue, parsePolicyValue } from '../schema/policy.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { change, type PolicySet, showPolicies } from './policies.js';

/** A field that differs, with the version that set the value after: who, when and why. */
export interface AuthoredChange extends FieldChange {
  readonly version: number;
  readonly by: string;
  readonly door: string;
  readonly why: string;
  readonly at: string;
}

export interface PolicyDiff {
  readonly name: string;
  readonly from: PolicyRow;
  readonly to: PolicyRow;
  readonly changes: readonly AuthoredChange[];
}

/** As they are typed: `3`. */
interface Versions {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** What differs between two versions, field by field; by default the last two. */
export async function diffPolicy(
  deps: ServiceDeps,
  name: string,
  asked: Versions,
): Promise<PolicyDiff> {
  const history = await historyOf(deps, name);
  const to = asked.to === undefined ? history[0] : versionOf(history, '--to', asked.to);
  const before = history.find(({ version }) => version < (to?.version ?? 0));
  const from = asked.from === undefined ? before : versionOf(history, '--from', asked.from);
  if (to === undefined || from === undefined) {
    const which = asked.to === undefined ? 'has one version' : `has none before ${asked.to}`;
    throw new ServiceError('failed', `${name} ${which}: there is nothing to compare it with`);
  }
  if (from.version === to.version) {
    const both = `--from and --to: both are version ${to.version} of ${name}`;
    throw new ServiceError('usage', `${both}; name two: mission policy history ${name}`);
  }
  const changes = changedFields(from, to).map((each) => authored(each, history, to));
  return { name, from, to, changes };
}

/** Whose value it is that stands AFTER: of the version that set it, wherever one compares from. */
function authored(each: FieldChange, history: readonly PolicyRow[], to: PolicyRow): AuthoredChange {
  const author = history.find((row, index) => {
    const before = history[index + 1];
    if (row.version > to.version) return false;
    // What nobody has changed since is the first version's own.
    return (
      before === undefined || changedFields(before, row).some(({ field }) => field === each.field)
    );
  });
  const { version, by, door, why, createdAt: at } = author ?? to;
  return { ...each, version, by, door, why, at };
}

/** Makes a new version with the value of an older one: history is never written again. */
export async function rollbackPolicy(
  deps: ServiceDeps,
  name: string,
  asked: string | undefined,
  reason: string | undefined,
): Promise<PolicySet> {
  const history = await historyOf(deps, name);
  const [now, before] = history;
  const old = asked === undefined ? before : versionOf(history, '--to', asked);
  if (now === undefined || old === undefined) {
    throw new ServiceError('failed', `${name} has one version: there is nothing to go back to`);
  }
  if (changedFields(now, old).length === 0) {
    const same = `--to: version ${old.version} of ${name} is what is in force`;
    const which = old.version === now.version ? '' : ` (version ${now.version})`;
    throw new ServiceError(
      'failed',
      `${same}${which}; name another: mission policy history ${name}`,
    );
  }
  const why = `rolled back to version ${old.version}${reason === undefined ? '' : `: ${reason}`}`;
  return change(deps, now, { value: stillValid(old), enabled: old.enabled }, why);
}

/** What was once set may be refused by now. */
function stillValid({ name, value, version }: PolicyRow): PolicyRow['value'] {
  try {
    return parsePolicyValue(name, value);
  } catch (error) {
    if (!(error instanceof InvalidPolicyValue)) throw error;
    throw new ServiceError('failed', `--to: version ${version} cannot be set: ${error.message}`);
  }
}

/** Newest first. */
async function historyOf(deps: ServiceDeps, name: string): Promise<PolicyRow[]> {
  await showPolicies(deps, name);
  return readPolicyHistory(deps.database, name);
}

function versionOf(history: readonly PolicyRow[], option: string, typed: string): PolicyRow {
  const found = history.find(({ version }) => String(version) === typed);
  if (found !== undefined) return found;
  const { name = '', version: last = 0 } = history[0] ?? {};
  const known = last === 1 ? 'version 1 only' : `versions 1 to ${last}`;
  const look = `${name} has ${known}: mission policy history ${name}`;
  if (/^\d+$/.test(typed)) {
    throw new ServiceError('not-found', `${option}: there is no version ${typed}; ${look}`);
  }
  const expected = `${option}: expected a version such as 1, got ${JSON.stringify(typed)}`;
  throw new ServiceError('usage', `${expected}; ${look}`);
}
