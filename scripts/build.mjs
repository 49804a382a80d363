/**
 * Makes `dist/`: the emit of tsc, and the workflows as one bundle, so that a worker starts
 * without webpack. SQL migrations are not copied: code finds `drizzle/migrations` by walking up to
 * the package's root.
 *
 * `bin` and the main export point to `dist`, which `prepare` makes at `npm ci` and `npm link`.
 * After `npm ci --ignore-scripts` it is missing, and then `npm start`, `npm run demo` and
 * `npm run mission` make it on demand (scripts/run.mjs). There is no second, checked-in `bin` that
 * would hide this: whoever calls `dist/src/main/cli.js` by its path runs `npm run build` once.
 *
 *   node scripts/build.mjs              build
 *   node scripts/build.mjs --if-needed  build unless no source has changed (a few milliseconds)
 *   node scripts/build.mjs --prepare    the same, but an install without the compiler is no failure
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const SOURCES = ['src', 'workflows', 'activities', 'drizzle'];
const SETTINGS = ['package-lock.json', 'package.json', 'scripts/build.mjs'].concat([
  'tsconfig.json',
  'tsconfig.build.json',
]);
const STAMP = at('dist', '.built-from');
const LOCK = at('dist', '.building');
const COMPILER = at('node_modules', 'typescript', 'bin', 'tsc');

class BuildFailed extends Error {}

/** Every file below a folder, as a path from the root; nothing when the folder is missing. */
function filesBelow(folder) {
  if (!existsSync(at(folder))) return [];
  return readdirSync(at(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** Names, sizes and times of all that goes in: a deleted or older file is a change too. */
function fingerprint() {
  const digest = createHash('sha256').update(process.version);
  const sources = SOURCES.flatMap(filesBelow).filter((path) => path.endsWith('.ts'));
  for (const path of [...SETTINGS, ...sources].sort()) {
    const file = statSync(at(path), { throwIfNoEntry: false });
    digest.update(`${path} ${file?.size} ${file?.mtimeMs}\n`);
  }
  return digest.digest('hex');
}

const isBuiltFrom = (sources) => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources;

/** Two commands in two shells may both find `dist` stale: the second waits for the first. */
async function withLock(work) {
  mkdirSync(at('dist'), { recursive: true });
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!isAlive(Number(readFileIfAny(LOCK)))) rmSync(LOCK, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function readFileIfAny(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid) {
  // An empty lock was made this instant by a process that has yet to write its number.
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function compile() {
  if (!existsSync(COMPILER)) {
    throw new BuildFailed('The TypeScript compiler is not installed. Run: npm ci');
  }
  const code = await run(process.execPath, [COMPILER, '-p', 'tsconfig.build.json']);
  if (code !== 0)
    throw new BuildFailed('The build stops here: the errors above are in the source.');
  dropOrphans();
}

/** What a renamed or deleted source left behind could still be imported: that hides mistakes. */
function dropOrphans() {
  for (const path of SOURCES.flatMap((folder) => filesBelow(`dist/${folder}`))) {
    const source = path.slice('dist/'.length).replace(/(\.d\.ts|\.js)$/, '.ts');
    if (!existsSync(at(source))) rmSync(at(path));
  }
}

async function makeBundle() {
  if (!existsSync(at('workflows/index.ts'))) {
    process.stderr.write('build: no workflow bundle, since there is no workflows/index.ts yet\n');
    return;
  }
  const built = (path) => pathToFileURL(at('dist', path));
  const { bundleWorkflows } = await import(built('src/main/bundle.js'));
  const { code } = await bundleWorkflows(built('workflows/index.js'));
  writeFileSync(at('dist/workflow-bundle.js'), code);
}

/** npm sets the bit when it links; whoever runs the file by its path needs it as well. */
function makeExecutable() {
  const { bin } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  for (const path of Object.values(bin)) {
    if (!existsSync(at(path))) {
      process.stderr.write(`build: ${path} is not there yet, so there is no command to run\n`);
    } else if (!readFileSync(at(path), 'utf8').startsWith('#!/usr/bin/env node\n')) {
      throw new BuildFailed(`${path} does not begin with "#!/usr/bin/env node": see its source.`);
    } else chmodSync(at(path), 0o755);
  }
}

/** Builds when a source has changed since the last time; says so, because it takes seconds. */
export async function buildIfNeeded() {
  if (isBuiltFrom(fingerprint())) return;
  await withLock(async () => {
    const sources = fingerprint();
    if (isBuiltFrom(sources)) return;
    process.stderr.write('build: compiling, some seconds …\n');
    rmSync(STAMP, { force: true });
    await compile();
    await makeBundle();
    makeExecutable();
    writeFileSync(STAMP, sources);
  });
}

async function main(argument) {
  if (argument === '--prepare' && !existsSync(COMPILER)) {
    process.stderr.write('build: left out, since this install has no compiler (--omit=dev)\n');
    return;
  }
  if (argument === undefined) rmSync(STAMP, { force: true });
  await buildIfNeeded();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv[2]).catch((error) => {
    process.stderr.write(`${error instanceof BuildFailed ? error.message : error.stack}\n`);
    process.exitCode = 1;
  });
}
