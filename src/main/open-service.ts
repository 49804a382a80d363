import { connect } from '../../drizzle/db.js';
import type { Engine } from '../client/engine.js';
import type { Config } from '../config.js';
import { readState, type State } from '../dev/state.js';
import { createService, type Service, ServiceError } from '../service/index.js';
import type { Surroundings } from './surroundings.js';

/**
 * The service over the servers that the configuration names, else over those of the stack that runs
 * on the data folder. Connects with the first statement or call.
 */
export function openService({ config, place }: Surroundings): {
  readonly service: Service;
  close(): Promise<void>;
} {
  const state = readState(place.home);
  const database = connect(databaseUrl(config, state, place.home), { max: 4 });
  let engine: Promise<Engine> | null = null;
  const service = createService({
    database,
    engine: () => (engine ??= openEngineOf(config, state)),
    principal: `person:${config.user.replaceAll(/\s+/g, '-')}`,
    door: 'cli',
    taskQueue: config.taskQueue,
    async probe(location, branch) {
      const { createWorkspaces } = await import('../workspace/index.js');
      const { home, searchPath } = { home: place.home, searchPath: config.searchPath };
      return createWorkspaces({ home, searchPath }).probe(location, branch);
    },
  });
  return {
    service,
    async close() {
      await Promise.allSettled([database.close(), engine?.then((opened) => opened.close())]);
    },
  };
}

function databaseUrl(config: Config, state: State | null, home: string): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  // While it starts, the servers may answer already: `mission repair` needs them then.
  const runs = state !== null && state.phase !== 'stopped' && state.postgres !== null;
  if (runs && state.postgres !== null) return state.postgres.url;
  const sentence = `Mission Control does not run here (data folder ${home}); start it: mission up`;
  throw new ServiceError('unreachable', sentence);
}

async function openEngineOf(config: Config, state: State | null): Promise<Engine> {
  const [{ openEngine }, { Unreachable }] = await Promise.all([
    import('../client/engine.js'),
    import('../client/errors.js'),
  ]);
  const { taskQueue } = config;
  if (config.temporal !== null) {
    const { namespace } = config;
    return openEngine({ ...config.temporal, namespace, taskQueue });
  }
  const running = state?.phase === 'stopped' ? null : state?.temporal;
  if (!running) {
    throw new Unreachable('no Temporal server is configured or runs here: mission up', '');
  }
  const { address, namespace } = running;
  return openEngine({ address, connectionOptions: { address }, namespace, taskQueue });
}
