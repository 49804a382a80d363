import { bindTemporal } from '../../drizzle/configure.js';
import { readOpenTasks } from '../../drizzle/read-house.js';
import { MissionError, Timeout, Unreachable } from '../client/errors.js';
import { taskLabel } from '../domain/ids.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';

export interface Repaired {
  /** Whether another store than before is bound now. */
  readonly rebound: boolean;
  /** Tasks whose workflows were missing and have been started again. */
  readonly started: readonly string[];
  readonly running: number;
  /** Tasks whose workflows have ended in Temporal: upkeep closes their records. */
  readonly closed: readonly string[];
}

/**
 * Binds the Temporal store that answers and starts the workflows that it lacks: each re-enters its
 * open record and goes on from there. Harmless when nothing is missing.
 */
export async function repair(deps: ServiceDeps): Promise<Repaired> {
  try {
    const rebound = await bind(deps);
    const found = await startMissing(deps);
    return { rebound, ...found };
  } catch (error) {
    if (!(error instanceof MissionError)) throw error;
    const isAway = error instanceof Unreachable || error instanceof Timeout;
    throw new ServiceError(isAway ? 'unreachable' : 'failed', error.message);
  }
}

async function bind({ database, engine, principal: by, door }: ServiceDeps): Promise<boolean> {
  const { cluster, namespace } = await (await engine()).store();
  const given = { cluster, namespace, by, door };
  const { bound } = await bindTemporal(database, { ...given, rebind: false });
  if (!bound) await bindTemporal(database, { ...given, rebind: true });
  return !bound;
}

/** Looked at side by side: an installation may have thousands. */
const AT_ONCE = 16;

async function startMissing(deps: ServiceDeps): Promise<Omit<Repaired, 'rebound'>> {
  const engine = await deps.engine();
  const found = { started: [] as string[], running: 0, closed: [] as string[] };
  const open = await readOpenTasks(deps.database);
  const look = async (task: (typeof open)[number]): Promise<void> => {
    const state = await engine.look(task.workflowId);
    if (state === 'running') found.running++;
    else if (state === 'closed') found.closed.push(taskLabel(task.number));
    else {
      await engine.start(task);
      found.started.push(taskLabel(task.number));
    }
  };
  for (let from = 0; from < open.length; from += AT_ONCE) {
    await Promise.all(open.slice(from, from + AT_ONCE).map(look));
  }
  await engine.startUpkeep();
  return found;
}
