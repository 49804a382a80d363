import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { inject } from 'vitest';

/** A database of one test file: migrated, seeded, and nobody else's. */
export interface FreshDatabase {
  url: string;
  /** Ends what is still connected and removes it. Not needed for tidiness: the suite does. */
  drop(): Promise<void>;
}

/** Copies the suite's template: every test file begins with the seeded squad and no task. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = inject('templateDatabase');
  await asAdmin((sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(template)}`);
  const url = new URL(inject('adminDatabaseUrl'));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => asAdmin((sql) => sql`DROP DATABASE ${sql(name)} WITH (FORCE)`),
  };
}

/** The suite's Temporal server, and the namespace that this test file has for itself. */
export function temporal(): { address: string; namespace: string } {
  mine ??= takeNamespace();
  return { address: inject('temporalAddress'), namespace: mine };
}

let mine: string | undefined;

/**
 * One that no other process uses: constant ids, such as upkeep's, never meet. The number of a
 * vitest worker is no such thing, two may have the same for a while.
 */
export function takeNamespace(): string {
  for (const name of inject('namespaces')) {
    const holder = join(inject('namespaceFolder'), name);
    const before = existsSync(holder) ? Number(readFileSync(holder, 'utf8')) : null;
    if (before !== null && isAlive(before)) continue;
    rmSync(holder, { force: true });
    try {
      writeFileSync(holder, String(process.pid), { flag: 'wx' });
      return name;
    } catch {
      // another process was quicker
    }
  }
  throw new Error('every namespace of the suite is in use');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** For `Worker.create`: the bundle that was made once for the suite. */
export function workflowBundle(): { codePath: string } {
  return { codePath: inject('codePath') };
}

async function asAdmin(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(inject('adminDatabaseUrl'), { max: 1, onnotice() {} });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
