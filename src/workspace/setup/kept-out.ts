import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedTree } from '../errors.js';
import type { Git, GitCall } from '../git.js';
import type { Copy } from '../marker.js';

/** What was put into a copy and is no part of the work. */
export interface KeptOut {
  /** What a setup made. */
  made: readonly string[];
  /** The person's own files, and what they hold as git would name it. */
  carried: readonly { path: string; id: string }[];
}

const NOTHING: KeptOut = { made: [], carried: [] };

/** Beside the home folder of the copy's commands, where they cannot write. */
const recordPath = (copy: Copy): string => join(copy.home, 'kept-out.json');

/** What git is told to pass over, outside of what an agent can write. */
const listPath = (copy: Copy): string => join(copy.home, 'kept-out');

/** Notes it, and has the agent's own git pass it over as well. The copy is fresh. */
export async function keepOut(copy: Copy, kept: KeptOut): Promise<void> {
  await writeFile(recordPath(copy), JSON.stringify(kept));
  const lines = pathsOf(kept).map((path) => `/${pattern(path)}\n`);
  await writeFile(listPath(copy), lines.join(''));
  await writeFile(join(copy.path, '.git', 'info', 'exclude'), lines.join(''));
}

/** What is kept out of a copy's commits; null: nothing was put into it. */
export async function readKeptOut(copy: Copy): Promise<KeptOut | null> {
  const text = await readFile(recordPath(copy), 'utf8').catch(() => null);
  const kept = text === null ? NOTHING : (JSON.parse(text) as KeptOut);
  return pathsOf(kept).length === 0 ? null : kept;
}

/** The setting by which git passes over it, whatever the copy says. */
export const passedOver = (copy: Copy): string => `core.excludesFile=${listPath(copy)}`;

/** Whether a path is, or lies in, what is kept out. */
export function isKeptOut(kept: KeptOut, path: string): boolean {
  return pathsOf(kept).some((one) => path === one || path.startsWith(`${one}/`));
}

/** Takes it out of the index where it came into it by force. */
export async function takeOut(git: Git, call: Omit<GitCall, 'args'>, kept: KeptOut): Promise<void> {
  const from = ['--pathspec-from-file=-', '--pathspec-file-nul'];
  await git.run({
    ...call,
    args: ['rm', '-r', '--cached', '--force', '--quiet', '--ignore-unmatch', ...from],
    input: pathsOf(kept).join('\0'),
    environment: { GIT_LITERAL_PATHSPECS: '1' },
  });
}

/**
 * The first thing in the commits up to `commit`, and not in those before, that is kept out: by its
 * path, or one of the person's files under another name.
 */
export async function findHeld(
  git: Git,
  call: Omit<GitCall, 'args'>,
  commit: string,
  before: readonly string[],
  kept: KeptOut,
): Promise<string | null> {
  const range = [commit, ...before.map((id) => `^${id}`)];
  const { stdout } = await git.run({ ...call, args: ['rev-list', '--objects', ...range] });
  const ids = new Set(kept.carried.map(({ id }) => id));
  for (const line of stdout.split('\n')) {
    const at = line.indexOf(' ');
    const path = at < 0 ? '' : line.slice(at + 1);
    if (path === '') continue;
    if (isKeptOut(kept, path) || ids.has(line.slice(0, at))) return path;
  }
  return null;
}

/** The refusal of commits that hold it. */
export function holdsKeptOut(path: string, kept: KeptOut): RefusedTree {
  const sentence = kept.made.some((one) => path === one || path.startsWith(`${one}/`))
    ? 'was made by the setup of the repository, which is no part of the work; take it out'
    : "holds a file of the person's own that git must never keep; take it out";
  return new RefusedTree(path, 'kept-out', sentence);
}

function pathsOf({ made, carried }: KeptOut): string[] {
  return [...made, ...carried.map(({ path }) => path)];
}

/** As git's own lists take a path literally; a line break cannot be written. */
function pattern(path: string): string {
  return path
    .replace(/[\\*?[\]]/g, '\\$&')
    .replace(/[\n\r]/g, '?')
    .replace(/ $/, '\\ ');
}
