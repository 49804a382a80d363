import { expect, test } from 'vitest';
import { isWhole, linesOf, statOf } from '../../src/domain/diff.js';

const CHANGED = `diff --git a/a b.txt b/a b.txt
index 1111111..2222222 100644
--- a/a b.txt\t
+++ b/a b.txt\t
@@ -1,3 +1,3 @@ function
 same
--- a comment of SQL
+++ more
 end
\\ No newline at end of file
`;
const RENAMED = `diff --git a/old b/new
similarity index 90%
rename from old
rename to new
`;
const ADDED = `diff --git a/n b/n
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ b/n
@@ -0,0 +1,2 @@
+one
+two
`;
const REMOVED = `diff --git "a/\\033x" "b/\\033x"
deleted file mode 100644
index 3333333..0000000
--- "a/\\033x"
+++ /dev/null
@@ -1 +0,0 @@
-one
`;
const BINARY = `diff --git a/x.png b/x.png
index 1111111..2222222 100644
Binary files a/x.png and b/x.png differ
`;
const MODE = `diff --git a/run b/run
old mode 100644
new mode 100755
`;

test('a line counts by its hunk, whatever it begins with', () => {
  expect(linesOf(CHANGED).map(({ kind }) => kind)).toEqual([
    ...['head', 'head', 'head', 'head'],
    ...['hunk', 'same', 'removed', 'added', 'same', 'same'],
  ]);
  expect(linesOf(CHANGED + ADDED).at(-1)).toEqual({ kind: 'added', text: '+two' });
});

test('each file is counted under its name', () => {
  expect(statOf(CHANGED + RENAMED + ADDED + REMOVED + BINARY + MODE)).toEqual([
    { path: 'a b.txt', added: 1, removed: 1, binary: false },
    { path: 'old => new', added: 0, removed: 0, binary: false },
    { path: 'n', added: 2, removed: 0, binary: false },
    { path: '"\\033x"', added: 0, removed: 1, binary: false },
    { path: 'x.png', added: 0, removed: 0, binary: true },
    { path: 'run', added: 0, removed: 0, binary: false },
  ]);
  expect(statOf('')).toEqual([]);
});

test('what lacks the content of a file cannot be applied', () => {
  expect(isWhole(CHANGED)).toBe(true);
  expect(isWhole(CHANGED + BINARY)).toBe(false);
  expect(isWhole(ADDED.replace('two', 't\uFFFDo'))).toBe(false);
});
