#!/usr/bin/env node
/** The command line `mission`. */
import { run } from '../cli/program.js';
import { createHouse } from './house.js';

/** What they have started must be ended by them, whoever listens. */
const STAYING: readonly (string | undefined)[] = ['up', 'demo'];

// A reader such as `head` may leave before the answer has ended, and a terminal may be closed
// (EIO): that is no failure, and what stays has its servers to stop first.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (!STAYING.includes(process.argv[2])) process.exit(0);
  });
}

process.exitCode = await run(process.argv.slice(2), createHouse());
