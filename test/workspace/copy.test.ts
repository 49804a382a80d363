import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorkspaces } from '../../src/workspace/index.js';
import { branchName, slug } from '../../src/workspace/names.js';
import {
  asOrdinaryUser,
  bench,
  commitAll,
  git,
  hooksThatTell,
  read,
  SEARCH_PATH,
  write,
} from './support.js';

/** Objects that a git folder holds itself, borrowed ones not counted. */
function ownObjects(gitDir: string): number {
  const files = readdirSync(join(gitDir, 'objects'), { recursive: true, encoding: 'utf8' });
  return files.filter((name) => /^([0-9a-f]{2}\/|pack\/.*\.pack$)/.test(name)).length;
}

test('a copy borrows the mirror’s objects: it holds none itself, only the files', async () => {
  const { workspaces, work, home } = await bench();
  const { copy, from } = await work({});
  expect(ownObjects(join(copy.path, '.git'))).toBe(0);
  expect(read(copy.path, 'README.md')).toBe('A library\n');
  expect(git(copy.path, 'branch', '--show-current')).toBe('mission/T-1-task-number-1');
  expect(git(copy.path, 'remote')).toBe('');
  expect(copy.path).toBe(join(home, 'copies', `1-${copy.runId}-1`));
  expect(readdirSync(copy.path).sort()).toEqual(['.git', 'README.md', 'src']);
  expect((await workspaces.listCopies()).map((found) => found.from)).toEqual([from]);
});

test('a snapshot keeps all but what .gitignore leaves out, in the mirror', async () => {
  const { workspaces, work, source, mirror } = await bench();
  const { copy, from } = await work({});
  write(copy.path, {
    '.gitignore': 'build/\n',
    'build/x': 'x',
    'new/y.txt': 'y\n',
    'README.md': 'B\n',
  });
  rmSync(join(copy.path, 'src'), { recursive: true });
  const { commit, ref } = await workspaces.snapshot(copy, 'Turn 1\n');
  expect(git(mirror, 'rev-parse', ref)).toBe(commit);
  const files = '.gitignore\nREADME.md\nnew/y.txt';
  expect(git(mirror, 'ls-tree', '-r', '--name-only', commit)).toBe(files);
  expect(git(mirror, 'log', '-1', '--format=%an <%ae> %s %P', commit)).toBe(
    `Implementer <implementer@mission.localhost> Turn 1 ${from}`,
  );
  const text = await workspaces.diff(source, from, commit);
  expect(text).toContain('-A library\n+B\n');
  expect(text).toContain('+++ b/new/y.txt');
  expect((await workspaces.snapshot(copy, 'Turn 2')).commit).toBe(commit); // nothing changed
  git(mirror, 'fsck', '--strict');
});

test('resume after a kill: a new attempt’s copy has the files of the last snapshot', async () => {
  const { workspaces, work, request } = await bench();
  const first = await work({ 'kept.txt': 'turn 1\n' });
  write(first.copy.path, { 'kept.txt': 'half a turn', 'lost.txt': 'half a turn' });
  const { task } = first;
  const next = request({ task, runId: first.copy.runId, attempt: 2, from: first.commit });
  const { copy } = await workspaces.openCopy(next);
  expect(copy.path).not.toBe(first.copy.path);
  expect(read(copy.path, 'kept.txt')).toBe('turn 1\n');
  expect(existsSync(join(copy.path, 'lost.txt'))).toBe(false);
  expect(git(copy.path, 'status', '--porcelain')).toBe('');
  write(copy.path, { 'kept.txt': 'turn 2\n' });
  const { commit } = await workspaces.snapshot(copy, 'Turn 2');
  expect(git(copy.path, 'rev-parse', `${commit}^`)).toBe(first.commit);
});

test('opening the same attempt again starts afresh', async () => {
  const { workspaces, work, request } = await bench();
  const { copy, task, from } = await work({ 'a.txt': 'a' });
  const again = await workspaces.openCopy(request({ task, runId: copy.runId, from }));
  expect(again.copy.path).toBe(copy.path);
  expect(existsSync(join(copy.path, 'a.txt'))).toBe(false);
});

test('hooks, filters and programs set in a copy do not run, and stay the agent’s', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy } = await work({});
  const told = hooksThatTell(join(copy.path, '.git', 'hooks'));
  const config = join(copy.path, '.git', 'config');
  const program = told.program;
  const hostile = [
    '[core]\n\trepositoryFormatVersion = 0',
    `\tfsmonitor = ${program}\n\thooksPath = ${copy.path}/.git/hooks`,
    `\tpager = ${program}\n\teditor = ${program}\n\tsshCommand = ${program}`,
    `\tattributesFile = ${copy.path}/.git/attrs\n\talternateRefsCommand = ${program}`,
    `[filter "evil"]\n\tclean = ${program}\n\tsmudge = ${program}\n\tprocess = ${program}`,
    `\trequired = true\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = ${program}`,
    `[diff]\n\texternal = ${program}\n[uploadpack]\n\tpackObjectsHook = ${program}`,
    `[include]\n\tpath = ${copy.path}/.git/more\n`,
  ].join('\n');
  writeFileSync(config, hostile);
  write(copy.path, {
    '.git/info/attributes': '* filter=evil\n',
    '.git/attrs': '* filter=evil\n',
    '.git/more': `[core]\n\tfsmonitor = ${told.program}\n`,
    '.git/commondir': copy.path,
    '.git/objects/info/alternates': `${copy.path}\n`,
    'a.txt': 'as it is\n',
  });
  const { commit } = await workspaces.snapshot(copy, 'Work');
  expect(told.lines()).toEqual([]);
  expect(git(mirror, 'show', `${commit}:a.txt`)).toBe('as it is');
  expect(read(copy.path, '.git/config')).toBe(hostile);
});

test('a pipe in place of the copy’s configuration does not hold the snapshot up', async () => {
  const { workspaces, work } = await bench();
  const { copy } = await work({});
  rmSync(join(copy.path, '.git', 'config'));
  execFileSync('sh', ['-c', 'mkfifo .git/config'], { cwd: copy.path });
  write(copy.path, { 'a.txt': 'a' });
  await workspaces.snapshot(copy, 'Work');
});

test('a lock that a killed git left in the copy does not stop the snapshot', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy } = await work({});
  write(copy.path, { '.git/index.lock': '', 'a.txt': 'a\n' });
  const { commit } = await workspaces.snapshot(copy, 'Work');
  expect(git(mirror, 'show', `${commit}:a.txt`)).toBe('a');
});

test('one commit of ours is made of the agent’s own, and of a rewritten history', async () => {
  const { workspaces, work, mirror } = await bench();
  const { copy, from } = await work({});
  write(copy.path, { 'own.txt': 'own\n' });
  commitAll(copy.path, 'Own commit');
  write(copy.path, { 'rest.txt': 'rest\n' });
  const first = await workspaces.snapshot(copy, 'Turn 1');
  expect(git(mirror, 'rev-parse', `${first.commit}^`)).toBe(from);
  expect(git(copy.path, 'rev-parse', 'HEAD')).toBe(first.commit);

  git(copy.path, 'checkout', '--quiet', '--orphan', 'elsewhere');
  const second = await workspaces.snapshot(copy, 'Turn 2');
  expect(git(mirror, 'rev-parse', `${second.commit}^`)).toBe(from);
  expect(git(mirror, 'rev-parse', second.ref)).toBe(second.commit);
  expect(git(mirror, 'diff', first.commit, second.commit)).toBe('');
});

test('without a repository: an empty folder, snapshots, and files as deliverable', async () => {
  const { workspaces, request, home } = await bench();
  const taskId = randomUUID();
  const source = { kind: 'task', taskId } as const;
  const task = { id: taskId, number: 7, title: 'Write a report' };
  const { copy } = await workspaces.openCopy(request({ source, task }));
  expect(existsSync(copy.path)).toBe(false);
  await workspaces.ensureFolder(copy);
  expect(readdirSync(copy.path)).toEqual([]);
  const bytes = Buffer.from([0, 255, 10, 13, 0]);
  write(copy.path, { 'report.md': '# Report\n', 'bin/run.sh': '#!/bin/sh\n' });
  writeFileSync(join(copy.path, 'data.bin'), bytes);
  chmodSync(join(copy.path, 'bin/run.sh'), 0o755);
  symlinkSync('report.md', join(copy.path, 'latest'));
  const { commit } = await workspaces.snapshot(copy, 'Report');
  expect(await workspaces.archive(source, commit)).toEqual([
    { path: 'bin/run.sh', mode: '100755', bytes: Buffer.from('#!/bin/sh\n') },
    { path: 'data.bin', mode: '100644', bytes },
    { path: 'latest', mode: '120000', bytes: Buffer.from('report.md') },
    { path: 'report.md', mode: '100644', bytes: Buffer.from('# Report\n') },
  ]);
  expect(await workspaces.diff(source, copy.from, commit)).toContain('+# Report\n');
  expect(existsSync(join(home, 'mirrors', `task-${taskId}.git`))).toBe(true);
  const again = await workspaces.openCopy(request({ source, task }));
  expect(again.copy.from).toBe(copy.from); // the same empty commit every time
});

test('an empty folder needs no git until a command runs in it or a file is kept', async () => {
  const { workspaces, request, home } = await bench();
  const taskId = randomUUID();
  const source = { kind: 'task', taskId } as const;
  const task = { id: taskId, number: 7, title: 'Write a report' };
  const { copy } = await workspaces.openCopy(request({ source, task }));
  const { commit } = await workspaces.snapshot(copy, 'Nothing but words');
  expect(commit).toBe(copy.from);
  expect(await workspaces.diff(source, copy.from, commit)).toBe('');
  expect(await workspaces.archive(source, commit)).toEqual([]);
  const mirror = join(home, 'mirrors', `task-${taskId}.git`);
  expect([existsSync(mirror), existsSync(join(home, 'copies'))]).toEqual([false, false]);

  const log = { file: 'git', args: ['log', '--format=%H %s'], timeoutMs: 20_000 };
  const asked = { copy, trusted: true, ...log };
  expect((await workspaces.run(asked)).output).toBe(`${copy.from} Empty folder\n`);
  const after = await workspaces.snapshot(copy, 'Still nothing');
  expect(after.commit).toBe(copy.from);
  expect(git(mirror, 'rev-parse', after.ref)).toBe(copy.from);
});

test('what a copy borrows outlives a rewritten branch; dropRefs lets go of it', async () => {
  const { workspaces, work, repository, source, location, mirror } = await bench();
  const { copy, commit, from, task } = await work({ 'a.txt': 'a\n' });
  git(location, 'commit', '--quiet', '--amend', '-m', 'Begin anew');
  const moved = await workspaces.refresh(repository, 'main');
  expect(moved).not.toBe(from);
  await workspaces.tidyMirror(source);
  expect(git(copy.path, 'log', '--format=%H')).toBe(`${commit}\n${from}`);
  expect(await workspaces.dropRefs(source, task.id)).toBe(2);
  expect(git(mirror, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
});

test('cleanup: what carries our marker, half-deleted and read-only copies too', async () => {
  const { workspaces, work, home, source } = await bench();
  const { copy } = await work({});
  const strange = join(home, 'copies', 'not-ours');
  mkdirSync(strange);
  mkdirSync(join(copy.home, 'cache', 'deep'), { recursive: true });
  write(copy.home, { 'cache/deep/file': 'x' });
  chmodSync(join(copy.home, 'cache', 'deep'), 0o555);
  chmodSync(join(copy.home, 'cache'), 0o555);
  rmSync(copy.path, { recursive: true });
  expect((await workspaces.listCopies()).map(({ name }) => name)).toEqual([copy.name]);
  await asOrdinaryUser(join(home, 'copies'), () => workspaces.dropCopy(copy));
  await workspaces.dropCopy(copy);
  expect(await workspaces.listCopies()).toEqual([]);
  expect(readdirSync(join(home, 'copies'))).toEqual(['not-ours']);
  await expect(workspaces.dropCopy({ name: '../../etc' })).rejects.toThrow('no copy of ours');
  mkdirSync(join(home, 'mirrors', 'strange.git'));
  expect(await workspaces.listMirrors()).toEqual([source]);
  await workspaces.removeMirror(source);
  await workspaces.removeMirror(source);
  expect(await workspaces.listMirrors()).toEqual([]);
  expect(lstatSync(strange).isDirectory()).toBe(true);
});

test('the draft of a marker that a kill has left goes; one being written stays', async () => {
  const { workspaces, work, home } = await bench();
  await work({});
  const drafts = ['left', 'fresh'].map((name) => join(home, 'copies', `${name}.json.new`));
  for (const draft of drafts) writeFileSync(draft, '');
  const before = new Date(Date.now() - 120_000);
  utimesSync(drafts[0] ?? '', before, before);
  await workspaces.listCopies();
  expect(drafts.map((draft) => existsSync(draft))).toEqual([false, true]);
});

test('two workers make the same mirror at once', async () => {
  const { workspaces, repository } = await bench();
  const commits = await Promise.all([1, 2, 3].map(() => workspaces.refresh(repository, 'main')));
  expect(new Set(commits).size).toBe(1);
});

test('names are made of our ids and the slug only', () => {
  expect(slug('Implement search pagination!')).toBe('implement-search-pagination');
  expect(slug('../../etc; rm -rf / --')).toBe('etc-rm-rf');
  expect(slug('Größe der Übersicht')).toBe('gro-e-der-ubersicht');
  expect(slug('漢字')).toBe('task');
  expect(slug(`${'long '.repeat(20)}`)).toMatch(/^[a-z0-9-]{1,40}$/);
  expect(slug(`${'a'.repeat(39)} b`)).toBe('a'.repeat(39));
  expect(branchName({ number: 42, title: 'Search' })).toBe('mission/T-42-search');
  expect(() => branchName({ number: 1.5, title: 'x' })).toThrow('whole number');
});

test('a home that is no absolute path is refused', () => {
  const settings = { home: 'relative', searchPath: SEARCH_PATH };
  expect(() => createWorkspaces(settings)).toThrow('absolute path');
});

test('ids that are no ids are refused before they become paths', async () => {
  const { workspaces, request, source, from } = { ...(await bench()), from: 'a'.repeat(40) };
  const bad = workspaces.openCopy(request({ runId: '../../x', from }));
  await expect(bad).rejects.toThrow('run id must be a lower-case UUID');
  await expect(workspaces.openCopy(request({ from: '--hard' }))).rejects.toThrow('full commit id');
  await expect(workspaces.diff(source, '-O/tmp/x', from)).rejects.toThrow('full commit id');
  await expect(workspaces.openCopy(request())).rejects.toThrow('needs the commit');
});
