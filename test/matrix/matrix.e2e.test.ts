import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from '../support/build.js';
import { eventually } from '../support/tasks.js';
import { type Arena, openArena } from './arena.js';
import { type CellResult, runCell } from './cell.js';
import { shortMatrix, wholeMatrix } from './plan.js';
import { pageOf, summaryOf, tableOf } from './table.js';

const WHOLE = process.env.MC_MATRIX === 'whole';

const results: CellResult[] = [];
let opened: Promise<Arena> | null = null;
const arena = () => (opened ??= openArena());

async function close(): Promise<void> {
  const closing = opened;
  opened = null;
  await (await closing)?.close();
}

afterAll(async () => {
  console.log(`${tableOf(results)}\n\n${summaryOf(results)}`);
  await close();
}, 60_000);

test.each(WHOLE ? wholeMatrix() : shortMatrix())(
  '$fault $moment $step',
  async (cell) => {
    const result = await runCell(await arena(), cell);
    results.push(result);
    // What a broken cell has left must not break the next one.
    if (result.findings.length > 0) await close();
    expect(result.findings).toEqual([]);
  },
  240_000,
);

test('nothing is left over: no working copy, no task or workflow that nobody asked for', async () => {
  const { rig, workspaces } = await arena();
  await eventually(async () => {
    expect(await workspaces.listCopies()).toEqual([]);
    const [row] = await rig.database.sql<{ tasks: number }[]>`
      select count(*)::integer as tasks from tasks`;
    const { count } = await rig.client.workflow.count(`WorkflowType = 'task'`);
    expect(count).toBe(row?.tasks);
  });
  if (!WHOLE) return;
  const [row] = await rig.database.sql<{ version: string }[]>`
    select split_part(current_setting('server_version'), ' ', 1) as version`;
  const versions = { temporal: rig.temporal().version, postgres: row?.version ?? '' };
  mkdirSync(join(ROOT, 'docs/proof'), { recursive: true });
  writeFileSync(join(ROOT, 'docs/proof/kill-matrix.md'), pageOf(results, versions));
}, 60_000);
