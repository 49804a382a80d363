import { setAgent, setSquadPaused } from '../../drizzle/configure.js';
import { type AgentRow, readAgents } from '../../drizzle/read-house.js';
import { nearest } from '../domain/text.js';
import type { ServiceDeps } from './deps.js';
import { ServiceError } from './errors.js';
import { wake } from './wake.js';

export const listAgents = ({ database }: ServiceDeps): Promise<AgentRow[]> => readAgents(database);

export async function showAgent({ database }: ServiceDeps, id: string): Promise<AgentRow> {
  const all = await readAgents(database);
  const found = all.find((agent) => agent.id === id);
  if (found === undefined) throw unknownAgent(id, all);
  return found;
}

/** Enabling also ends a pause that failures in a row have brought. */
export async function switchAgent(
  deps: ServiceDeps,
  id: string,
  enabled: boolean,
  why: string,
): Promise<{ readonly agent: string; readonly enabled: boolean; readonly released: number }> {
  const { database, principal: by, door } = deps;
  const answer = await setAgent(database, { agent: id, enabled, by, door, why });
  if (answer.kind === 'unknown') throw unknownAgent(id, await readAgents(database));
  await wake(deps, answer.wake);
  return { agent: id, enabled, released: answer.wake.length };
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

function unknownAgent(id: string, all: readonly AgentRow[]): ServiceError {
  const ids = all.map((agent) => agent.id);
  const near = nearest(id, ids);
  const meant = near === null ? '' : `; did you mean ${near}?`;
  return new ServiceError(
    'not-found',
    `there is no agent "${id}"; there are ${ids.join(', ')}${meant}`,
  );
}
