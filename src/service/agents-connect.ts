import { connectAgents, outdatedInbox } from '../../drizzle/configure.js';
import { readAgents } from '../../drizzle/read-house.js';
import type { AgentProgram } from '../domain/program.js';
import type { ServiceDeps } from './deps.js';
import { unknownAgent } from './squad.js';
import { wake } from './wake.js';

/** What an agent is to be connected with. */
export interface Connection {
  /** null: every agent of the squad. */
  readonly agent: string | null;
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
  const { agent, program, model, why } = given;
  const all = await readAgents(database);
  if (agent !== null && !all.some(({ id }) => id === agent)) throw unknownAgent(agent, all);
  // The models of the seeded squad are Claude's: another program would not know them.
  const keepsModel = model === null && program.preset === 'claude-code';
  const answer = await connectAgents(database, {
    ...{ by, door, why, program },
    agents: agent === null ? all.map(({ id }) => id) : [agent],
    ...(keepsModel ? {} : { model }),
  });
  await wake(deps, answer.wake, await outdatedInbox(database));
  return { agents: answer.agents, program, released: answer.wake.length };
}
