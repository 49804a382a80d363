import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** A program that some tests need, that npm cannot install, and that a machine may lack. */
interface Need {
  readonly name: string;
  /** Where the program is on this machine; null when it is missing. */
  readonly path: string | null;
  /** How a person gets it, as a command to paste. */
  readonly command: string;
}

function onPath(...names: readonly string[]): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find((path) => existsSync(path)) ?? null;
}

const CHROMIUM_ON_MACOS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

function findChromium(): string | null {
  const named = process.env.MC_CHROMIUM;
  if (named !== undefined) return existsSync(named) ? named : null;
  const found = onPath('chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome');
  return found ?? (existsSync(CHROMIUM_ON_MACOS) ? CHROMIUM_ON_MACOS : null);
}

export const needs = {
  chromium: {
    name: 'Chromium',
    path: findChromium(),
    command: 'apt-get install --yes chromium (or MC_CHROMIUM=/path/to/it)',
  },
} satisfies Record<string, Need>;

/**
 * A group of tests that need a program. Where it is missing one test stands for the group: it ends
 * as "not run", with the reason that `npm test` repeats above its last line; with CI=true it fails,
 * so that CI cannot turn green by leaving something out.
 */
export function describeNeeding(need: Need, name: string, body: (path: string) => void): void {
  const { path } = need;
  if (path !== null) {
    describe(name, () => body(path));
    return;
  }
  const reason = `not run: ${name}, which needs ${need.name}; get it by: ${need.command}`;
  test(name, (context) => {
    if (process.env.CI === 'true') throw new Error(reason);
    context.skip(reason);
  });
}
