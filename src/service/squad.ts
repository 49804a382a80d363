import { outdatedInbox, setAgent, setSquadPaused } from '../../drizzle/configure.js';
import { type AgentRow, readAgents } from '../../drizzle/read-house.js';
import { nearest } from '../domain/text.js';
import type { ServiceDeps } from './deps.js';
import { runsWaiting } from './doors.js';
import { ServiceError } from './errors.js';
import { squadOf } from './roster.js';
import { wake } from './wake.js';

export const listAgents = ({ database }: ServiceDeps): Promise<AgentRow[]> => squadOf(database);

export async function showAgent({ database }: ServiceDeps, id: string): Promise<AgentRow> {
  const all = await squadOf(database);
  const found = all.find((agent) => agent.id === id);
  if (found === undefined) throw unknownAgent(id, all);
  return found;
}

export interface AgentSet {
  readonly agent: string;
  readonly enabled: boolean;
  readonly released: number;
  /** False: it was so already. */
  readonly changed: boolean;
  /** What stops because it was disabled, and the command that takes it back. */
  readonly stops: string | null;
  readonly undo: string | null;
}

/** Enabling also ends a pause that failures in a row have brought. */
export async function switchAgent(
  deps: ServiceDeps,
  id: string,
  enabled: boolean,
  why: string,
): Promise<AgentSet> {
  const { database, principal: by, door } = deps;
  const all = await readAgents(database);
  const now = all.find((agent) => agent.id === id);
  if (now === undefined) throw unknownAgent(id, all);
  const off = enabled
    ? { stops: null, undo: null }
    : { stops: stopsWithout(now, all), undo: `mission agent enable ${id}` };
  const set = { agent: id, enabled, ...off };
  const isPaused = now.pausedReason !== null || (now.credential?.pausedUntil ?? null) !== null;
  if (now.enabled === enabled && !(enabled && isPaused)) {
    return { ...set, released: 0, changed: false };
  }
  const answer = await setAgent(database, { agent: id, enabled, by, door, why });
  if (answer.kind === 'unknown') throw unknownAgent(id, all);
  await wake(deps, answer.wake, await outdatedInbox(database));
  return { ...set, released: answer.wake.length, changed: true };
}

function stopsWithout({ id, queued, reviews }: AgentRow, all: readonly AgentRow[]): string {
  const waiting = queued === 0 ? '' : `, and ${runsWaiting(queued)}`;
  const others = all.filter((agent) => agent.id !== id && agent.reviews && agent.canWork);
  const review = reviews && others.length === 0 ? '; no other agent can review' : '';
  return `${id} starts nothing new${waiting}${review}`;
}

/** Paused: nothing starts, and what runs stops at its next turn and keeps its place. */
export async function pauseSquad(
  deps: ServiceDeps,
  paused: boolean,
  why: string,
): Promise<{ readonly paused: boolean; readonly released: number }> {
  const { database, principal: by, door } = deps;
  const answer = await setSquadPaused(database, { paused, by, door, why });
  await wake(deps, answer.wake);
  return { paused, released: answer.wake.length };
}

/** Names those that there are, and the one that may be meant. */
export function unknownAgent(id: string, all: readonly AgentRow[]): ServiceError {
  const ids = all.map((agent) => agent.id);
  const near = nearest(id, ids);
  const meant = near === null ? '' : `; did you mean ${near}?`;
  return new ServiceError(
    'not-found',
    `there is no agent "${id}"; there are ${ids.join(', ')}${meant}`,
  );
}
