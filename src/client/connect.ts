import { Client, Connection } from '@temporalio/client';
import { loadConfig } from '../config.js';
import { DEFAULT_ADDRESS, unreachable } from './failures.js';
import type { Link } from './link.js';
import { type Tasks, tasksOf } from './tasks.js';

/** What is not given comes from the environment: TEMPORAL_*, a profile, the user's name. */
export interface ConnectOptions {
  /** `host:port`; else TEMPORAL_ADDRESS or a profile's, else `localhost:7233`. */
  readonly address?: string;
  /** Else TEMPORAL_NAMESPACE or a profile's, else `default`. */
  readonly namespace?: string;
  /** Where the workers listen; else MISSION_TASK_QUEUE, else `mission-control`. */
  readonly taskQueue?: string;
  /** An open connection of the caller's, who also closes it; `address` is then not used. */
  readonly connection?: Connection;
  /** The principal who files and decides; else `person:<OS user>`. Nobody checks the name here. */
  readonly by?: string;
  /** How long connecting, and each call, may take, in milliseconds; 5000 unless set. */
  readonly timeoutMs?: number;
}

/** Mission Control as a program sees it: its tasks, over one connection to Temporal. */
export interface MissionControl {
  readonly tasks: Tasks;
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** The principal who acts when a call names nobody. */
  readonly by: string;
  /** Closes the connection, unless it is the caller's own. */
  close(): Promise<void>;
}

/**
 * Connects to the Temporal server that Mission Control works on; no database is needed.
 * @throws Unreachable naming the address; ConfigError naming the variable that cannot be used
 */
export async function connect(options: ConnectOptions = {}): Promise<MissionControl> {
  const environment = loadConfig();
  const {
    namespace = environment.namespace,
    taskQueue = environment.taskQueue,
    by = `person:${environment.user.replaceAll(/\s+/g, '-')}`,
    timeoutMs = 5_000,
  } = options;
  const connection = options.connection ?? (await open(options.address, environment, timeoutMs));
  const { address } = connection.options;
  const client = new Client({ connection, namespace });
  const link: Link = { client, connection, address, namespace, taskQueue, by, timeoutMs };
  return {
    tasks: tasksOf(link),
    address,
    namespace,
    taskQueue,
    by,
    async close() {
      if (options.connection === undefined) await connection.close();
    },
  };
}

/** The environment's key and certificates go to the server that it names, and to no other. */
async function open(
  named: string | undefined,
  { temporal }: ReturnType<typeof loadConfig>,
  timeoutMs: number,
): Promise<Connection> {
  const address = named ?? temporal?.address ?? DEFAULT_ADDRESS;
  const settings = address === temporal?.address ? temporal.connectionOptions : { address };
  try {
    return await Connection.connect({ ...settings, connectTimeout: timeoutMs });
  } catch (error) {
    throw unreachable(address, error);
  }
}
