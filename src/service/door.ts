import type { Setting } from '../../drizzle/read-doors.js';

/** A closed list: scripts that watch `mission status --json` sort by it. */
export const DOOR_NAMES = [
  'database-away',
  'temporal-away',
  'other-temporal-store',
  'no-poller',
  /** `mission up` was killed: what it had started is not watched any more. */
  'not-watched',
  'no-upkeep',
  'tasks-not-started',
  'workflow-missing',
  'step-fails',
  'auto-approve-matches-none',
  'policy-disabled',
  'limit-zero',
  'limit-throttles',
  'no-agent',
  'agent-off-with-work',
  'no-backend',
  'no-sandbox',
  'squad-paused',
  'no-reviewer',
  'pull-requests-refused',
  'invariant-broken',
] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** The way of a task, in its order: where a door stands on it. */
export const STAGES = [
  'database',
  'temporal',
  'store',
  'worker',
  'upkeep',
  'admission',
  'agent',
  'limits',
  'slot',
  'reviewer',
  'review limits',
  'landing',
  'invariants',
] as const;
export type DoorStage = (typeof STAGES)[number];

/** Something that keeps work from going on, by name, and the command that helps. */
export interface LockedDoor {
  readonly door: DoorName;
  readonly stage: DoorStage;
  readonly sentence: string;
  readonly command: string | null;
  /** Whether the command opens it; false: it only shows more, or there is none. */
  readonly opens: boolean;
  /** The setting that locks it, its value, who set that and when; null where none does. */
  readonly setting: Setting | null;
}

const STAGE_OF: Readonly<Record<string, DoorStage>> = {
  'database-away': 'database',
  'temporal-away': 'temporal',
  'other-temporal-store': 'store',
  'no-poller': 'worker',
  'not-watched': 'worker',
  'no-upkeep': 'upkeep',
  'tasks-not-started': 'upkeep',
  'workflow-missing': 'upkeep',
  'step-fails': 'upkeep',
  'auto-approve-matches-none': 'admission',
  'no-agent': 'agent',
  'agent-off-with-work': 'agent',
  'no-backend': 'agent',
  'no-sandbox': 'agent',
  'squad-paused': 'limits',
  'limit-throttles': 'slot',
  'no-reviewer': 'reviewer',
  'pull-requests-refused': 'landing',
  'invariant-broken': 'invariants',
} satisfies Record<Exclude<DoorName, 'policy-disabled' | 'limit-zero'>, DoorStage>;

/** A policy stands where its decision is taken. */
const STAGE_OF_RULE: Readonly<Record<string, DoorStage>> = {
  'auto-approve': 'admission',
  'execution-limits': 'limits',
  review: 'review limits',
  'execution-limits.maxDailyPerReviewer': 'review limits',
};

function stageOf(door: DoorName, rule: string): DoorStage {
  const [policy = ''] = rule.split('.');
  return STAGE_OF[door] ?? STAGE_OF_RULE[rule] ?? STAGE_OF_RULE[policy] ?? 'landing';
}

const SHOWS = /^mission (?:task|agent) (?:show|list)\b/;

export const lockedDoor = (
  door: DoorName,
  sentence: string,
  command: string | null,
  setting: Setting | null = null,
): LockedDoor => ({
  door,
  stage: stageOf(door, setting?.rule ?? ''),
  sentence,
  ...helpedBy(command),
  setting,
});

/** The part of a door that says what to do about it. */
export const helpedBy = (command: string | null): Pick<LockedDoor, 'command' | 'opens'> => ({
  command,
  opens: command !== null && !SHOWS.test(command),
});

/** In the order in which a task comes by them; those of one stage as they were found. */
export const inOrder = (doors: readonly LockedDoor[]): LockedDoor[] =>
  doors.toSorted((left, right) => STAGES.indexOf(left.stage) - STAGES.indexOf(right.stage));
