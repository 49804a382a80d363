import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { setSquadPaused } from '../../drizzle/configure.js';
import { connect, type Database } from '../../drizzle/db.js';
import { type ActiveRun, readActiveRuns } from '../../drizzle/read-active.js';
import { readHouse } from '../../drizzle/read-house.js';
import { runPromoted } from '../contract.js';
import { taskLabel } from '../domain/ids.js';

/** Who pauses the squad for a drain: the next start lets go of this pause, and of no other. */
const DRAIN = 'system:drain';
const LOOK_MS = 500;
/** Between the end of a run's activity and its record, or its slot and its start, is a moment. */
const IDLE_LOOKS = 3;
/** What is waited for is said again after this long, also where it is the same. */
const SAY_AGAIN_MS = 15_000;
/** An activity's states while a worker has it: started, asked to end, asked to pause. */
const AT_WORK: readonly unknown[] = [2, 3, 5];

interface DrainOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/**
 * Lets every run come to the end of its turn, where it is kept, and nothing new start. A run that
 * nobody is at work on is not waited for: it resumes after the next start. Nor is any after the
 * timeout, when whatever runs is stopped as by any other stop.
 */
export async function drain(
  databaseUrl: string,
  client: Client,
  { timeoutMs, signal, say }: DrainOptions,
): Promise<void> {
  const database = connect(databaseUrl, { max: 1 });
  const until = Date.now() + timeoutMs;
  let told = { what: '', at: 0 };
  let idle = 0;
  try {
    const { squadPaused } = await readHouse(database);
    if (!squadPaused) await pause(database, true);
    for (;;) {
      const active = await readActiveRuns(database);
      const busy = await performed(client, active);
      idle = busy.length === 0 ? idle + 1 : 0;
      if (active.length === 0 || idle >= IDLE_LOOKS || Date.now() >= until) {
        return sayLeft(active, busy, timeoutMs, say);
      }
      const what = busy.map(({ id }) => id).join();
      if (busy.length > 0 && (told.what !== what || Date.now() - told.at >= SAY_AGAIN_MS)) {
        const left = Math.ceil((until - Date.now()) / 1000);
        say(`Waiting for ${busy.map(runText).join(', ')}; at most ${left} s more`);
        told = { what, at: Date.now() };
      }
      await sleep(Math.min(LOOK_MS, Math.max(0, until - Date.now())), undefined, { signal });
    }
  } finally {
    await database.close();
  }
}

/** Those of the runs that an agent is at work on: the record may not know of a failed try yet. */
async function performed(client: Client, active: readonly ActiveRun[]): Promise<ActiveRun[]> {
  const attempted = active.filter((run) => run.attempted);
  const isStarted = await Promise.all(
    attempted.map(async ({ workflowId }) => {
      try {
        const { raw } = await client.workflow.getHandle(workflowId).describe();
        return (raw.pendingActivities ?? []).some(({ state }) => AT_WORK.includes(state));
      } catch {
        return true; // Temporal is away, which says nothing about the agent
      }
    }),
  );
  return attempted.filter((_, index) => isStarted[index]);
}

function sayLeft(
  active: readonly ActiveRun[],
  busy: readonly ActiveRun[],
  timeoutMs: number,
  say: (line: string) => void,
): void {
  if (busy.length > 0) say(`Not at the end of a turn after ${timeoutMs / 1000} s: it is stopped`);
  if (active.length === 0) return;
  const runs = active.map((run) => `${nameOf(run)}`).join(', ');
  say(`Resumes from its last checkpoint after the next start: ${runs}`);
}

const nameOf = ({ kind, number, task }: ActiveRun): string =>
  `${kind === 'EXECUTION' ? 'Execution' : 'Review'} ${number} of ${taskLabel(task)}`;

const runText = (run: ActiveRun): string =>
  `${nameOf(run)} (${run.agent}, for ${Math.round(run.seconds)} s)`;

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
