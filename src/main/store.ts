import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { call, type Database } from '../../drizzle/db.js';
import { tell } from '../cli/print.js';

/** The Temporal store a connection leads to: ids survive restarts, not a lost file. */
export interface Store {
  readonly cluster: string;
  readonly namespace: string;
}

/** What binding came to: `bound`, or the store that this database belongs to. */
export interface Bound extends Store {
  readonly bound: boolean;
}

/** Reads the ids that the server gave its cluster and the namespace. */
export async function storeOf(
  connection: Connection | NativeConnection,
  namespace: string,
): Promise<Store> {
  const { workflowService } = connection;
  const [cluster, described] = await Promise.all([
    workflowService.getClusterInfo({}),
    workflowService.describeNamespace({ namespace }),
  ]);
  return {
    cluster: cluster.clusterId || 'unknown',
    namespace: described.namespaceInfo?.id || namespace,
  };
}

/** Binds the database to the store when it is bound to none. */
export const bindStore = (database: Database, store: Store): Promise<Bound> =>
  call<Bound>(database, 'bind_temporal', {
    ...store,
    rebind: false,
    by: 'system:worker',
    door: 'system',
  });

export const STRANGE_STORE =
  'this Temporal server is not the one that holds the open tasks of this database; ' +
  'nothing is worked on until you run: mission repair';

/** Waits, saying so once, until this store is the one that the database belongs to. */
export async function untilBound(database: Database, store: Store): Promise<void> {
  for (let said = false; ; said = true) {
    const { bound } = await bindStore(database, store);
    if (bound) return;
    if (!said) tell(STRANGE_STORE);
    await sleep(2000);
  }
}
