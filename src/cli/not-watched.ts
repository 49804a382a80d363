import { lockedDoor } from '../service/door.js';
import type { LockedDoor } from '../service/index.js';
import type { StackState } from './house.js';

/** The door that only this machine can tell of. */
export function notWatched({ phase, home }: StackState): LockedDoor[] {
  if (phase !== 'killed') return [];
  const sentence = `mission up was killed, and nobody watches what it had started (${home})`;
  return [lockedDoor('not-watched', sentence, 'mission up')];
}
