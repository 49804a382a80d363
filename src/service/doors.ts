import type { ActiveRun } from '../../drizzle/read-active.js';
import type { Setting, Throttled } from '../../drizzle/read-doors.js';
import type { AgentRow, HouseFacts, PolicyRow, WaitRow } from '../../drizzle/read-house.js';
import { decideAdmission } from '../domain/admission.js';
import { taskLabel } from '../domain/ids.js';
import { advisedLimit, type Policy, type PolicyName } from '../domain/policy.js';
import { PRIORITIES } from '../domain/task.js';
import { counted } from '../domain/text.js';
import { type LockedDoor, lockedDoor } from './door.js';
import { throttles } from './throttles.js';
import { byWhom, idleReviewer, reviewElsewhere, wouldWork } from './waits.js';

/** Who set what, what the limits hold, and what holds a slot. */
interface Behind {
  readonly settings: readonly Setting[];
  readonly throttled: readonly Throttled[];
  readonly active: readonly Pick<ActiveRun, 'agent' | 'seconds'>[];
}
type SettingOf = (rule: string) => Setting | null;

/** The doors that the records tell about. */
export function doorsOfRecords(
  house: HouseFacts,
  policies: readonly PolicyRow[],
  agents: readonly AgentRow[],
  waits: readonly WaitRow[],
  { settings, throttled, active }: Behind = { settings: [], throttled: [], active: [] },
): LockedDoor[] {
  const settingOf: SettingOf = (rule) => settings.find((each) => each.rule === rule) ?? null;
  const others = [
    ...pausedSquad(house, settingOf),
    ...policies.flatMap((policy) => [
      ...disabled(policy, settingOf),
      ...zeroLimits(policy, waits, settingOf),
    ]),
    ...autoApproveOf(house, policies, agents, settingOf),
    ...withoutAgent(agents, settingOf),
    ...withoutReviewer(agents, waits, settingOf),
    ...agents.flatMap((agent) => offWithWork(agent, settingOf)),
    ...withoutBackend(house, agents),
    ...unstarted(house),
    ...withoutToken(house),
  ];
  const movedMs = (agent: string): number | null => {
    const seconds = active.flatMap((run) => (run.agent === agent ? [run.seconds] : []));
    return seconds.length === 0 ? null : Math.min(...seconds) * 1_000;
  };
  const isHeldElsewhere = others.length > 0;
  return [...others, ...throttles(throttled, { settingOf, isHeldElsewhere, movedMs })];
}

function pausedSquad(
  { squadPaused, squadPausedBy, squadPausedWhy }: HouseFacts,
  settingOf: SettingOf,
): LockedDoor[] {
  if (!squadPaused) return [];
  const by = byWhom(squadPausedBy, squadPausedWhy) ?? 'by nobody known';
  const sentence = `nothing starts: the squad is paused ${by}`;
  return [lockedDoor('squad-paused', sentence, 'mission resume', settingOf('squad'))];
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

function disabled({ name, enabled, version, by }: PolicyRow, settingOf: SettingOf): LockedDoor[] {
  if (enabled) return [];
  const off = `the policy ${name} is disabled (version ${version}, by ${by})`;
  const sentence = `${off}: ${WITHOUT_POLICY[name]}`;
  const command = `mission policy enable ${name}`;
  const setting = settingOf(name) ?? { rule: name, value: 'disabled', by, at: '' };
  return [lockedDoor('policy-disabled', sentence, command, setting)];
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
function zeroLimits(
  { name, value, version, by }: PolicyRow,
  waits: readonly WaitRow[],
  settingOf: SettingOf,
): LockedDoor[] {
  return Object.entries(value).flatMap(([field, limit]): LockedDoor[] => {
    if (limit !== 0) return [];
    const rule = `${name}.${field}`;
    const sentence = `${rule} is 0 (version ${version}): ${EFFECTS[field] ?? 'it stops'}`;
    const needed = waits.flatMap((wait) => (wait.rule === rule ? [wait.enough ?? 0] : []));
    const advised = advisedLimit(name, field, 0, Math.max(0, ...needed));
    const command = `mission policy set ${name} ${field}=${advised}`;
    const setting = settingOf(rule) ?? { rule, value: '0', by, at: '' };
    return [lockedDoor('limit-zero', sentence, command, setting)];
  });
}

/** The policy of now, asked about the whole roster, and about the last tasks. */
function autoApproveOf(
  { lastTasks }: HouseFacts,
  policies: readonly PolicyRow[],
  agents: readonly AgentRow[],
  settingOf: SettingOf,
): LockedDoor[] {
  const isAutoApprove = (each: PolicyRow): each is PolicyRow<'auto-approve'> =>
    each.name === 'auto-approve';
  const found = policies.find(isAutoApprove);
  if (found === undefined) return [];
  // As if it were on: what else would be in the way once it is.
  const policy: Policy<'auto-approve'> = { ...found, enabled: true };
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
  const byPriority = isOpen && lastTasks.every(({ agentType }) => isAllowed(agentType, policy));
  const rule = `auto-approve.${byPriority ? 'maxPriority' : 'allowedAgentTypes'}`;
  return [lockedDoor('auto-approve-matches-none', sentence, command, settingOf(rule))];
}

const isAllowed = (type: AgentRow['type'], { value }: Policy<'auto-approve'>): boolean =>
  value.allowedAgentTypes.some((allowed) => allowed === type);

/** Nobody can execute: who reviews is needed for that, and a LEAD waits for a person each time. */
function withoutAgent(agents: readonly AgentRow[], settingOf: SettingOf): LockedDoor[] {
  const executors = agents.filter(({ reviews, type }) => !reviews && type !== 'LEAD');
  if (executors.some(({ canWork }) => canWork)) return [];
  const sentence =
    'no agent can execute: each that neither reviews nor is a LEAD is off or has no backend';
  const { command, agent } = enabling(executors, agents);
  return [lockedDoor('no-agent', sentence, command, settingOf(`agent ${agent}`))];
}

/** Enables the one of these who could work then, with the most to do; else it shows the first. */
function enabling(few: readonly AgentRow[], all: readonly AgentRow[]) {
  const idle = few
    .filter((agent) => wouldWork(agent, all))
    .toSorted((left, right) => right.queued - left.queued);
  const agent = idle[0]?.id ?? few[0]?.id ?? null;
  const verb = idle.length === 0 ? 'show' : 'enable';
  return { agent, command: agent === null ? null : `mission agent ${verb} ${agent}` };
}

/** Nobody at all, or none of those whom a task names. */
function withoutReviewer(
  agents: readonly AgentRow[],
  waits: readonly WaitRow[],
  settingOf: SettingOf,
): LockedDoor[] {
  const reviewers = agents.filter(({ reviews }) => reviews);
  if (!reviewers.some(({ canWork }) => canWork)) {
    const sentence = 'no agent can review: nothing is executed that could not be reviewed';
    const { command, agent } = enabling(reviewers, agents);
    return [lockedDoor('no-reviewer', sentence, command, settingOf(`agent ${agent}`))];
  }
  const doors = waits.flatMap((wait) =>
    wait.reason === 'no-reviewer' ? [withoutOwnReviewer(wait, agents, settingOf)] : [],
  );
  // One command opens it for all who wait for the same.
  const commands = doors.map(({ command }) => command);
  return doors.filter(({ command }, index) => commands.indexOf(command) === index);
}

function withoutOwnReviewer(
  wait: WaitRow,
  agents: readonly AgentRow[],
  settingOf: SettingOf,
): LockedDoor {
  const idle = idleReviewer(wait, agents);
  const [elsewhere = null] = reviewElsewhere(wait, agents);
  const { number, reviewers } = wait;
  const away = reviewers.filter(
    (name) => !agents.some(({ id, canWork }) => id === name && canWork),
  );
  const who =
    away.length === 0
      ? 'and none who may review it can work'
      : `and ${away.join(' and ')}, whom it names, cannot work`;
  const sentence = `${taskLabel(number)} waits for a reviewer, ${who}`;
  const command = idle === null ? elsewhere : `mission agent enable ${idle}`;
  return lockedDoor('no-reviewer', sentence, command, settingOf(`agent ${idle}`));
}

function offWithWork(
  { id, enabled, pausedReason, queued }: AgentRow,
  settingOf: SettingOf,
): LockedDoor[] {
  if ((enabled && pausedReason === null) || queued === 0) return [];
  const why = enabled ? `paused (${pausedReason})` : 'disabled';
  const sentence = `${id} is ${why}, and ${runsWaiting(queued)}`;
  const command = `mission agent enable ${id}`;
  return [lockedDoor('agent-off-with-work', sentence, command, settingOf(`agent ${id}`))];
}

/** While no agent is connected all is rehearsed; afterwards each needs a backend of its own. */
function withoutBackend({ rehearsing }: HouseFacts, agents: readonly AgentRow[]): LockedDoor[] {
  if (rehearsing) return [];
  return agents.flatMap(({ id, backend, connectedAt, queued }): LockedDoor[] => {
    if (queued === 0 || (backend !== 'scripted' && connectedAt !== null)) return [];
    const sentence = `${id} has no backend connected (${backend}), and ${runsWaiting(queued)}`;
    const setting = { rule: `agent ${id}`, value: backend, by: 'nobody', at: '' };
    return [lockedDoor('no-backend', sentence, `mission agent connect ${id}`, setting)];
  });
}

export const runsWaiting = (count: number): string =>
  counted(count, 'of its runs waits', 'of its runs wait');

function unstarted({ unstarted: count }: HouseFacts): LockedDoor[] {
  if (count === 0) return [];
  const tasks = counted(count, 'filed task has', 'filed tasks have');
  return [lockedDoor('tasks-not-started', `${tasks} not been started`, 'mission repair')];
}

/** Who merges is a person; a token that is refused keeps even that from being seen. */
function withoutToken({ pullRequests: { waiting, refused } }: HouseFacts): LockedDoor[] {
  if (refused === null) return [];
  const tasks = counted(waiting, 'task waits for a pull request', 'tasks wait for pull requests');
  return [lockedDoor('pull-requests-refused', `${tasks}: ${refused}`, null)];
}
