#!/usr/bin/env node
/**
 * A small coding agent that reads before it writes: it runs the tests, mends the one line that they
 * are red for, and runs them again. As a reviewer it looks whether that line is mended.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const told = readFileSync(0, 'utf8');
const { MISSION_RUN_KIND: kind, MISSION_RESULT_FILE: file = '' } = process.env;
const usage = { input: 100, output: 20 };
const handOver = (result) => writeFileSync(file, JSON.stringify({ ...result, usage }));
/** What a connection check asks for. */
const [, name, word] =
  /file named (\S+) that holds this word and nothing else: (\S+)/.exec(told) ?? [];

if (kind === 'EXECUTION') execute();
else review();

function execute() {
  if (name !== undefined) {
    writeFileSync(name, `${word}\n`);
    return handOver({ report: `Wrote ${name}.` });
  }
  const before = spawnSync('npm', ['test'], { stdio: 'ignore' }).status;
  writeFileSync('sum.js', readFileSync('sum.js', 'utf8').replace('one - other', 'one + other'));
  const after = spawnSync('npm', ['test'], { stdio: 'ignore' }).status;
  handOver({ report: `npm test ended with ${before} before and with ${after} after.` });
}

function review() {
  const nonce = /"nonce": "([^"]+)"/.exec(told)?.[1];
  const isMended = name !== undefined || readFileSync('sum.js', 'utf8').includes('one + other');
  const criteria = [{ criterion: 'A1', result: 'met', evidence: 'it was read' }];
  handOver({
    report: 'Read it.',
    verdict: {
      nonce,
      verdict: isMended ? 'APPROVED' : 'REVISION',
      summary: isMended ? 'mended' : 'not mended',
      issues: isMended ? [] : [{ severity: 'blocking', text: 'sum.js subtracts' }],
      criteria: name === undefined ? [] : criteria,
      earlier: [],
      spawn: [],
    },
  });
}
