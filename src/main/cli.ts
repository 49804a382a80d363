#!/usr/bin/env node
/** The command line `mission`. */
import { run } from '../cli/program.js';
import { createHouse } from './house.js';

/** What they have started must be ended by them, whoever listens. */
const STAYING: readonly (string | undefined)[] = ['up', 'demo'];

// A reader such as `head` may leave before the answer has ended: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (!STAYING.includes(process.argv[2])) process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), createHouse());
