import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AgentBackend, RunOutcome, RunRequest } from '../../src/agents/backend.js';
import { Bench } from '../support/bench.js';
import { scriptedOf, taskOf } from './rehearsals.js';

let bench: Bench;
let folder: string;
beforeEach(async () => {
  bench = await Bench.open();
  folder = join(bench.base, 'scenarios');
  await mkdir(folder);
});
afterEach(async () => {
  await bench.close();
});

const scripted = (): AgentBackend => scriptedOf({ scenarioFolder: folder, effectsLog: null });

const put = async (file: string, report: string): Promise<void> => {
  const tasks = [{ match: { title: 'A task' }, executions: [{ report }] }];
  await writeFile(join(folder, file), JSON.stringify({ name: file, tasks }));
};

const run = async (
  backend: AgentBackend,
  differences: Partial<RunRequest> = {},
): Promise<RunOutcome> => await bench.attempt(backend, bench.request(differences));

it('is searched by order of file names, and only its JSON files', async () => {
  await put('b.json', 'from b');
  await put('a.json', 'from a');
  await writeFile(join(folder, 'README.md'), 'no scenario');
  expect(await run(scripted())).toMatchObject({ report: 'from a' });
});

it('is read again when a file changed, came or went', async () => {
  await put('b.json', 'old');
  const backend = scripted();
  expect(await run(backend)).toMatchObject({ report: 'old' });
  await put('b.json', 'new');
  await utimes(join(folder, 'b.json'), 1, 1);
  expect(await run(backend)).toMatchObject({ report: 'new' });
  await put('a.json', 'first');
  expect(await run(backend)).toMatchObject({ report: 'first' });
  await rm(join(folder, 'a.json'));
  await rm(join(folder, 'b.json'));
  expect(await run(backend)).toMatchObject({ report: expect.stringContaining('nothing was done') });
});

it('stops a worker from starting when a file cannot be read', async () => {
  await writeFile(join(folder, 'bad.json'), '{"name": 3, "tasks": []}');
  expect(scripted).toThrow(/bad\.json: name: .*\(found 3\)$/);
  await rm(folder, { recursive: true });
  expect(scripted).toThrow(`${folder}: is no folder of scenarios`);
});

it('fails a run, naming the file, when a file breaks later; mended, the run goes on', async () => {
  await put('a.json', 'good');
  const backend = scripted();
  await writeFile(join(folder, 'a.json'), '{"name": "a", "task": []}');
  const message = expect.stringMatching(/a\.json: .*"task"/);
  expect(await run(backend)).toEqual({ kind: 'failed', cause: 'agent-error', message });
  await put('a.json', 'good again');
  expect(await run(backend)).toMatchObject({ report: 'good again' });
});

it("gives way to the scenario in a task's own description", async () => {
  await put('a.json', 'from the folder');
  const description = '```scenario\n{"executions": [{"report": "from the task"}]}\n```';
  const backend = scripted();
  const task = taskOf({ description });
  expect(await run(backend, { task })).toMatchObject({ report: 'from the task' });
  const broken = taskOf({ description: '```scenario\n{"execution": []}\n```' });
  const message = expect.stringContaining('execution');
  expect(await run(backend, { task: broken })).toMatchObject({ kind: 'failed', message });
});
