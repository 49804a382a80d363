import { setTimeout as sleep } from 'node:timers/promises';
import { forgetDrain, toldDrain, wishDrain } from './drain-file.js';
import { isAlive, type ProcessRef, terminate } from './process.js';
import { readState, type State } from './state.js';

/** Longer than a holder needs when every part has to be killed. */
const PATIENCE_MS = 120_000;

/**
 * Ends the stack of a data folder from any process: asks its holder and waits for it; what a
 * killed holder left behind is ended directly.
 * @param drain lets running work end first, for so many milliseconds at most
 * @returns what was there to end
 * Throws when the holder belongs to another user or does not end.
 */
export async function stopStack(
  home: string,
  { drain = null, say }: { drain?: number | null; say(line: string): void },
): Promise<'stopped' | 'leftovers' | 'nothing'> {
  const holder = readState(home)?.holder;
  if (!holder || !isAlive(holder)) {
    const state = readState(home);
    const found = state !== null && leftovers(state).length > 0;
    await endLeftovers(state, { say, keepPostgres: false, keepTemporal: false });
    return found ? 'leftovers' : 'nothing';
  }
  if (drain !== null) wishDrain(home, drain);
  else forgetDrain(home); // an earlier wish to drain no longer holds
  try {
    process.kill(holder.pid, 'SIGTERM');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Process ${holder.pid} holds ${home} and cannot be asked to end: ${reason}.`);
  }
  const patience = PATIENCE_MS + (drain ?? 0);
  const deadline = Date.now() + patience;
  let told = 0;
  for (let isOver = false; !isOver; ) {
    isOver = !isAlive(holder) || readState(home)?.phase === 'stopped';
    const lines = drain === null ? [] : toldDrain(home);
    for (const line of lines.slice(told)) say(line);
    told = lines.length;
    if (Date.now() > deadline) {
      const seconds = Math.round(patience / 1000);
      throw new Error(`Process ${holder.pid} holds ${home} and has not ended in ${seconds} s.`);
    }
    if (!isOver) await sleep(50);
  }
  await endLeftovers(readState(home), { say, keepPostgres: false, keepTemporal: false });
  return 'stopped';
}

/**
 * Ends what the last holder left running when it was killed: its workers always, whose output and
 * end nobody watches any more, and servers that are not to be adopted.
 * @returns the workers of the last holder, all of them dead by now
 */
export async function endLeftovers(
  state: State | null,
  options: { say(line: string): void; keepPostgres: boolean; keepTemporal: boolean },
): Promise<ProcessRef[]> {
  if (!state) return [];
  const { keepPostgres, keepTemporal, say } = options;
  const kept = { worker: false, Postgres: keepPostgres, Temporal: keepTemporal };
  for (const { kind, process, signal } of leftovers(state)) {
    if (kept[kind]) continue;
    say(`Ending a ${kind} (process ${process.pid}) that a killed \`mission up\` left behind`);
    await terminate(process, { graceMs: 20_000, group: kind !== 'Postgres', signal });
  }
  return state.workers.map((worker) => worker.process);
}

interface Leftover {
  kind: 'worker' | 'Temporal' | 'Postgres';
  process: ProcessRef;
  signal: NodeJS.Signals;
}

/** In the order in which they are to end. */
function leftovers({ workers, temporal, postgres }: State): Leftover[] {
  const all = workers.map(
    ({ process }): Leftover => ({ kind: 'worker', process, signal: 'SIGTERM' }),
  );
  const server = temporal?.process;
  if (server) all.push({ kind: 'Temporal', process: server, signal: 'SIGTERM' });
  const database = postgres?.process;
  // SIGTERM would let it wait for its clients.
  if (database) all.push({ kind: 'Postgres', process: database, signal: 'SIGINT' });
  return all.filter(({ process }) => isAlive(process));
}
