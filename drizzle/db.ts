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
  const client = postgres(url, {
    max: options.max ?? 10,
    backoff: () => 0.25,
    connect_timeout: 5,
    onnotice: () => {},
    // Asking for them ends the process when the server goes away meanwhile: nobody awaits it. So
    // arrays travel as JSON.
    fetch_types: false,
    connection: {
      application_name: 'mission-control',
      statement_timeout: 30_000,
      lock_timeout: 20_000,
      // Our statements are short: compiling a long one takes longer than running it.
      jit: 'off',
      // Nor does any of them gain by a plan for its values: every look-up has an index of its own.
      plan_cache_mode: 'force_generic_plan',
    },
  });
  const sql = withoutHoles(client);
  return { sql, db: drizzle(sql), close: () => sql.end({ timeout: 2 }) };
}

/**
 * postgres 3.4.9 goes on counting rows from a statement that a lost backend cut short: the next
 * answer on that connection begins with as many holes, and its first row would read as missing.
 */
function withoutHoles(sql: postgres.Sql): postgres.Sql {
  const mended = <T>(query: T): T => {
    if (!(query instanceof Promise) || !('resolve' in query)) return query;
    const resolve = query.resolve as (rows: unknown[]) => void;
    query.resolve = (rows: unknown[]) => {
      const holes = rows.findIndex((_, index) => index in rows);
      if (holes > 0) rows.splice(0, holes);
      resolve(rows);
    };
    return query;
  };
  return new Proxy(sql, {
    apply: (target, self, args) => mended(Reflect.apply(target, self, args)),
    get: (target, name) =>
      name === 'unsafe'
        ? (...args: Parameters<postgres.Sql['unsafe']>) => mended(target.unsafe(...args))
        : Reflect.get(target, name),
  });
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
