import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from '../cli/print.js';
import { lostConnection } from '../service/errors.js';

/**
 * Does it, again and again while a server is away, saying so: a worker that is started first is no
 * error. Any other error is thrown, and the signal's reason when it aborts.
 */
export async function patiently<T>(
  what: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error)) throw error;
      if (tries % 10 === 0) tell(`waiting to ${what}: ${error}`);
      await sleep(1000, undefined, signal ? { signal } : {});
    }
  }
}

/** The database's connection, or gRPC's CANCELLED, DEADLINE_EXCEEDED and UNAVAILABLE. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? Number(error.code) : null;
  const isGrpc = error.name === 'TransportError' || (code !== null && [1, 4, 14].includes(code));
  return isGrpc || lostConnection(error) !== null || isAway(error.cause);
}
