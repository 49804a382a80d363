import type { Database } from '../../drizzle/db.js';

/** Words of a SQL function, and what stands there instead. */
export interface Mutation {
  readonly name: string;
  readonly says: string;
  readonly instead: string;
}

/** Does something while rules of the product are switched off in this database. */
export async function without<T>(
  { sql }: Database,
  mutations: readonly Mutation[],
  work: () => Promise<T>,
): Promise<T> {
  const originals: string[] = [];
  try {
    for (const { name, says, instead } of mutations) {
      const [row] = await sql<{ text: string }[]>`
        select pg_get_functiondef(${name}::regproc) as text`;
      const text = row?.text ?? '';
      if (text.split(says).length !== 2) throw new Error(`${name} does not say "${says}" once`);
      originals.push(text);
      await sql.unsafe(text.replace(says, instead));
    }
    return await work();
  } finally {
    for (const text of originals) await sql.unsafe(text);
  }
}
