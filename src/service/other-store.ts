import type { HouseFacts } from '../../drizzle/read-house.js';
import type { Store } from '../client/engine.js';
import { type LockedDoor, lockedDoor } from './door.js';

/** The door that is locked while another Temporal store answers than the one that is bound. */
export function otherStore({ bound }: HouseFacts, store: Store): LockedDoor[] {
  const isBound = bound.cluster !== null;
  if (!isBound || (bound.cluster === store.cluster && bound.namespace === store.namespace))
    return [];
  const sentence =
    'another Temporal store answers than the one that has the workflows of these tasks';
  return [lockedDoor('other-temporal-store', sentence, 'mission repair')];
}
