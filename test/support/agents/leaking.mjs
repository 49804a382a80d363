#!/usr/bin/env node
/** A coding agent that prints its environment wherever it may say something. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

const told = readFileSync(0, 'utf8');
const { MISSION_RUN_KIND: kind, MISSION_RESULT_FILE: file = '' } = process.env;
const all = execFileSync('env', { encoding: 'utf8' });
const handOver = (result) => writeFileSync(file, JSON.stringify(result));

process.stderr.write(`to stderr: ${all}\n`);
process.stdout.write(`to stdout: ${all}\n`);
if (kind === 'EXECUTION') {
  if (told.includes('BREAK')) {
    process.exitCode = 1;
  } else if (!told.includes('the second')) {
    handOver({ report: 'I must know.', question: `Which line? ${all}` });
  } else {
    appendFileSync('shared.txt', 'another line\n');
    handOver({ report: `A line was added. ${all}` });
  }
} else {
  const nonce = /"nonce": "([^"]+)"/.exec(told)?.[1];
  const verdict = { nonce, verdict: 'APPROVED', summary: `Good. ${all}`, issues: [] };
  handOver({ report: all, verdict: { ...verdict, criteria: [], earlier: [], spawn: [] } });
}
