import type { Setting, Throttled } from '../../drizzle/read-doors.js';
import { advisedLimit } from '../domain/policy.js';
import { counted } from '../domain/text.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** A line that is shorter lived than this passes by itself. */
const PATIENCE_MS = 30_000;

/**
 * The figures of the limits that throttle a backlog: more waits behind one than it lets through,
 * today or at once. A line for slots is a door only when its first has waited longer than the
 * agent's runs take; a house that is merely busy lets its first go before that. Where another door
 * holds the backlog, a figure of 1 is named as the next one: that is known without waiting.
 */
export function throttles(
  rows: readonly Throttled[],
  settingOf: (rule: string) => Setting | null,
  isHeldElsewhere: boolean,
): LockedDoor[] {
  const held = rows.filter((row) => throttlesLine(row) || (isHeldElsewhere && throttlesNext(row)));
  // One command opens it for all agents: the longest line, which stands first, tells of it.
  const worst = held.filter(({ field }, at) => held.findIndex((row) => row.field === field) === at);
  return worst.map((row) => {
    const { field, figure } = row;
    const rule = `execution-limits.${field}`;
    const same = held.filter((each) => each.field === field);
    const enough = Math.max(...same.map((each) => each.enough));
    const advised = advisedLimit('execution-limits', field, figure, enough);
    const others = same.length === 1 ? '' : `; ${same.length - 1} more agents are held by it`;
    const sentence = `${rule} is ${figure}: ${linesOf(row)}${others}`;
    const command = `mission policy set execution-limits ${field}=${advised}`;
    return lockedDoor('limit-throttles', sentence, command, settingOf(rule));
  });
}

/** A limit of 0 is a door of its own, with or without a line. */
function throttlesLine({ field, figure, waiting, waitedMs, typicalMs }: Throttled): boolean {
  if (figure === 0 || waiting <= figure) return false;
  return (
    field !== 'maxConcurrentPerAgent' || (waitedMs ?? 0) > Math.max(PATIENCE_MS, typicalMs ?? 0)
  );
}

const throttlesNext = ({ figure, waiting, behind }: Throttled): boolean =>
  figure === 1 && behind > 0 && waiting + behind > figure;

function linesOf({ agent, field, waiting, waitedMs, behind }: Throttled): string {
  if (field === 'maxDailyTokens') {
    return `what waits needs ${waiting} tokens, more than a whole day lets through`;
  }
  const runs = `${counted(waiting + behind, 'run', 'runs')} of ${agent} wait`;
  if (field !== 'maxConcurrentPerAgent') return `${runs}, more than a whole day lets through`;
  if (behind > 0) return `${runs}, and only so many go at once when the other doors are open`;
  const seconds = Math.round((waitedMs ?? 0) / 1_000);
  return `${runs} for so many slots, the first for ${seconds} s, longer than its runs take`;
}
