import { lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { EffectRefused, type Effects } from '../src/agents/backend.js';
import type { Copy } from '../src/workspace/index.js';
import type { Deps } from './deps.js';

const COMMAND_TIMEOUT_MS = 30 * 60_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

/**
 * All that an agent may do to the world: in its working copy, and nowhere else.
 * @param how.trusted true only where a person wrote the commands, as in a scenario: they run
 * without a sandbox
 */
export function effectsIn(
  deps: Pick<Deps, 'workspaces'>,
  copy: Copy,
  how: { trusted?: boolean } = {},
): Effects {
  return {
    async run(command, { signal }) {
      const { ending, output, cutBytes } = await deps.workspaces.run({
        copy,
        trusted: how.trusted ?? false,
        file: 'sh',
        args: ['-c', command],
        timeoutMs: COMMAND_TIMEOUT_MS,
        outputBytesMax: OUTPUT_BYTES_MAX,
        signal,
      });
      signal.throwIfAborted();
      // A reviewer is handed all of it or the run fails: a part would pass for the whole.
      if (cutBytes > 0) {
        const most = `${OUTPUT_BYTES_MAX >> 20} MiB`;
        throw new EffectRefused(`${command}: printed more than ${most}; write it to a file`);
      }
      switch (ending.kind) {
        case 'exited':
          return { exitCode: ending.exitCode, output };
        case 'killed':
          return { exitCode: null, output: `${output}\n[killed by ${ending.signal}]` };
        case 'timed-out':
          return { exitCode: null, output: `${output}\n[stopped after ${ending.timeoutMs} ms]` };
        case 'cancelled':
          throw new Error('cancelled without a signal');
        case 'not-started':
          return { exitCode: null, output: `not started: ${ending.reason}` };
        default:
          return ending satisfies never;
      }
    },
    async start(program, { signal, onLine }) {
      const { ending, ...printed } = await deps.workspaces.start({
        ...program,
        copy,
        onLine,
        signal,
      });
      signal.throwIfAborted();
      if (ending.kind === 'cancelled') throw new Error('cancelled without a signal');
      return { ending, ...printed };
    },
    async write(path, content) {
      await deps.workspaces.ensureFolder(copy);
      const target = await place(copy.path, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    },
    async read(path) {
      await deps.workspaces.ensureFolder(copy);
      const target = await place(copy.path, path);
      return (await lstat(target).catch(() => null)) === null ? null : readFile(target, 'utf8');
    },
    async remove(path) {
      await deps.workspaces.ensureFolder(copy);
      await rm(await place(copy.path, path), { force: true });
    },
  };
}

/** The path's place; every part of it that exists must be a real folder, the last a real file. */
async function place(folder: string, path: string): Promise<string> {
  const parts = path.split('/');
  if (path === '' || isAbsolute(path) || parts.some((part) => part === '..' || part === '.git')) {
    throw new EffectRefused(`${path}: must be relative and stay inside the working copy`);
  }
  let at = await realpath(folder);
  for (const [index, part] of parts.entries()) {
    at = join(at, part);
    const found = await lstat(at).catch(() => null);
    const last = index === parts.length - 1;
    if (found === null || (last ? found.isFile() : found.isDirectory())) continue;
    throw new EffectRefused(`${path}: its part ${part} is no regular ${last ? 'file' : 'folder'}`);
  }
  return at;
}
