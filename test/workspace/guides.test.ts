import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bench, commitAll, personsRepository, write } from './support.js';

test('of the commit alone; a copy and a link are not told twice', async () => {
  const location = personsRepository();
  write(location, {
    'AGENTS.md': 'Tabs.\n',
    'web/CLAUDE.md': 'Spaces in here.\n',
    'web/AGENTS.md': 'Tabs.\n',
    'other/AGENTS.md': 'Never read.\n',
  });
  symlinkSync('AGENTS.md', join(location, 'CLAUDE.md'));
  commitAll(location, 'Guides');
  const { workspaces, repository, source } = await bench(location);
  const base = await workspaces.refresh(repository, 'main');
  write(location, { 'AGENTS.md': 'Whatever the work says.\n' });
  commitAll(location, 'Work');
  await workspaces.refresh(repository, 'main');
  const root = { path: 'AGENTS.md', text: 'Tabs.\n' };
  expect(await workspaces.guides(source, base, null)).toEqual([root]);
  expect(await workspaces.guides(source, base, 'web')).toEqual([
    root,
    { path: 'web/CLAUDE.md', text: 'Spaces in here.\n' },
  ]);
});

test('a long one is cut, and says so', async () => {
  const location = personsRepository();
  write(location, { 'AGENTS.md': 'x'.repeat(50_000) });
  commitAll(location, 'Guides');
  const { workspaces, repository, source } = await bench(location);
  const [guide] = await workspaces.guides(source, await workspaces.refresh(repository, 'main'), '');
  expect(guide?.text).toHaveLength(24_000 + 67);
  expect(guide?.text).toMatch(/only the first 24000 of 50000 characters of AGENTS.md stand here/);
});
