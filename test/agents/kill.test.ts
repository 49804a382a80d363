import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench } from '../support/bench.js';
import { rehearse, taskOf } from './rehearsals.js';

const WORKER = fileURLToPath(new URL('../support/rehearsing-worker.ts', import.meta.url));

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await bench.close();
});

it('kills its worker in mid-turn; the next attempt shows turns, files and output', async () => {
  const turns = [
    { files: { one: '1' }, commands: ['echo first'] },
    { files: { two: '2', half: 'not durable' }, commands: ['echo second'] },
  ];
  const faults = { exitWorker: 2, onlyAttempt: 1 };
  const log = join(bench.base, 'effects.log');
  const script = { turns, report: 'Both.', faults };
  const description = `\`\`\`scenario\n${JSON.stringify({ executions: [script] })}\n\`\`\``;
  const request = bench.request({ task: taskOf({ description }) });
  const worker = spawn(
    process.execPath,
    ['--import', 'tsx', WORKER, bench.base, log, JSON.stringify(request)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const told: Buffer[] = [];
  worker.stdout.on('data', (chunk: Buffer) => told.push(chunk));
  const [, signal] = await once(worker, 'close');
  expect(signal).toBe('SIGKILL');
  expect(await bench.read('half')).toBe('not durable');

  bench.checkpoints.push(
    ...Buffer.concat(told)
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
  expect(bench.checkpoints.map(({ turn }) => turn)).toEqual([1]);
  const resume = await bench.restore();
  expect(await bench.read('half')).toBeNull();

  const backend = await rehearse(bench, {}, log);
  const outcome = await bench.attempt(backend, { ...request, attempt: 2, resume });
  expect(outcome).toMatchObject({
    kind: 'finished',
    commands: '$ echo first\nfirst\nexit 0\n$ echo second\nsecond\nexit 0\n',
  });
  expect([await bench.read('one'), await bench.read('two')]).toEqual(['1', '2']);
  const lines = (await readFile(log, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { attempt: 1, turn: 1 },
    { attempt: 2, turn: 2 },
  ]);
});
