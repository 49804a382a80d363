import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BANNED } from './support/banned-words.js';
import {
  checkBanned,
  checkCircles,
  checkImports,
  checkReachable,
  checkSizes,
  HOUSE,
} from './support/house-rules.js';
import { ROOT, readSources, toSource } from './support/source.js';

/** The house: what DESIGN's layout names. */
const house = readSources(['src', 'workflows', 'activities', 'drizzle']);
const examples = readSources(['examples']);
const around = readSources(['test', 'scripts', 'drizzle.config.ts', 'vitest.config.ts']);
const all = [...house, ...examples, ...around];

/** What is started by itself: nothing in the house imports it. */
const ENTRIES = [
  /^src\/main\/[^/]+\.ts$/,
  /^src\/client\/index\.ts$/,
  /^workflows\/(index|preload)\.ts$/,
];

/** What Biome says, by the house's settings, of a file that lies where no git and no ignore is. */
function lintAlone(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mission-lint-'));
  try {
    const settings = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as object;
    writeFileSync(
      join(folder, 'biome.json'),
      JSON.stringify({ ...settings, $schema: '', vcs: {} }),
    );
    writeFileSync(join(folder, 'x.ts'), text);
    const biome = join(ROOT, 'node_modules', '.bin', 'biome');
    const { stdout, stderr } = spawnSync(biome, ['lint', 'x.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('who may import whom', () => {
  test('every import of the house is allowed by its table', () => {
    expect(house.length).toBeGreaterThan(0);
    expect(checkImports([...house, ...examples])).toEqual([]);
  });

  test.each([
    ['src/domain/x.ts', "import { readFileSync } from 'node:fs';", 'use Node'],
    ['src/domain/x.ts', "import { z } from 'zod';", 'use the package zod'],
    ['src/domain/x.ts', "import type { A } from '../agents/backend.js';", 'import agents'],
    ['workflows/x.ts', "import type { Db } from '../drizzle/db.js';", 'import drizzle'],
    ['workflows/x.ts', "import { a } from '../activities/index.js';", 'import activities'],
    ['activities/x.ts', "export * from '../workflows/task.js';", 'import workflows'],
    [
      'src/cli/x.ts',
      "const t = await import('@temporalio/client');",
      'use the package @temporalio',
    ],
    ['src/cli/x.ts', "import {\n  a,\n  b,\n} from '../client/index.js';", 'import client'],
    ['src/agents/x.ts', "import '../config.js';", 'import config'],
    ['src/web/x.ts', "import { app } from '../http/app.js';", 'import http but as a type'],
    ['examples/x.ts', "import { tasks } from '../src/service/tasks.js';", 'import service'],
    ['src/util/x.ts', '', 'no folder of DESIGN'],
  ])('%s with %j is refused', (path, text, why) => {
    expect(checkImports([toSource(path, text)]).join()).toContain(why);
  });

  test.each([
    ['src/web/x.ts', "import type { App } from '../http/app.js';"],
    ['src/web/x.ts', "import { type App } from '../http/app.js';"],
    ['src/main/x.ts', "import { run } from '../cli/program.js';"],
    ['src/domain/x.ts', "// import { z } from 'zod';\nconst a = `\nimport 'zod';`;"],
  ])('%s with %j is allowed', (path, text) => {
    expect(checkImports([toSource(path, text)])).toEqual([]);
  });

  test('the table itself has no circle: imports can only go down', () => {
    const rooms = Object.entries(HOUSE).map(([name, { house: below }]) => {
      const text = below.map((room) => `import '../${room}/x.js';`).join('\n');
      return toSource(`src/${name}/x.ts`, name === 'main' ? '' : text);
    });
    expect(checkCircles(rooms)).toEqual([]);
  });
});

describe('files', () => {
  test('none is part of a circle', () => {
    expect(checkCircles(all)).toEqual([]);
    const a = toSource('src/cli/a.ts', "import type { B } from './b.js';");
    const b = toSource('src/cli/b.ts', "export { c } from './c.js';");
    const c = toSource('src/cli/c.ts', "import { a } from './a.js';");
    const circle = 'src/cli/a.ts → src/cli/b.ts → src/cli/c.ts → src/cli/a.ts';
    expect(checkCircles([a, b, c])).toEqual([circle]);
  });

  test('each is imported, or is an entry', () => {
    expect(checkReachable(house, ENTRIES)).toEqual([]);
    const lonely = toSource('src/cli/lonely.ts', '');
    expect(checkReachable([lonely], ENTRIES)).toEqual(['src/cli/lonely.ts: nothing imports it']);
  });

  test('none has more than 300 lines, or a line of more than 100 characters', () => {
    expect(checkSizes(all)).toEqual([]);
    expect(checkSizes([toSource('src/x.ts', 'a\n'.repeat(301))])).toHaveLength(1);
    expect(checkSizes([toSource('src/x.ts', `// ${'a'.repeat(98)}`)])).toHaveLength(1);
  });

  test('no function has a body of more than 60 lines (Biome counts, in `npm run check`)', () => {
    const lintFunctionOf = (lines: number): string => {
      const body = '  work();\n'.repeat(lines);
      const text = `export function long(work: () => void): void {\n${body}}\n`;
      return lintAlone(text);
    };
    expect(lintFunctionOf(61)).toContain('noExcessiveLinesPerFunction');
    expect(lintFunctionOf(60)).not.toContain('noExcessiveLinesPerFunction');
  });
});

describe('words', () => {
  test.each(BANNED)('$name', (banned) => {
    const [path, text] = banned.planted;
    expect(checkBanned([toSource(path, text)], banned), 'the planted breach').toHaveLength(1);
    expect(checkBanned(all, banned)).toEqual([]);
  });

  test('in comments and strings they are only words', () => {
    const text = "// process.env\nconst a = 'process.env' + `process.env` + /process.env/.source;";
    const found = BANNED.flatMap((banned) => checkBanned([toSource('src/cli/x.ts', text)], banned));
    expect(found).toEqual([]);
  });
});
