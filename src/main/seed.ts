#!/usr/bin/env node
/**
 * `npm run db:seed`: migrates, inserts what is missing, changes nothing, and says of each row what
 * became of it. Where a Temporal server is configured, its search attributes are added as well.
 */
import { migrate } from '../../drizzle/migrate.js';
import { seed, seededLine } from '../../drizzle/seed.js';
import { loadConfig } from '../config.js';
import { SEARCH_ATTRIBUTES } from '../contract.js';
import { findHome } from '../dev/home.js';
import { readState } from '../dev/state.js';
import { addSearchAttributes, connectTemporal } from '../dev/temporal-namespace.js';

try {
  const config = loadConfig();
  const { path } = await findHome(config.home);
  const state = readState(path);
  const running = state?.phase === 'stopped' ? null : state?.postgres;
  const url = config.databaseUrl ?? running?.url;
  if (url === undefined) {
    throw new Error('no database: set DATABASE_URL, or start one here with npm start');
  }
  await migrate(url);
  for (const row of await seed(url)) process.stdout.write(`${seededLine(row)}\n`);
  if (config.temporal !== null) {
    const connection = await connectTemporal(config.temporal.connectionOptions);
    try {
      await addSearchAttributes(connection, config.namespace, SEARCH_ATTRIBUTES);
    } finally {
      await connection.close();
    }
    process.stdout.write(`search attributes of ${config.namespace}: in place\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message || error : String(error)}\n`);
  process.exitCode = 1;
}
