import { fileURLToPath } from 'node:url';
import { call } from '../../drizzle/db.js';
import type { AgentProgram } from '../../src/domain/program.js';
import type { House } from './house.js';

/** A small real program that edits code: see `agents/paging.mjs`. */
const PAGING: AgentProgram = {
  preset: 'custom',
  file: fileURLToPath(new URL('./agents/paging.mjs', import.meta.url)),
  args: [],
  variables: [],
  hosts: [],
  budgetTokens: 100_000,
};

/** Connects the whole squad, as `mission agent connect` does after its trial. */
export async function connectAll(
  { database }: Pick<House, 'database'>,
  program: AgentProgram = PAGING,
  model: string | null = null,
): Promise<void> {
  const agents = await database.sql<{ id: string }[]>`select id from agents`;
  const by = { by: 'person:ann', door: 'cli', why: 'a test' };
  const ids = agents.map(({ id }) => id);
  await call(database, 'connect_agents', { ...by, agents: ids, program, model });
}
