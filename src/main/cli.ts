#!/usr/bin/env node
/** The command line `mission`. */
import { run } from '../cli/program.js';
import { createHouse } from './house.js';

// A reader such as `head` may leave before the answer has ended: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), createHouse());
