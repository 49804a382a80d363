#!/usr/bin/env node
/**
 * An agent that tells what it does while it does it. As an executor it stops in the middle until
 * somebody makes the file `go` in its working copy.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const told = readFileSync(0, 'utf8');
const { MISSION_RUN_KIND: kind, MISSION_RESULT_FILE: result = '' } = process.env;
const handOver = (given) => writeFileSync(result, JSON.stringify(given));

if (kind === 'EXECUTION') {
  process.stderr.write('looking around\n');
  console.log('half way');
  while (!existsSync('go')) await pause(10);
  rmSync('go');
  process.stderr.write('going on\n');
  writeFileSync('work.txt', 'done\n');
  handOver({ report: 'Went on when told to.' });
} else {
  process.stderr.write('reading it\n');
  const nonce = /"nonce": "([^"]+)"/.exec(told)?.[1];
  const lists = { issues: [], criteria: [], earlier: [], spawn: [] };
  const verdict = { nonce, verdict: 'APPROVED', summary: 'Good', ...lists };
  handOver({ report: 'Read it.', verdict });
}
