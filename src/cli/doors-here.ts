import { helpedBy, lockedDoor } from '../service/door.js';
import type { LockedDoor } from '../service/index.js';
import type { StackState } from './house.js';
import type { Ways } from './ways.js';

/** The door that only this machine can tell of. */
export function notWatched({ phase, home }: StackState): LockedDoor[] {
  if (phase !== 'killed') return [];
  const sentence = `what keeps ${home} up was killed, and nobody watches what it had started`;
  return [lockedDoor('not-watched', sentence, 'mission up')];
}

/**
 * A door of what runs with the command that opens it here. Where `mission up` runs, what does not
 * answer hangs: a second one would only join the first. It starts no Temporal of the person's own.
 */
export function doorHere(
  door: LockedDoor,
  stack: StackState,
  temporalAddress: string | null,
): LockedDoor {
  if (door.command !== 'mission up' || door.door === 'not-watched') return door;
  if (door.door === 'temporal-away' && isOwnTemporal(stack, temporalAddress)) {
    return { ...door, ...helpedBy(null) };
  }
  return stack.phase === 'ready' ? { ...door, ...helpedBy('mission down && mission up') } : door;
}

const isOwnTemporal = (stack: StackState, asked: string | null): boolean =>
  asked !== null && (asked !== stack.temporalAddress || stack.cliVersion === null);

/** Before the command of a door. */
export const leadOf = ({ opens }: Pick<LockedDoor, 'opens'>): string =>
  opens ? 'opens it:' : 'look:';

/** As it is printed. Only of servers that are away it is ours alone, and may name a command. */
export const sentenceOf = ({ door, sentence }: LockedDoor, ways: Ways): string =>
  door === 'database-away' || door === 'temporal-away' ? ways.inText(sentence) : sentence;
