import type { Database } from '../../drizzle/db.js';

/** Every column of every table, as `table.column`, in which a text stands. */
export async function placesOf({ sql }: Database, text: string): Promise<string[]> {
  const columns = await sql<{ table: string; column: string; type: string }[]>`
    select c.table_name as table, c.column_name as column, c.data_type as type
    from information_schema.columns c join information_schema.tables t
      on t.table_schema = c.table_schema and t.table_name = c.table_name
    where t.table_type = 'BASE TABLE' and c.table_schema = current_schema()
      and c.data_type in ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')
    order by 1, 2`;
  const found: string[] = [];
  for (const { table, column, type } of columns) {
    const name = sql(column);
    const holds =
      type === 'bytea'
        ? sql`position(convert_to(${text}, 'UTF8') in ${name}) > 0`
        : sql`position(${text} in ${name}::text) > 0`;
    const [row] = await sql`select 1 from ${sql(table)} where ${holds} limit 1`;
    if (row !== undefined) found.push(`${table}.${column}`);
  }
  return found;
}
