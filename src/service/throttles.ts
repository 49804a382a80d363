import type { Setting, Throttled } from '../../drizzle/read-doors.js';
import { advisedLimit } from '../domain/policy.js';
import { counted } from '../domain/text.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** A line that is shorter lived than this passes by itself. */
const PATIENCE_MS = 30_000;

/**
 * The figures of the limits that throttle a backlog: more waits behind one than it lets through,
 * today or at once. A line for slots is a door only when its first has waited longer than the
 * agent's runs take; a house that is merely busy lets its first go before that.
 */
export function throttles(
  rows: readonly Throttled[],
  settingOf: (rule: string) => Setting | null,
): LockedDoor[] {
  const held = rows.filter(throttlesLine);
  // One command opens it for all agents: the longest line, which stands first, tells of it.
  const worst = held.filter(({ field }, at) => held.findIndex((row) => row.field === field) === at);
  return worst.map((row) => {
    const { field, figure } = row;
    const rule = `execution-limits.${field}`;
    const enough = Math.max(...held.flatMap((each) => (each.field === field ? [each.enough] : [])));
    const advised = advisedLimit('execution-limits', field, figure, enough);
    const others = held.filter((each) => each.field === field).length - 1;
    const more =
      others === 0 ? '' : `, and so it is for ${counted(others, 'other agent', 'others')}`;
    const sentence = `${rule} is ${figure}: ${linesOf(row)}${more}`;
    const command = `mission policy set execution-limits ${field}=${advised}`;
    return lockedDoor('limit-throttles', sentence, command, settingOf(rule));
  });
}

/** A limit of 0 is a door of its own, with or without a line. */
function throttlesLine({ field, figure, waiting, waitedMs, typicalMs }: Throttled): boolean {
  if (figure === 0 || waiting <= figure) return false;
  return field !== 'maxConcurrentPerAgent' || waitedMs > Math.max(PATIENCE_MS, typicalMs ?? 0);
}

function linesOf({ agent, field, waiting, waitedMs }: Throttled): string {
  if (field === 'maxDailyTokens') {
    return `what waits needs ${waiting} tokens, more than a whole day lets through`;
  }
  const runs = `${counted(waiting, 'run', 'runs')} of ${agent} wait`;
  if (field !== 'maxConcurrentPerAgent') return `${runs}, more than a whole day lets through`;
  const seconds = Math.round(waitedMs / 1_000);
  return `${runs} for so many slots, the first for ${seconds} s, longer than its runs take`;
}
