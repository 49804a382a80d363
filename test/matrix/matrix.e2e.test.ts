import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from '../support/build.js';
import { eventually } from '../support/tasks.js';
import { type Arena, openArena } from './arena.js';
import { type Cell, type CellResult, type Patience, runCell } from './cell.js';
import { type Mutation, without } from './mutant.js';
import { shortMatrix, wholeMatrix } from './plan.js';
import { pageOf, summaryOf, tableOf, versionsHere } from './table.js';

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

/** Runs a cell while rules of the product are switched off in the database; then all goes on. */
async function runWithout(rules: readonly Mutation[], cell: Cell, patience?: Patience) {
  const here = await arena();
  const { findings } = await without(here.rig.database, rules, () => runCell(here, cell, patience));
  await untilQuiet(here);
  return findings;
}

const untilQuiet = ({ rig }: Arena) =>
  eventually(async () => {
    const open = await rig.database.sql`select number from tasks where ended_at is null`;
    expect(open).toEqual([]);
  }, 60_000);

test('it can fail: with checkpoints forgotten, a turn that was stored is done again', async () => {
  const rule = {
    name: 'save_progress',
    says: `update attempts set checkpoint = p -> 'checkpoint'`,
    instead: 'update attempts set checkpoint = null',
  };
  const cell = { step: 'checkpoint stored', moment: 'after', fault: 'connections cut' } as const;
  const findings = await runWithout([rule], cell);
  expect(findings).toMatchObject([expect.stringContaining('performed again after its checkpoint')]);
}, 180_000);

test('it can fail: with no grant said again, whoever was promoted is stranded', async () => {
  const rules = [
    { name: 'unheard_grants', says: `r.state = 'ADMITTED'`, instead: 'false' },
    { name: 'wake_again', says: `r.state = 'ADMITTED'`, instead: 'false' },
  ];
  const cell = { step: 'run promoted', moment: 'after', fault: 'connections cut' } as const;
  const findings = await runWithout(rules, cell, { reachedMs: 30_000, endedMs: 6_000 });
  const first = expect.stringMatching(/^stranded .* EXECUTION 1 ADMITTED attempt 0$/);
  expect(findings[0]).toEqual(first);
}, 180_000);

test('a promotion that was committed is told by the repeated step, without upkeep', async () => {
  const rule = { name: 'unheard_grants', says: `r.state = 'ADMITTED'`, instead: 'false' };
  const cell = { step: 'run promoted', moment: 'after', fault: 'connections cut' } as const;
  expect(await runWithout([rule], cell)).toEqual([]);
}, 180_000);

test('what a worker had in hand after its task had ended is taken over as well', async () => {
  const here = await arena();
  const cell = { step: 'child filed', moment: 'before', fault: 'worker killed' } as const;
  expect((await runCell(here, cell)).findings).toEqual([]);
  // The landing that was filing follow-ups, and upkeep.
  expect(readFileSync(here.worker().log, 'utf8')).toContain('took over 2 runs');
}, 180_000);

test('it can fail: a step that never comes is no step that was survived', async () => {
  const rule = { name: 'read_followups', says: 'r.spawned is null', instead: 'false' };
  const cell = { step: 'child filed', moment: 'after', fault: 'connections cut' } as const;
  const patience = { reachedMs: 4_000, endedMs: 4_000 };
  expect(await runWithout([rule], cell, patience)).toEqual(['the step was never reached']);
}, 180_000);

test('nothing is left: no working copy, no task or workflow that nobody asked for', async () => {
  const here = await arena();
  const { rig, workspaces } = here;
  await untilQuiet(here);
  await eventually(async () => {
    expect(await workspaces.listCopies()).toEqual([]);
    const [row] = await rig.database.sql<{ tasks: number }[]>`
      select count(*)::integer as tasks from tasks`;
    const { count } = await rig.client.workflow.count(`WorkflowType = 'task'`);
    expect(count).toBe(row?.tasks);
  }, 60_000);
  if (!WHOLE) return;
  const [row] = await rig.database.sql<{ version: string }[]>`
    select split_part(current_setting('server_version'), ' ', 1) as version`;
  const servers = { temporal: rig.temporal().version, postgres: row?.version ?? '' };
  mkdirSync(join(ROOT, 'docs/proof'), { recursive: true });
  writeFileSync(join(ROOT, 'docs/proof/kill-matrix.md'), pageOf(results, versionsHere(servers)));
}, 90_000);
