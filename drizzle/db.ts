import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

export interface Database {
  readonly sql: postgres.Sql;
  /** Typed reads; every write is one statement, a SQL function where it must be atomic. */
  readonly db: PostgresJsDatabase;
  close(): Promise<void>;
}

/**
 * The one connection maker. A statement while the server is away fails at once, and the caller's
 * retry policy waits; `backoff` is short because the driver's own grows to 20 s.
 */
export function connect(url: string, options: { readonly max?: number } = {}): Database {
  const sql = postgres(url, {
    max: options.max ?? 10,
    backoff: () => 0.25,
    connect_timeout: 5,
    onnotice: () => {},
    connection: {
      application_name: 'mission-control',
      statement_timeout: 30_000,
      lock_timeout: 20_000,
    },
  });
  return { sql, db: drizzle(sql), close: () => sql.end({ timeout: 2 }) };
}

/**
 * Calls a SQL function of one jsonb argument and returns what it returns: one statement.
 * The caller names the shape, since the function beside it in `migrations/` makes it.
 */
export async function call<T>(database: Database, name: string, argument: object): Promise<T> {
  const { sql } = database;
  // Text, since drizzle has switched off this client's own serializer for jsonb.
  const json = JSON.stringify(argument);
  const [row] = await sql<{ answer: T }[]>`select ${sql(name)}(${json}::jsonb) as answer`;
  if (row === undefined) throw new Error(`${name} returned no row`);
  return row.answer;
}
