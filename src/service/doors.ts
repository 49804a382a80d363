import type { AgentRow, HouseFacts, PolicyRow, WaitRow } from '../../drizzle/read-house.js';
import { decideAdmission } from '../domain/admission.js';
import { taskLabel } from '../domain/ids.js';
import { advisedLimit, type Policy, type PolicyName } from '../domain/policy.js';
import { PRIORITIES } from '../domain/task.js';
import { counted } from '../domain/text.js';
import { byWhom, idleReviewer, reviewElsewhere } from './waits.js';

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
  'no-backend',
  'squad-paused',
] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** The doors that the records tell about. */
export function doorsOfRecords(
  house: HouseFacts,
  policies: readonly PolicyRow[],
  agents: readonly AgentRow[],
  waits: readonly WaitRow[],
): LockedDoor[] {
  return [
    ...pausedSquad(house),
    ...policies.flatMap((policy) => [...disabled(policy), ...zeroLimits(policy, waits)]),
    ...autoApproveOf(house, policies, agents),
    ...withoutReviewer(agents, waits),
    ...agents.flatMap(offWithWork),
    ...withoutBackend(house, agents),
    ...unstarted(house),
  ];
}

function pausedSquad({ squadPaused, squadPausedBy, squadPausedWhy }: HouseFacts): LockedDoor[] {
  if (!squadPaused) return [];
  const by = byWhom(squadPausedBy, squadPausedWhy) ?? 'by nobody known';
  const sentence = `nothing starts: the squad is paused ${by}`;
  return [{ door: 'squad-paused', sentence, command: 'mission resume' }];
}

/** What stops while a policy is off: it lets nothing through, not everything. */
export const WITHOUT_POLICY = {
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
  const sentence = `${off}: ${WITHOUT_POLICY[name]}`;
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
function zeroLimits({ name, value, version }: PolicyRow, waits: readonly WaitRow[]): LockedDoor[] {
  return Object.entries(value).flatMap(([field, limit]): LockedDoor[] => {
    if (limit !== 0) return [];
    const rule = `${name}.${field}`;
    const sentence = `${rule} is 0 (version ${version}): ${EFFECTS[field] ?? 'it stops'}`;
    const needed = waits.flatMap((wait) => (wait.rule === rule ? [wait.enough ?? 0] : []));
    const advised = advisedLimit(name, field, 0, Math.max(0, ...needed));
    const command = `mission policy set ${name} ${field}=${advised}`;
    return [{ door: 'limit-zero', sentence, command }];
  });
}

/** The policy of now, asked about the whole roster, and about the last tasks. */
function autoApproveOf(
  { lastTasks }: HouseFacts,
  policies: readonly PolicyRow[],
  agents: readonly AgentRow[],
): LockedDoor[] {
  const isAutoApprove = (each: PolicyRow): each is PolicyRow<'auto-approve'> =>
    each.name === 'auto-approve';
  const policy: Policy<'auto-approve'> | undefined = policies.find(isAutoApprove);
  if (policy === undefined || !policy.enabled) return [];
  const admits = (task: Omit<Parameters<typeof decideAdmission>[0], 'policy'>) =>
    decideAdmission({ ...task, policy }).kind === 'admitted';
  const isOpen = agents.some(({ id: agentId, type: agentType }) =>
    PRIORITIES.some((priority) => admits({ priority, agentId, agentType })),
  );
  if (isOpen && (lastTasks.length === 0 || lastTasks.some(admits))) return [];
  const { maxPriority, allowedAgentTypes } = policy.value;
  const waiting = lastTasks.filter(({ inbox }) => inbox).length;
  const asked = lastTasks.length;
  const last =
    asked === 1 ? 'does not match the last task' : `matches none of the last ${asked} tasks`;
  const wait =
    waiting === 0 ? '' : `, and ${counted(waiting, 'task waits', 'tasks wait')} for a person`;
  const types = allowedAgentTypes.join(', ') || 'none';
  const sentence =
    `auto-approve ${isOpen ? last : 'can match no task of any agent'}${wait} (maxPriority ` +
    `${maxPriority}, allowedAgentTypes ${types}, version ${policy.version})`;
  const command = 'mission policy set auto-approve maxPriority=URGENT allowedAgentTypes=SPC,INT';
  return [{ door: 'auto-approve-matches-none', sentence, command }];
}

/** Nobody at all, or none of those whom a task names. */
function withoutReviewer(agents: readonly AgentRow[], waits: readonly WaitRow[]): LockedDoor[] {
  const reviewers = agents.filter(({ reviews }) => reviews);
  if (!reviewers.some(({ canWork }) => canWork)) {
    const first = reviewers[0]?.id;
    const sentence = 'no agent can review: nothing is executed that could not be reviewed';
    const command = first === undefined ? null : `mission agent enable ${first}`;
    return [{ door: 'no-reviewer', sentence, command }];
  }
  const doors = waits.flatMap((wait) =>
    wait.reason === 'no-reviewer' ? [withoutOwnReviewer(wait, agents)] : [],
  );
  // One command opens it for all who wait for the same.
  const commands = doors.map(({ command }) => command);
  return doors.filter(({ command }, index) => commands.indexOf(command) === index);
}

function withoutOwnReviewer(wait: WaitRow, agents: readonly AgentRow[]): LockedDoor {
  const idle = idleReviewer(wait, agents);
  const [elsewhere = null] = reviewElsewhere(wait, agents);
  const who = wait.reviewers.length === 0 ? 'who may' : wait.reviewers.join(', ');
  const sentence = `${taskLabel(wait.number)} waits for a reviewer (${who}), and none can work`;
  const command = idle === null ? elsewhere : `mission agent enable ${idle}`;
  return { door: 'no-reviewer', sentence, command };
}

function offWithWork({ id, enabled, pausedReason, queued }: AgentRow): LockedDoor[] {
  if ((enabled && pausedReason === null) || queued === 0) return [];
  const why = enabled ? `paused (${pausedReason})` : 'disabled';
  const sentence = `${id} is ${why}, and ${runsWaiting(queued)}`;
  return [{ door: 'agent-off-with-work', sentence, command: `mission agent enable ${id}` }];
}

/** While no agent is connected all is rehearsed; afterwards each needs a backend of its own. */
function withoutBackend({ rehearsing }: HouseFacts, agents: readonly AgentRow[]): LockedDoor[] {
  if (rehearsing) return [];
  return agents.flatMap(({ id, backend, connectedAt, queued }): LockedDoor[] => {
    if (queued === 0 || (backend !== 'scripted' && connectedAt !== null)) return [];
    const sentence = `${id} has no backend connected (${backend}), and ${runsWaiting(queued)}`;
    return [{ door: 'no-backend', sentence, command: `mission agent show ${id}` }];
  });
}

export const runsWaiting = (count: number): string =>
  counted(count, 'of its runs waits', 'of its runs wait');

function unstarted({ unstarted: count }: HouseFacts): LockedDoor[] {
  if (count === 0) return [];
  const tasks = counted(count, 'filed task has', 'filed tasks have');
  const sentence = `${tasks} not been started`;
  return [{ door: 'tasks-not-started', sentence, command: 'mission repair' }];
}
