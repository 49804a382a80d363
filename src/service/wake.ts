import { MissionError } from '../client/errors.js';
import type { ServiceDeps } from './deps.js';

/**
 * Wakes what a change of configuration has let go. While Temporal is away the change stands all the
 * same, and upkeep wakes them later: then it answers false.
 */
export async function wake(
  deps: ServiceDeps,
  promoted: readonly { readonly run: string; readonly workflowId: string }[],
  toLookAgain: readonly string[] = [],
): Promise<boolean> {
  if (promoted.length === 0 && toLookAgain.length === 0) return true;
  try {
    const engine = await deps.engine();
    await Promise.all([engine.wake(promoted), engine.lookAgain(toLookAgain)]);
    return true;
  } catch (error) {
    if (error instanceof MissionError) return false;
    throw error;
  }
}
