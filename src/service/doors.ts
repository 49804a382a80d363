import type { AgentRow, HouseFacts, PolicyRow } from '../../drizzle/read-house.js';
import { decideAdmission } from '../domain/admission.js';
import type { Policy, PolicyName } from '../domain/policy.js';

/** Something that keeps work from going on, by name, and the command that opens it. */
export interface LockedDoor {
  readonly door: DoorName;
  readonly sentence: string;
  readonly command: string | null;
}

/** A closed list: scripts that watch `mission status --json` sort by it. */
export const DOOR_NAMES = [
  /** `mission up` was killed: what it had started is not watched any more. */
  'not-watched',
  'database-away',
  'temporal-away',
  'other-temporal-store',
  'no-poller',
  'no-upkeep',
  'tasks-not-started',
  'auto-approve-matches-none',
  'policy-disabled',
  'limit-zero',
  'no-reviewer',
  'agent-off-with-work',
  'squad-paused',
] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** The doors that the records tell about. */
export function doorsOfRecords(
  house: HouseFacts,
  policies: readonly PolicyRow[],
  agents: readonly AgentRow[],
): LockedDoor[] {
  return [
    ...pausedSquad(house),
    ...policies.flatMap((policy) => [...disabled(policy), ...zeroLimits(policy)]),
    ...autoApproveOf(house, policies),
    ...withoutReviewer(agents),
    ...agents.flatMap(offWithWork),
    ...unstarted(house),
  ];
}

function pausedSquad({ squadPaused, squadPausedBy }: HouseFacts): LockedDoor[] {
  if (!squadPaused) return [];
  const sentence = `the squad is paused by ${squadPausedBy ?? 'nobody known'}: nothing starts`;
  return [{ door: 'squad-paused', sentence, command: 'mission resume' }];
}

/** What stops while a policy is off: it lets nothing through, not everything. */
const WITHOUT = {
  'auto-approve': 'every task waits for a person',
  'execution-limits': 'nothing runs',
  review: 'the first REVISION asks a person',
  spawn: 'no follow-up is filed',
  landing: 'the first conflict asks a person',
  retention: 'nothing is removed',
} as const satisfies Record<PolicyName, string>;

function disabled({ name, enabled, version, by }: PolicyRow): LockedDoor[] {
  if (enabled) return [];
  const off = `the policy ${name} is disabled (version ${version}, by ${by})`;
  const sentence = `${off}: ${WITHOUT[name]}`;
  return [{ door: 'policy-disabled', sentence, command: `mission policy enable ${name}` }];
}

const EFFECTS: Readonly<Record<string, string>> = {
  maxConcurrentPerAgent: 'nothing runs',
  maxDailyPerAgent: 'no agent that does not review runs anything',
  maxDailyPerReviewer: 'nothing is reviewed',
  maxDailyTokens: 'nothing runs',
  maxCycles: 'the first REVISION asks a person',
  maxDepth: 'no follow-up is filed',
  maxPerVerdict: 'no follow-up is filed',
  maxPerTree: 'no follow-up is filed',
  maxLandingCycles: 'the first conflict asks a person',
};
/** What the seed would have set, as a start; a person chooses. */
const USUAL: Readonly<Record<string, number>> = {
  maxConcurrentPerAgent: 3,
  maxDailyPerAgent: 50,
  maxDailyPerReviewer: 450,
  maxDailyTokens: 5_000_000,
  maxCycles: 5,
  maxDepth: 3,
  maxPerVerdict: 5,
  maxPerTree: 20,
  maxLandingCycles: 3,
};

function zeroLimits({ name, value, version }: PolicyRow): LockedDoor[] {
  return Object.entries(value).flatMap(([field, limit]): LockedDoor[] => {
    if (limit !== 0) return [];
    const sentence = `${name}.${field} is 0 (version ${version}): ${EFFECTS[field] ?? 'it stops'}`;
    const command = `mission policy set ${name} ${field}=${USUAL[field] ?? 1}`;
    return [{ door: 'limit-zero', sentence, command }];
  });
}

/** The policy of now, asked about the last tasks: it may have been right once. */
function autoApproveOf({ lastTasks }: HouseFacts, policies: readonly PolicyRow[]): LockedDoor[] {
  const isAutoApprove = (each: PolicyRow): each is PolicyRow<'auto-approve'> =>
    each.name === 'auto-approve';
  const policy: Policy<'auto-approve'> | undefined = policies.find(isAutoApprove);
  const waiting = lastTasks.filter(({ inbox }) => inbox).length;
  if (policy === undefined || !policy.enabled || waiting === 0) return [];
  const matches = lastTasks.filter(
    (task) => decideAdmission({ ...task, policy }).kind === 'admitted',
  );
  if (matches.length > 0) return [];
  const { maxPriority, allowedAgentTypes } = policy.value;
  const sentence =
    `auto-approve matches none of the last ${lastTasks.length} tasks, and ${waiting} of them ` +
    `wait for a person (maxPriority ${maxPriority}, allowedAgentTypes ` +
    `${allowedAgentTypes.join(', ') || 'none'}, version ${policy.version})`;
  const command = 'mission policy set auto-approve maxPriority=URGENT allowedAgentTypes=SPC,INT';
  return [{ door: 'auto-approve-matches-none', sentence, command }];
}

function withoutReviewer(agents: readonly AgentRow[]): LockedDoor[] {
  const reviewers = agents.filter(({ reviews }) => reviews);
  if (reviewers.some(({ canWork }) => canWork)) return [];
  const first = reviewers[0]?.id;
  const sentence = 'no agent can review: nothing is executed that could not be reviewed';
  const command = first === undefined ? null : `mission agent enable ${first}`;
  return [{ door: 'no-reviewer', sentence, command }];
}

function offWithWork({ id, enabled, pausedReason, queued }: AgentRow): LockedDoor[] {
  if ((enabled && pausedReason === null) || queued === 0) return [];
  const why = enabled ? `paused (${pausedReason})` : 'disabled';
  const sentence = `${id} is ${why}, and ${queued} of its runs wait`;
  return [{ door: 'agent-off-with-work', sentence, command: `mission agent enable ${id}` }];
}

function unstarted({ unstarted: count }: HouseFacts): LockedDoor[] {
  if (count === 0) return [];
  const sentence = `${count} filed tasks have not been started`;
  return [{ door: 'tasks-not-started', sentence, command: 'mission repair' }];
}
