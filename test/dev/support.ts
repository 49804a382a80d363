import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config.js';

/** A folder of this test, gone when it ends. Others may enter it, as they may enter a clone. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mission-dev-'));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An executable shell script. */
export function script(path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

/** What looks like the Temporal CLI, as far as being asked for its version. */
export function fakeCli(path: string, version: string): string {
  return script(path, `echo "temporal version ${version} (Server 1.32.0, UI 2.54.1)"`);
}

/** The cache that the suite has filled, so that no test downloads anything. */
export function cliSearch() {
  const { temporalCli, searchPath, cacheDir } = loadConfig();
  return { named: temporalCli, searchPath, cacheDir };
}

/** Waits for a condition, looking often; the test's own time limit ends it. */
export async function until<T>(look: () => T | null | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found) return found;
    await sleep(20);
  }
}
