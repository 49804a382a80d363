import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../src/main/bundle.js';
import { readHistory } from '../support/histories.js';
import { ROOT } from '../support/source.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mission-changed-'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Change {
  readonly what: string;
  readonly file: string;
  readonly instead: string;
  readonly of: string;
  /** Which stored history would not go on. */
  readonly story: string;
}

/** Each as somebody might make it, without a thought for what is under way. */
const CHANGES: readonly Change[] = [
  {
    what: 'a step is added',
    file: 'task-life.ts',
    instead: 'const life = new TaskLife(begun, inbox);',
    of: 'await steps.decideAgain(begun.taskId);\n    const life = new TaskLife(begun, inbox);',
    story: 'revision.json',
  },
  {
    what: 'the review is left out',
    file: 'task.ts',
    instead: `checked === 'executed' ? await life.review(cycle) : checked`,
    of: `checked === 'executed' ? ('accepted' as const) : checked`,
    story: 'landing-branch.json',
  },
  {
    what: 'executions and landings change places',
    file: 'task.ts',
    instead: 'const executed = await life.execute(cycle);',
    of: 'await life.land(cycle);\n    const executed = await life.execute(cycle);',
    story: 'auto-approved.json',
  },
];

/** The bundle of a copy of the workflows, with this change in it. */
async function bundled(change: Change | null): Promise<string> {
  for (const part of ['workflows', 'src/contract.ts', 'src/domain', 'package.json']) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true });
  }
  if (change !== null) {
    const path = join(folder, 'workflows', change.file);
    const text = await readFile(path, 'utf8');
    expect(text).toContain(change.instead);
    await writeFile(path, text.replace(change.instead, change.of));
  }
  const { code } = await bundleWorkflows(pathToFileURL(join(folder, 'workflows', 'index.ts')));
  return code;
}

const replay = (code: string, story: string) =>
  Worker.runReplayHistory({ workflowBundle: { code } }, readHistory(story), 'task/replayed');

test('a copy without a change replays: it is the change that is seen', async () => {
  const code = await bundled(null);
  for (const { story } of CHANGES) await replay(code, story);
}, 180_000);

test.each(CHANGES)(
  'a changed workflow is seen: $what',
  async (change) => {
    expect(DeterminismViolationError).toBeTypeOf('function'); // else any error would do
    const code = await bundled(change);
    await expect(replay(code, change.story)).rejects.toBeInstanceOf(DeterminismViolationError);
  },
  180_000,
);
