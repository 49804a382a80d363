import { connectAgents, disconnectAgents, outdatedInbox } from '../../drizzle/configure.js';
import { type AgentRow, readAgents } from '../../drizzle/read-house.js';
import type { AgentProgram } from '../domain/program.js';
import type { ServiceDeps } from './deps.js';
import { unknownAgent } from './squad.js';
import { wake } from './wake.js';

/** What agents are to be connected with. */
export interface Connection {
  /** Empty: every agent of the squad. */
  readonly agents: readonly string[];
  readonly program: AgentProgram;
  /** null: what the program takes by itself, or for Claude Code what each agent was seeded with. */
  readonly model: string | null;
  readonly why: string;
}

export interface Connected {
  readonly agents: readonly string[];
  readonly program: AgentProgram;
  /** How many runs were let go by it. */
  readonly released: number;
}

/** Stores the program with its agents; from then on they work with it, and nothing is rehearsed. */
export async function connectAgent(deps: ServiceDeps, given: Connection): Promise<Connected> {
  const { database, principal: by, door } = deps;
  const { program, model, why } = given;
  const agents = chosen(given.agents, await readAgents(database));
  // The models of the seeded squad are Claude's: another program would not know them.
  const keepsModel = model === null && program.preset === 'claude-code';
  const answer = await connectAgents(database, {
    ...{ by, door, why, program, agents },
    ...(keepsModel ? {} : { model }),
  });
  await wake(deps, answer.wake, await outdatedInbox(database));
  return { agents: answer.agents, program, released: answer.wake.length };
}

export interface Disconnected {
  /** Those that were connected. */
  readonly agents: readonly string[];
  /** Nobody is connected any more: all of them rehearse. */
  readonly rehearsing: boolean;
}

/** Takes agents their program away: they rehearse again, once none is connected. */
export async function disconnectAgent(
  deps: ServiceDeps,
  named: readonly string[],
  why: string,
): Promise<Disconnected> {
  const { database, principal: by, door } = deps;
  const all = await readAgents(database);
  const agents = chosen(named, all);
  const answer = await disconnectAgents(database, { by, door, why, agents });
  await wake(deps, answer.wake, await outdatedInbox(database));
  const rehearsing = all.every(
    ({ id, connectedAt }) => connectedAt === null || answer.agents.includes(id),
  );
  return { agents: answer.agents, rehearsing };
}

function chosen(named: readonly string[], all: readonly AgentRow[]): readonly string[] {
  const unknown = named.find((id) => !all.some((agent) => agent.id === id));
  if (unknown !== undefined) throw unknownAgent(unknown, all);
  return named.length === 0 ? all.map(({ id }) => id) : named;
}
