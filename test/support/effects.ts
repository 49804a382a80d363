import { spawn } from 'node:child_process';
import { lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { type CommandResult, EffectRefused, type Effects } from '../../src/agents/backend.js';
import { startIn } from './program.js';

/** How long a command has to end by itself before it is killed. */
const PATIENCE_MS = 5000;

/** Effects in a plain folder: what the port asks for, without a sandbox or limits. */
export function folderEffects(folder: string): Effects {
  return {
    run: (command, { signal }) => runShell(folder, command, signal),
    start: startIn(folder, dirname(folder)),
    async write(path, content) {
      const target = await place(folder, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    },
    async read(path) {
      const target = await place(folder, path);
      return (await exists(target)) ? await readFile(target, 'utf8') : null;
    },
    async remove(path) {
      await rm(await place(folder, path), { force: true });
    },
  };
}

/** The path's place; every part of it that exists must be a real folder, the last a file. */
async function place(folder: string, path: string): Promise<string> {
  const parts = path.split('/');
  if (path === '' || isAbsolute(path) || parts.includes('..')) {
    throw new EffectRefused(`${path}: must be relative and stay inside the working copy`);
  }
  let at = await realpath(folder);
  for (const [index, part] of parts.entries()) {
    at = join(at, part);
    const found = await lstat(at).catch(() => null);
    const last = index === parts.length - 1;
    if (found === null || (last ? found.isFile() : found.isDirectory())) continue;
    const where = relative(folder, at).split(sep).join('/');
    throw new EffectRefused(`${path}: ${where} is no regular ${last ? 'file' : 'folder'}`);
  }
  return at;
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** In a process group of its own, so that ending it ends all that it started. */
function runShell(folder: string, command: string, signal: AbortSignal): Promise<CommandResult> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd: folder, detached: true });
    const chunks: Buffer[] = [];
    const end = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // The group has ended already.
      }
    };
    let killing: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      end('SIGTERM');
      killing = setTimeout(() => end('SIGKILL'), PATIENCE_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (exitCode) => {
      clearTimeout(killing);
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) reject(signal.reason);
      else resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}
