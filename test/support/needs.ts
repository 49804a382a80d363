import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** What some tests need, npm cannot install, and a machine may lack: a program, or a right. */
interface Need {
  readonly name: string;
  /** Where it is on this machine; null when it is missing. */
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

const isRoot = process.getuid?.() === 0;

/** Found only where it works: not every machine lets it. */
function findBubblewrap(asWhom: readonly string[]): string | null {
  const path = process.platform === 'linux' ? onPath('bwrap') : null;
  if (path === null) return null;
  const [file = path, ...args] = [...asWhom, path, '--unshare-all', '--ro-bind', '/', '/', 'true'];
  try {
    execFileSync(file, args, { stdio: 'ignore', cwd: '/' });
    return path;
  } catch {
    return null;
  }
}

export const needs = {
  chromium: {
    name: 'Chromium',
    path: findChromium(),
    command: 'apt-get install --yes chromium (or MC_CHROMIUM=/path/to/it)',
  },
  bubblewrap: {
    name: 'bubblewrap, and the right to make a sandbox',
    path: findBubblewrap([]),
    command: 'apt-get install --yes bubblewrap (Linux only)',
  },
  /** Where root may make one, others may not everywhere. */
  bubblewrapOfOthers: {
    name: 'bubblewrap, and the right of an ordinary user to make a sandbox',
    path: findBubblewrap(isRoot ? ['setpriv', '--reuid=65534', '--clear-groups'] : []),
    command: 'sysctl kernel.apparmor_restrict_unprivileged_userns=0 (where there is AppArmor)',
  },
  /** That of BSD takes other options. */
  script: {
    name: 'script of util-linux, which gives a program a terminal',
    path: process.platform === 'linux' ? onPath('script') : null,
    command: 'apt-get install --yes bsdutils (Linux only)',
  },
  /** For what only root meets; the other way round, root runs a child as `nobody`. */
  root: {
    name: 'the rights of root',
    path: isRoot ? '/' : null,
    command: 'sudo npm test',
  },
} satisfies Record<string, Need>;

/**
 * A group of tests that need something. Where it is missing one test stands for the group: it ends
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
