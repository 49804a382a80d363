#!/usr/bin/env node
/**
 * A coding agent that writes `add.js`, wrong at first where it is asked to be, and mends it when it
 * is told that a check fails. As a reviewer it tries what a reviewer may not do, and says how far
 * it came.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';

const told = readFileSync(0, 'utf8');
const { MISSION_RUN_KIND: kind, MISSION_RESULT_FILE: file = '' } = process.env;
const handOver = (result) => writeFileSync(file, JSON.stringify(result));

if (kind === 'EXECUTION') execute();
else await review();

function execute() {
  const isTold = told.includes('# Issues to answer') && told.includes(' fails: ');
  const isWrong = told.includes('NEVER RIGHT') || (told.includes('WRONG FIRST') && !isTold);
  const sign = isWrong ? '-' : '+';
  writeFileSync('add.js', `module.exports = (one, other) => one ${sign} other;\n`);
  const isLinking = told.includes('LINK OUT') && !told.includes('# Issues to answer');
  if (isLinking) symlinkSync('/etc/passwd', 'out');
  writeFileSync('notes.txt', `${told.length}\n`);
  handOver({ report: isTold ? 'Mended what the check found.' : 'Wrote add.js.' });
}

async function review() {
  const nonce = /"nonce": "([^"]+)"/.exec(told)?.[1];
  const earlier = /Answer every earlier issue exactly once, under its id: (.+)\./.exec(told)?.[1];
  const tried = [
    attempt('write', () => writeFileSync('add.js', 'mine\n')),
    attempt('new file', () => writeFileSync('mine.js', 'mine\n')),
    attempt('commit', () =>
      execFileSync('git', ['commit', '--allow-empty', '-m', 'mine'], { stdio: 'pipe' }),
    ),
    await dial(),
  ];
  handOver({
    report: tried.join('\n'),
    verdict: {
      nonce,
      verdict: 'APPROVED',
      summary: tried.join('; '),
      issues: [],
      criteria: [],
      earlier: (earlier?.split(', ') ?? []).map((issue) => ({ issue, answer: 'fixed' })),
      spawn: [],
    },
  });
}

function attempt(what, deed) {
  try {
    deed();
    return `${what}: done`;
  } catch {
    return `${what}: refused`;
  }
}

/** The address of whoever listens on this machine stands in the task. */
function dial() {
  const port = Number(/DIAL (\d+)/.exec(told)?.[1] ?? 9);
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2000 });
    const end = (how) => () => {
      socket.destroy();
      resolve(`dial: ${how}`);
    };
    socket.on('connect', end('done')).on('error', end('refused')).on('timeout', end('refused'));
  });
}
