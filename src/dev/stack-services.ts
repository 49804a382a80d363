import type { ConnectionOptions } from '@temporalio/client';
import type { Child } from './child.js';
import { type Postgres, startPostgres } from './postgres.js';
import { readState, type State, writeState } from './state.js';
import { type Part, supervise } from './supervise.js';
import { startTemporal, type Temporal, type TemporalOptions } from './temporal.js';
import { describePlan, obtainTemporalCli, planDownload } from './temporal-cli.js';
import {
  addSearchAttributes,
  connectTemporal,
  type SearchAttributes,
} from './temporal-namespace.js';

/** What the two servers need to be started or found. */
export interface ServiceOptions {
  /** The data folder. */
  home: string;
  cacheDir: string;
  /** PATH */
  searchPath: string;
  /** MC_TEMPORAL_CLI */
  temporalCli: string | null;
  /** A Postgres of the person's own; null: the embedded one. */
  databaseUrl: string | null;
  /** A Temporal server of the person's own; null: the embedded one. */
  temporal: { address: string; connectionOptions: ConnectionOptions } | null;
  namespace: string;
  searchAttributes: SearchAttributes;
  /** One line for people. */
  say(line: string): void;
}

/** What of the stack runs by now. */
export interface Running {
  options: ServiceOptions;
  state: State;
  /** Watched, in the order of their start; ended in reverse. */
  parts: { part: Part; graceMs: number }[];
}

/** Changes what the state file says. */
export function remember(running: Running, change: Partial<State>): void {
  running.state = { ...running.state, ...change };
  writeState(running.options.home, running.state);
}

/** Starts or finds the database, and keeps it running. Returns its URL. */
export async function startDatabase(running: Running): Promise<string> {
  const { options } = running;
  const before = readState(options.home)?.postgres;
  if (options.databaseUrl !== null) {
    await checkDatabase(options.databaseUrl);
    const own = { url: options.databaseUrl, port: null, process: null };
    remember(running, { postgres: own });
    return own.url;
  }
  const start = (port?: number): Promise<Postgres> =>
    startPostgres({ ...options, durable: true, port });
  const { url, port, child } = await start(before?.port ?? undefined);
  const note = (process: Child['process'] | null) =>
    remember(running, { postgres: { url, port, process } });
  note(child.process);
  const restart = async () => sameAddress(await start(port), port);
  watchOver(running, { name: 'Postgres', first: child, start: restart, onChange: note }, 30_000);
  return url;
}

/** Starts or finds the Temporal server, and keeps it running. */
export async function startServer(
  running: Running,
): Promise<{ address: string; uiUrl: string | null }> {
  const { options } = running;
  if (options.temporal !== null) return useServer(running, options.temporal);
  const { temporalCli: named, searchPath, cacheDir } = options;
  const search = { named, searchPath, cacheDir };
  const plan = await planDownload(search);
  if (plan) options.say(describePlan(plan));
  const cli = await obtainTemporalCli(search);
  const { home, namespace, searchAttributes, say } = options;
  const fixed = { home, namespace, searchAttributes, say, cli, durable: true };
  const before = readState(home)?.temporal;
  const first = await startTemporal({ ...fixed, ...ports(before) });
  const { address, uiUrl, port, uiPort, version } = first;
  const note = (process: Child['process'] | null) =>
    remember(running, {
      temporal: { address, namespace, uiUrl, port, uiPort, version, cli: cli.path, process },
    });
  note(first.child.process);
  const restart = async () => sameAddress(await startTemporal({ ...fixed, ...ports(first) }), port);
  watchOver(
    running,
    { name: 'Temporal', first: first.child, start: restart, onChange: note },
    5_000,
  );
  return { address, uiUrl };
}

function watchOver(
  running: Running,
  part: Pick<Parameters<typeof supervise>[0], 'name' | 'first' | 'start' | 'onChange'>,
  graceMs: number,
): void {
  running.parts.push({ part: supervise({ ...part, say: running.options.say }), graceMs });
}

/** Everyone who is connected knows the old address, so another is no success. */
function sameAddress(service: Postgres | Temporal, port: number): Child {
  if (service.port === port) return service.child;
  void service.stop();
  throw new Error(`Its port ${port} is taken by another program now.`);
}

function ports(
  known: { port: number | null; uiPort: number | null } | null | undefined,
): Pick<TemporalOptions, 'port' | 'uiPort'> {
  return { port: known?.port ?? undefined, uiPort: known?.uiPort ?? undefined };
}

/** A server of the person's own: it must answer; what it refuses is said, not fatal. */
async function useServer(
  running: Running,
  server: NonNullable<ServiceOptions['temporal']>,
): Promise<{ address: string; uiUrl: null }> {
  const { namespace, searchAttributes, say } = running.options;
  const connection = await connectTemporal(server.connectionOptions);
  try {
    await addSearchAttributes(connection, namespace, searchAttributes);
  } catch (error) {
    // Temporal Cloud, for one, lets only its own tool add them: they may well be there.
    say(error instanceof Error ? error.message : String(error));
  } finally {
    await connection.close();
  }
  const { address } = server;
  const unknown = { uiUrl: null, port: null, uiPort: null, version: null, cli: null };
  remember(running, { temporal: { address, namespace, ...unknown, process: null } });
  return { address, uiUrl: null };
}

/** Throws an error that names the server, without the password, when it cannot be used. */
async function checkDatabase(url: string): Promise<void> {
  const { default: connect } = await import('postgres');
  const sql = connect(url, { max: 1, connect_timeout: 10, onnotice() {} });
  const { host, pathname } = new URL(url);
  try {
    const [row] = await sql`select current_setting('server_version_num')::int as version`;
    if (Number(row?.version) < 140_000) throw new Error(`its version is ${row?.version}, too old`);
  } catch (error) {
    const reason = error instanceof Error ? error.message || String(error) : String(error);
    throw new Error(
      `DATABASE_URL names ${host}${pathname}, which cannot be used: ${reason}. A Postgres of ` +
        'version 14 to 18 is needed; unset DATABASE_URL to use the embedded one.',
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}
