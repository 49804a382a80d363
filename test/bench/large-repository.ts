/**
 * How long a large repository takes, step by step, and what it costs on disk. By hand:
 * `npm run bench:repository -- [FOLDER]`; a repository of about 1 GB is made where none is named.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorkspaces } from '../../src/workspace/index.js';

const FOLDERS = 400;
const FILES = 100;
const BLOBS = 200;
const BLOB_BYTES = 4 * 2 ** 20;

const root = mkdtempSync(join(tmpdir(), 'large-repository-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
const [named] = process.argv.slice(2);
const location = named ?? make(join(root, 'project'));
const home = join(root, 'home');
const workspaces = createWorkspaces({ home, searchPath: process.env.PATH ?? '' });
const repository = { repositoryId: randomUUID(), location };
const source = workspaces.source(repository);
const recipe = {
  ...{ setup: 'mkdir -p made && echo > made/it', installScripts: false },
  ...{ checks: [], folder: '', copies: [] },
};

const rows: [string, string][] = [];
const load = loadavg().map((each) => each.toFixed(1));
await timed('probe', () => workspaces.probe(location));
const base = await timed('mirror, first', () => workspaces.refresh(repository, 'main'));
await timed('mirror, nothing new', () => workspaces.refresh(repository, 'main'));
const first = await timed('copy, first', open);
await timed('prepare, setup run', () => prepare(first));
const second = await timed('copy, second', open);
await timed('prepare, from the cache', () => prepare(second));
writeFileSync(join(second.path, 'src/m000/f0.js'), 'changed\n');
writeFileSync(join(second.path, 'src/new.js'), 'new\n');
const { commit } = await timed('snapshot, two files', () => keep());
await timed('snapshot, nothing new', () => keep());
appendFileSync(join(second.path, 'src/new.js'), 'again\n');
await timed('snapshot, one file', () => keep());
await timed('diff', () => workspaces.diff(source, base, commit));
await timed('files of a commit', () => workspaces.listFiles(source, commit));
note('disk: the person’s .git', disk(join(location, '.git')));
note('disk: mirror', disk(join(home, 'mirrors')));
note('disk: a copy, files', disk(second.path));
note('disk: a copy, its .git', disk(join(second.path, '.git')));
await timed('copy removed', () => workspaces.dropCopy(second));
console.log(`${cpus().length} cores, load before ${load.join(' ')}\n`);
console.log(rows.map(([what, figure]) => `| ${what} | ${figure} |`).join('\n'));

async function open() {
  const task = { id: randomUUID(), number: 1, title: 'Large' };
  const { copy } = await workspaces.openCopy({
    ...{ source, task, runId: randomUUID(), attempt: 1, from: base },
    identity: { name: 'Implementer', email: 'implementer@agents.invalid' },
  });
  return copy;
}

function keep() {
  return workspaces.snapshot(second, 'Work\n');
}

async function prepare(copy: typeof first) {
  const ids = { repositoryId: repository.repositoryId, taskId: copy.taskId };
  const prepared = await workspaces.prepare({ copy, recipe, location, ...ids });
  if (prepared.kind === 'failed') throw new Error(prepared.output);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  note(what, `${((performance.now() - began) / 1000).toFixed(2)} s`);
  return result;
}

function note(what: string, figure: string): void {
  console.error(`${what}: ${figure}`);
  rows.push([what, figure]);
}

function disk(folder: string): string {
  const [kilobytes] = execFileSync('du', ['-sk', folder], { encoding: 'utf8' }).split('\t');
  return `${Math.round(Number(kilobytes) / 1024)} MiB`;
}

function make(folder: string): string {
  for (let number = 0; number < FOLDERS; number++) {
    const path = join(folder, 'src', `m${String(number).padStart(3, '0')}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES; file++) {
      const line = (_: unknown, at: number) =>
        `export const v${number}_${file}_${at} = '${randomBytes(12).toString('hex')}';\n`;
      writeFileSync(join(path, `f${file}.js`), Array.from({ length: 80 }, line).join(''));
    }
  }
  mkdirSync(join(folder, 'assets'));
  for (let blob = 0; blob < BLOBS; blob++) {
    writeFileSync(join(folder, 'assets', `${blob}.bin`), randomBytes(BLOB_BYTES));
  }
  const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@people.invalid'];
  const git = (...args: string[]) =>
    execFileSync('git', [...identity, '-c', 'gc.auto=0', ...args], { cwd: folder });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Begin');
  return folder;
}
