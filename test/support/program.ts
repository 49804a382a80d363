import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Effects, ProgramEnd } from '../../src/agents/backend.js';

/**
 * `Effects.start` in a plain folder, without a sandbox: for tests of what programs say and do.
 * Their home is kept, so that sessions can be resumed.
 */
export function startIn(folder: string, home: string): Effects['start'] {
  return (program, { signal, onLine }) => {
    signal.throwIfAborted();
    const temporary = mkdtempSync(join(tmpdir(), 'program-'));
    const resultFile = join(temporary, 'result');
    const { promise, resolve, reject } = deferred<ProgramEnd>();
    const child = spawn(program.file, program.args, {
      cwd: folder,
      detached: true,
      env: {
        ...program.environment,
        ...{ PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TMPDIR: temporary },
        ...(program.answers ? { MISSION_RESULT_FILE: resultFile } : {}),
      },
    });
    const kill = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    let lingered = false;
    const kept = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[name] }).on('line', (line) => {
        kept[name] += `${line}\n`;
        onLine(line, name);
        if (name !== 'stdout' || !program.hasFinished?.(line)) return;
        setTimeout(() => {
          lingered = child.exitCode === null;
          if (lingered) kill();
        }, 2000).unref();
      });
    }
    signal.addEventListener('abort', kill, { once: true });
    child.stdin.on('error', () => undefined);
    child.stdin.end(program.input);
    child.once('error', (error) => {
      const ending = { kind: 'not-started', reason: error.message } as const;
      resolve({ ending, ...kept, cutBytes: 0, result: null });
    });
    child.once('close', (exitCode, ended) => {
      signal.removeEventListener('abort', kill);
      const result = readIfThere(resultFile);
      rmSync(temporary, { recursive: true, force: true });
      if (signal.aborted) return reject(signal.reason);
      const ending = lingered
        ? ({ kind: 'lingered' } as const)
        : exitCode === null
          ? ({ kind: 'killed', signal: ended ?? '?' } as const)
          : ({ kind: 'exited', exitCode } as const);
      resolve({ ending, ...kept, cutBytes: 0, result });
    });
    return promise;
  };
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
