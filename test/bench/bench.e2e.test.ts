import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from '../support/build.js';
import { type Figures, lines, table } from './report.js';

/** Every number of a tree, by its path. */
function numbers(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => numbers(each, `${path}/${key}`));
}

test('npm run bench -- --quick ends, every task of it DONE and every figure there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mission-bench-'));
  const json = join(folder, 'figures.json');
  try {
    const args = ['--import', 'tsx', 'test/bench/index.ts', '--quick', '--json', json];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const figures = JSON.parse(await readFile(json, 'utf8')) as Figures;
    const all = numbers(figures);
    expect(all.filter(([, value]) => !Number.isFinite(value))).toEqual([]);
    for (const part of ['throughput', 'withFiles', 'rows'] as const) {
      expect(figures[part].bare.tasksPerSecond).toBeGreaterThan(0);
      expect(figures[part].product.tasksPerSecond).toBeGreaterThan(0);
    }
    const { footprint, resume, waiting } = figures;
    // Counted, not timed: a task of two runs is 22 events, every third has two more runs.
    expect(footprint.product.events).toBeGreaterThan(footprint.bare.events);
    expect(footprint.product.events).toBeLessThan(1.4 * footprint.bare.events);
    expect(resume.tasks).toBe(10);
    expect(waiting.map(({ tasks }) => tasks)).toEqual([0, 20]);
    const rows = lines(figures);
    expect(stdout).toContain(table(rows));
    expect(
      rows.map(({ what }) => what).filter((what, at, list) => list.indexOf(what) !== at),
    ).toEqual([]);
    expect(table(rows)).not.toMatch(/NaN|undefined|Infinity/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);
