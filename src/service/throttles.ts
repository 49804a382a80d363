import type { Setting, Throttled } from '../../drizzle/read-doors.js';
import { advisedLimit, DEFAULT_POLICIES } from '../domain/policy.js';
import { counted } from '../domain/text.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** A line that is shorter lived than this passes by itself. */
const PATIENCE_MS = 30_000;
/** A line in which nothing has moved for so long may stand, if its runs take less. */
const STANDS_MS = 60_000;
const USUAL = DEFAULT_POLICIES['execution-limits'].value.maxConcurrentPerAgent;

/** What is known beside the lines themselves. */
interface Known {
  settingOf(rule: string): Setting | null;
  /** Another door holds the backlog. */
  readonly isHeldElsewhere: boolean;
  /** How long ago a run of the agent has begun the last time; null where none runs. */
  movedMs(agent: string): number | null;
}

/**
 * The figures of the limits that throttle a backlog: more waits behind one than it lets through,
 * today or at once. Of slots there may be fewer than usual: then half a minute of waiting is
 * enough, however long the runs take. With as many as usual a line is a house at work, and a door
 * only when it stands: nothing has begun for a minute and twice the time that runs are known to
 * take. Where another door holds the backlog, a figure of 1 is named as the next: no waiting would
 * show it.
 */
export function throttles(rows: readonly Throttled[], known: Known): LockedDoor[] {
  const isHeld = (row: Throttled) =>
    throttlesLine(row, known) || (known.isHeldElsewhere && throttlesNext(row));
  const held = rows.filter(isHeld);
  // One command opens it for all agents: the longest line, which stands first, tells of it.
  const worst = held.filter(({ field }, at) => held.findIndex((row) => row.field === field) === at);
  return worst.map((row) => {
    const { field, figure } = row;
    const rule = `execution-limits.${field}`;
    const same = held.filter((each) => each.field === field);
    const enough = Math.max(...same.map((each) => each.enough));
    const advised = advisedLimit('execution-limits', field, figure, enough);
    const more = counted(same.length - 1, 'more agent is', 'more agents are');
    const others = same.length === 1 ? '' : `; ${more} held by it`;
    const sentence = `${rule} is ${figure}: ${linesOf(row, known)}${others}`;
    const command = `mission policy set execution-limits ${field}=${advised}`;
    return lockedDoor('limit-throttles', sentence, command, known.settingOf(rule));
  });
}

/** A limit of 0 is a door of its own, with or without a line. */
function throttlesLine(row: Throttled, known: Known): boolean {
  const { field, figure, waiting, waitedMs } = row;
  if (figure === 0 || waiting <= figure) return false;
  if (field !== 'maxConcurrentPerAgent') return true;
  return figure < USUAL ? (waitedMs ?? 0) > PATIENCE_MS : stands(row, known);
}

function stands({ agent, typicalMs }: Throttled, { movedMs }: Known): boolean {
  const moved = agent === null ? null : movedMs(agent);
  // Of runs that nobody has seen end nobody can say that they take too long.
  if (moved === null || typicalMs === null) return false;
  return moved > Math.max(STANDS_MS, 2 * typicalMs);
}

const throttlesNext = ({ figure, waiting, behind }: Throttled): boolean =>
  figure === 1 && behind > 0 && waiting + behind > figure;

function linesOf(row: Throttled, { movedMs }: Known): string {
  const { agent, field, figure, waiting, waitedMs, typicalMs, behind } = row;
  if (field === 'maxDailyTokens') {
    return `what waits needs ${waiting} tokens, more than a whole day lets through`;
  }
  const runs = counted(waiting + behind, `run of ${agent} waits`, `runs of ${agent} wait`);
  if (field !== 'maxConcurrentPerAgent') return `${runs}, more than a whole day lets through`;
  if (behind > 0) return `${runs}, and only so many go at once when the other doors are open`;
  const slots = `${runs} for so many slots`;
  if (figure < USUAL) {
    return `${slots}, the first for ${inSeconds(waitedMs)} s; ${USUAL} slots are usual`;
  }
  const moved = inSeconds(agent === null ? null : movedMs(agent));
  return `${slots}, and none has begun for ${moved} s; its runs take ${inSeconds(typicalMs)} s`;
}

const inSeconds = (ms: number | null): number => Math.round((ms ?? 0) / 1_000);
