import type { Poller } from '../client/engine.js';
import { MissionError } from '../client/errors.js';
import type { ServiceDeps } from './deps.js';

/** A worker asks at least once a minute; one that was killed stays listed for five. */
const LIVE_WITHIN_MS = 70_000;

export const isLive = ({ idleMs }: Poller): boolean => idleMs < LIVE_WITHIN_MS;

/** Whether a worker polls, by last access; null when Temporal does not answer. */
export async function workerLives(deps: ServiceDeps): Promise<boolean | null> {
  try {
    const engine = await deps.engine();
    return (await engine.pollers()).some(isLive);
  } catch (error) {
    if (error instanceof MissionError) return null;
    throw error;
  }
}
