import { existsSync } from 'node:fs';
import { connect } from '../../drizzle/db.js';
import type { Engine } from '../client/engine.js';
import type { Config } from '../config.js';
import { readState, type State } from '../dev/state.js';
import type { RepositoryDesk } from '../service/desk.js';
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
  const database = connect(databaseUrl(config, state, place), { max: 4 });
  let engine: Promise<Engine> | null = null;
  let desk: Promise<RepositoryDesk> | null = null;
  const service = createService({
    database,
    ownDatabase: config.databaseUrl !== null,
    engine: () => (engine ??= openEngineOf(config, state)),
    principal: `person:${config.user.replaceAll(/\s+/g, '-')}`,
    door: 'cli',
    taskQueue: config.taskQueue,
    desk: () => (desk ??= openDesk(config, place)),
  });
  return {
    service,
    async close() {
      await Promise.allSettled([database.close(), engine?.then((opened) => opened.close())]);
    },
  };
}

async function openDesk(config: Config, { home }: Surroundings['place']): Promise<RepositoryDesk> {
  const [{ createRepositoryDesk }, { githubOf }] = await Promise.all([
    import('./repository-desk.js'),
    import('./github.js'),
  ]);
  const { searchPath, registries } = config;
  return createRepositoryDesk({ home, searchPath, registries, github: githubOf(config, home) });
}

/** The database that is named, else the one of the stack; throws where there is none. */
export function databaseUrl(
  config: Config,
  state: State | null,
  place: Surroundings['place'],
): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  // While it starts, the servers may answer already: `mission repair` needs them then.
  const runs = state !== null && state.phase !== 'stopped' && state.postgres !== null;
  if (runs && state.postgres !== null) return state.postgres.url;
  throw new ServiceError('unreachable', notRunning(place));
}

/** Why there is no database here, and what to do about it. */
function notRunning({ home, usualHome }: Surroundings['place']): string {
  // A demo removes its data: to start there again would make an empty folder nobody meant.
  const isGone = home !== usualHome && !existsSync(home);
  const gone = `there is no data folder ${home} (a demo removes its own)`;
  if (isGone) return `${gone}; unset MISSION_HOME to use ${usualHome}`;
  return `Mission Control does not run here (data folder ${home}); start it: mission up`;
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
