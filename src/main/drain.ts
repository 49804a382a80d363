import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { setSquadPaused } from '../../drizzle/configure.js';
import { connect, type Database } from '../../drizzle/db.js';
import { countActiveRuns, readHouse } from '../../drizzle/read-house.js';
import { runPromoted } from '../contract.js';

/** Who pauses the squad for a drain: the next start lets go of this pause, and of no other. */
const DRAIN = 'system:drain';

/** Lets every run come to the end of its turn, where it is kept, and nothing new start. */
export async function drain(databaseUrl: string, signal: AbortSignal): Promise<void> {
  const database = connect(databaseUrl, { max: 1 });
  try {
    const { squadPaused } = await readHouse(database);
    if (!squadPaused) await pause(database, true);
    while ((await countActiveRuns(database)) > 0) await sleep(200, undefined, { signal });
  } finally {
    await database.close();
  }
}

/** After a drain the squad goes on with the next start. */
export async function goOn(database: Database, client: Client): Promise<void> {
  const { squadPaused, squadPausedBy } = await readHouse(database);
  if (!squadPaused || squadPausedBy !== DRAIN) return;
  const { wake } = await pause(database, false);
  for (const { run, workflowId } of wake) {
    // A workflow that is gone is for `mission repair`; upkeep repeats what was missed.
    await client.workflow
      .getHandle(workflowId)
      .signal(runPromoted, { run })
      .catch(() => undefined);
  }
}

const pause = (database: Database, paused: boolean) =>
  setSquadPaused(database, { paused, by: DRAIN, door: 'system', why: 'mission down --drain' });
