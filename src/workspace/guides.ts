import type { Workshop } from './mirror.js';
import { checkedCommit, mirrorPath, type Source } from './names.js';

const NAMES = ['AGENTS.md', 'CLAUDE.md'] as const;
/** More of one file is skipped by whoever reads it, and paid for each time. */
const CHARS_MAX = 24_000;

/**
 * The files in which a repository tells agents how it is worked on, as a commit has them: of its
 * root, then of a folder in it. Read by git, so that nothing of the person's files is opened.
 * @param folder relative, with `/`; null: the root alone
 */
export async function guides(
  { home, git }: Workshop,
  source: Source,
  commit: string,
  folder: string | null,
): Promise<{ path: string; text: string }[]> {
  const mirror = mirrorPath(home, source);
  const call = { cwd: mirror, gitDir: mirror };
  const folders = ['', ...(folder === null || folder === '' ? [] : [`${folder}/`])];
  const paths = folders.flatMap((each) => NAMES.map((name) => `${each}${name}`));
  const id = checkedCommit('commit', commit);
  const tree = ['ls-tree', '-z', '--full-tree', id, '--', ...paths];
  const listed = await git.run({ ...call, args: tree });
  const found: { path: string; text: string }[] = [];
  for (const line of listed.stdout.split('\0')) {
    // Of a link there is the file that it names, or nothing of this repository.
    const [, blob, path] = /^100(?:644|755) blob ([0-9a-f]+)\t([\s\S]+)$/.exec(line) ?? [];
    if (blob === undefined || path === undefined) continue;
    const { stdout } = await git.run({ ...call, args: ['cat-file', 'blob', blob] });
    const text = capped(stdout, path);
    if (text.trim() !== '' && !found.some((each) => each.text === text)) found.push({ path, text });
  }
  const order = (path: string): number => paths.indexOf(path);
  return found.sort((left, right) => order(left.path) - order(right.path));
}

function capped(text: string, path: string): string {
  if (text.length <= CHARS_MAX) return text;
  const rest = `only the first ${CHARS_MAX} of ${text.length} characters of ${path} stand here`;
  return `${text.slice(0, CHARS_MAX)}\n[${rest}]`;
}
