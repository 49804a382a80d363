import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { House } from './house.js';
import { temporal } from './services.js';

const WORKER = fileURLToPath(new URL('../../src/main/worker.ts', import.meta.url));

/** A real worker process, to be killed. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** What it has said so far. */
  readonly lines: readonly string[];
  /** Resolves when it polls. */
  readonly polling: Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts `src/main/worker.ts` on the queue of a house. */
export function startWorkerProcess(
  house: House,
  effectsLog: string,
  more: Readonly<Record<string, string>> = {},
): WorkerProcess {
  const { address, namespace } = temporal();
  const env = {
    ...process.env,
    DATABASE_URL: house.databaseUrl,
    MISSION_HOME: house.home,
    MISSION_TASK_QUEUE: house.taskQueue,
    MISSION_EFFECTS_LOG: effectsLog,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    ...more,
  };
  const args = ['--import', 'tsx', WORKER];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  const polling = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.includes(' polls ')) resolve();
    });
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    ended.then(() => reject(new Error(`the worker ended:\n${lines.join('\n')}`)));
  });
  polling.catch(() => undefined); // whoever waits for it is told
  return { child, lines, polling, ended };
}
