#!/usr/bin/env node
/**
 * `npm run db:seed`: migrates, inserts what is missing, changes nothing, and says of each row what
 * became of it. Where a Temporal server is configured, its search attributes are added as well.
 */
import { migrate } from '../../drizzle/migrate.js';
import { seed, seededLine } from '../../drizzle/seed.js';
import { act, Exits } from '../cli/act.js';
import { SEARCH_ATTRIBUTES } from '../contract.js';
import { readState } from '../dev/state.js';
import { addSearchAttributes, connectTemporal } from '../dev/temporal-namespace.js';
import { createHouse, lookAround } from './house.js';
import { databaseUrl } from './open-service.js';

const house = createHouse();
const exits = new Exits();
await act(house, exits, {}, async ({ terminal }) => {
  const { config, place } = await lookAround();
  const url = databaseUrl(config, readState(place.home), place);
  await migrate(url);
  for (const row of await seed(url)) terminal.line(seededLine(row), row);
  if (config.temporal === null) return undefined;
  const connection = await connectTemporal(config.temporal.connectionOptions);
  try {
    await addSearchAttributes(connection, config.namespace, SEARCH_ATTRIBUTES);
  } finally {
    await connection.close();
  }
  terminal.line(`search attributes of ${config.namespace}: in place`, null);
  return undefined;
});
process.exitCode = exits.code;
