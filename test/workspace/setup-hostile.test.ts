import { randomUUID } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeNeeding, needs } from '../support/needs.js';
import { openRegistry, type Registry } from '../support/registry.js';
import { AGENT, read, write } from './support.js';
import { openYard } from './yard.js';

// Real package managers start slowly, and other tests saturate the cores.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let registry: Registry;
beforeAll(async () => {
  registry = await openRegistry();
});
afterAll(() => registry.close());

describeNeeding(needs.bubblewrap, 'a setup of what an agent wrote', () => {
  test('what checked code leaves in its home, no other copy of the run finds', async () => {
    const house = await openYard({ 'package-lock.json': '{}' });
    const { taskId, from } = await house.open();
    const runId = randomUUID();
    const open = async (attempt: number) => {
      const task = { id: taskId, number: 9, title: 'Work' };
      const request = { source: house.source, task, runId, attempt, from, merging: null };
      return (await house.workspaces.openCopy({ ...request, identity: AGENT })).copy;
    };
    await house.inside(await open(1), 'echo script-shell=/bin/false > ~/.npmrc');
    expect(await house.inside(await open(2), 'test -e ~/.npmrc || echo clean')).toBe('clean\n');
  });

  test('it gets no copied file, and no program of the tree is run by npm', async () => {
    const house = await openYard(registry.files(), registry);
    write(house.location, { '.env': 'SECRET=canary-123456789\n' });
    const recipe = { copies: ['.env'] };
    const copy = await house.open();
    const [about, lock] = ['package.json', 'package-lock.json'].map((path) =>
      JSON.parse(read(copy.path, path)),
    );
    const dep = 'git+https://127.0.0.1:9/a/y.git#0123456789012345678901234567890123456789';
    about.dependencies.y = dep;
    lock.packages[''].dependencies = about.dependencies;
    lock.packages['node_modules/y'] = { version: '1.0.0', resolved: dep };
    write(copy.path, {
      'package.json': JSON.stringify(about),
      'package-lock.json': JSON.stringify(lock),
      '.npmrc': 'git=./evil.sh\n',
      'evil.sh': '#!/bin/sh\necho "RAN $(cat .env)" >&2\nexit 1\n',
    });
    chmodSync(join(copy.path, 'evil.sh'), 0o755);
    const { commit } = await house.workspaces.snapshot(copy, 'Evil\n');
    const next = await house.open({ taskId: copy.taskId, from: commit });
    const setup = 'cat .env; npm ci';
    const failed = await house.prepare(next, { ...recipe, setup });
    const said = failed.kind === 'failed' ? failed.output : '';
    expect(said).toContain('.env was not there');
    expect(said).toContain('npm error');
    expect(said).not.toMatch(/RAN|canary/);
    // The tree of a person gets it, and the agent's copy as well.
    expect(await house.prepare(await house.open(), { ...recipe, setup })).toMatchObject({
      kind: 'ready',
    });
    expect(await house.prepare(next, { ...recipe, setup: 'test ! -e .env' })).toMatchObject({
      kind: 'ready',
    });
    expect(read(next.path, '.env')).toContain('canary');
  });

  test('what one made serves no other tree', async () => {
    const making = (word: string) => `mkdir -p node_modules && echo ${word} > node_modules/dep\n`;
    const files = { 'package-lock.json': '{}', 'setup.sh': making('good') };
    const house = await openYard(files);
    const setup = 'sh setup.sh';
    const work = async (from: string | undefined, changes: Record<string, string>) => {
      const copy = await house.open({ taskId, ...(from === undefined ? {} : { from }) });
      write(copy.path, changes);
      return (await house.workspaces.snapshot(copy, 'Work\n')).commit;
    };
    const taskId = randomUUID();
    const evil = await work(undefined, { 'setup.sh': making('evil'), 'package-lock.json': '{ }' });
    await house.prepare(await house.open({ taskId, from: evil }), { setup });
    const clean = await work(evil, { 'setup.sh': making('good') });
    const copy = await house.open({ taskId, from: clean });
    expect(await house.prepare(copy, { setup })).toMatchObject({ kind: 'ready', cached: false });
    expect(read(copy.path, 'node_modules/dep')).toBe('good\n');
  });
});
