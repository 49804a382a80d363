#!/usr/bin/env node
/**
 * A small coding agent: adds a line to `shared.txt`, and as a reviewer counts the lines of it. Its
 * words follow the contract of `custom` programs; what it is told decides what it does.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const told = readFileSync(0, 'utf8');
const { MISSION_RUN_KIND: kind, MISSION_RESULT_FILE: file = '' } = process.env;
const handOver = (result) => writeFileSync(file, JSON.stringify(result));
/** What a connection check asks for. */
const [, name, word] =
  /file named (\S+) that holds this word and nothing else: (\S+)/.exec(told) ?? [];

if (kind === 'EXECUTION') execute();
else review();

function execute() {
  const usage = { input: 100, output: 20, cacheRead: 7, cacheWrite: 3, costUsd: 0.25 };
  const isFirst = told.includes('This is execution 1,');
  if (isFirst && told.includes('ASK FIRST') && !told.includes('the second')) {
    return handOver({ report: 'I must know.', question: 'Which line?', usage });
  }
  if (told.includes('LIMITED') && !told.includes('the limit is gone')) {
    const later = { seconds: 3600, message: 'You have hit your usage limit.' };
    return handOver({ report: '', later, usage });
  }
  if (told.includes('DO NOTHING')) return handOver({ report: 'All done!', usage });
  if (name !== undefined) {
    writeFileSync(name, `${word}\n`);
    return handOver({ report: `Wrote ${name}.`, usage });
  }
  if (told.includes('TAKE LONG')) takeLong();
  process.stderr.write('adding a line\n');
  appendFileSync('shared.txt', 'another line\n');
  execFileSync('git', ['add', '--all']);
  handOver({ report: 'A line was added.\nChecked by counting.', usage });
}

/** The first attempt never ends; the next finds its home folder and its files. */
function takeLong() {
  const begun = `${process.env.HOME}/begun`;
  if (existsSync(begun)) {
    const isAsLeft = readFileSync('shared.txt', 'utf8').endsWith('half a line\n');
    if (isAsLeft && told.includes('You were interrupted')) return;
    throw new Error('it was not interrupted, or its files are gone');
  }
  writeFileSync(begun, process.cwd());
  appendFileSync('shared.txt', 'half a line\n');
  process.stderr.write('half of it is done\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function review() {
  const nonce = /"nonce": "([^"]+)"/.exec(told)?.[1];
  const earlier = /Answer every earlier issue exactly once, under its id: (.+)\./.exec(told)?.[1];
  const ids = earlier?.split(', ') ?? [];
  const lines = readFileSync(name ?? 'shared.txt', 'utf8')
    .trim()
    .split('\n').length;
  const isEnough = name !== undefined || lines >= 3;
  const evidence = 'it was read';
  handOver({
    report: `Read ${lines} lines.`,
    verdict: {
      nonce,
      verdict: isEnough ? 'APPROVED' : 'REVISION',
      summary: isEnough ? `three lines; the copy is ${writable()}` : 'a line is missing',
      issues: isEnough ? [] : [{ severity: 'blocking', text: 'shared.txt has two lines' }],
      criteria: name === undefined ? [] : [{ criterion: 'A1', result: 'met', evidence }],
      earlier: isEnough ? ids.map((issue) => ({ issue, answer: 'fixed' })) : [],
      spawn: [],
    },
    usage: { input: 50, output: 5 },
  });
}

function writable() {
  try {
    writeFileSync(name ?? 'shared.txt', 'mine\n');
    return 'writable';
  } catch {
    return 'read-only';
  }
}
