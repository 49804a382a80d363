import { realpathSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';

/** Where this program is, and where the person stands. */
export interface Place {
  /** The file that runs, without links: `…/dist/src/main/cli.js`. */
  readonly program: string;
  /** The clone or the package. */
  readonly root: string;
  readonly cwd: string;
  readonly searchPath: string;
  /** The data folder in use, and the one that a plain `mission` would find. */
  readonly home: string;
  readonly usualHome: string;
}

/** Makes every command that is printed run as it is pasted, where it was printed. */
export interface Ways {
  /** `task approve T-42` as a whole command line. */
  command(args: string): string;
  /** The same for every `mission …` inside a sentence of ours. */
  inText(text: string): string;
  /** Whether a plain `mission` is this program. */
  readonly isOnPath: boolean;
}

/** The verbs at the top, by which a command is known in a sentence. */
const VERBS =
  'up|down|status|doctor|demo|repair|task|run|inbox|repo|agent|policy|why|pause|resume|help|--help';
const COMMAND = new RegExp(`(?<![\\w./-])mission (?=(?:${VERBS})\\b)`, 'g');

export function waysOf(place: Place): Ways {
  const isOnPath = firstOnPath('mission', place.searchPath) === place.program;
  const before = place.home === place.usualHome ? '' : `MISSION_HOME=${quoted(place.home)} `;
  const prefix = `${before}${isOnPath ? 'mission' : programOf(place)}`;
  return {
    isOnPath,
    command: (args) => `${prefix} ${args}`,
    inText: (text) => text.replace(COMMAND, () => `${prefix} `),
  };
}

/** The shortest that is us, where `mission` is not. */
function programOf({ program, root, cwd }: Place): string {
  if (isWithin(root, realpath(cwd) ?? cwd)) return 'npx mission';
  return `node ${quoted(program)}`;
}

/** What the shell would run for this name, without links; null when there is none. */
export function firstOnPath(name: string, searchPath: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    // npm puts these there for the programs that it starts; the person's shell has none of them.
    if (folder === '' || /[\\/]node_modules[\\/]\.bin$|[\\/]node-gyp-bin$/.test(folder)) continue;
    const found = realpath(join(folder, name));
    if (found !== null) return found;
  }
  return null;
}

const isWithin = (root: string, path: string): boolean =>
  path === root || path.startsWith(root + sep);

function realpath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** For a shell; plain where nothing has to be quoted. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const EXPORT = 'export PATH="$HOME/.local/bin:$PATH"';

/**
 * The one line that makes `mission` work in any folder, for a user without rights: in this shell
 * and, where the folder is not on PATH yet, in every new one. Pasted twice it changes nothing more.
 */
export function installLine(program: string, platform: NodeJS.Platform = process.platform): string {
  // A terminal on macOS opens a login shell.
  const bash = platform === 'darwin' ? '~/.bash_profile' : '~/.bashrc';
  return [
    `mkdir -p ~/.local/bin && ln -sf ${quoted(program)} ~/.local/bin/mission`,
    `case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) ${EXPORT}`,
    `rc=${bash}; case "$SHELL" in *zsh) rc=~/.zshrc;; esac`,
    `grep -qsF '${EXPORT}' "$rc" || echo '${EXPORT}' >> "$rc";; esac`,
  ].join('; ');
}
