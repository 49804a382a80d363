import type { RunHooks } from '../backend.js';

/** The content of all files as git would keep it, without touching what is staged. */
const TREE = [
  'i=$(mktemp) && cp .git/index "$i" && export GIT_INDEX_FILE="$i"',
  'git add --all && git write-tree; rm -f "$i"',
].join(' && ');

/** Of a task without files, by SHA-1 and SHA-256. */
const EMPTY = new Set([
  '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
]);

/**
 * The id of the working copy's content, or null where git cannot tell: whoever keeps the copy finds
 * out what is wrong with it. It is compared with itself alone, and never lands.
 */
export async function treeOf({ effects, signal }: RunHooks): Promise<string | null> {
  const { exitCode, output } = await effects.run(TREE, { signal });
  const last = output.trim().split('\n').at(-1) ?? '';
  return exitCode === 0 && /^[0-9a-f]{40,64}$/.test(last) ? last : null;
}

/** Whether the task is about files. */
export const hasFiles = (tree: string | null): boolean => tree === null || !EMPTY.has(tree);
