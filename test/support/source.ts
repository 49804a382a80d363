import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface SourceImport {
  /** As written: `../domain/task.js`, `zod`, `node:fs`. */
  readonly specifier: string;
  /** What it names inside the repository (`src/domain/task.ts`); null for a package. */
  readonly target: string | null;
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the insides of strings blanked, every place unchanged. */
  readonly code: string;
  readonly imports: readonly SourceImport[];
}

export function readSources(folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => listFiles(join(ROOT, folder)))
    .filter((path) => /\.(ts|mjs)$/.test(path))
    .map((path) => relative(ROOT, path).replaceAll('\\', '/'))
    .sort()
    .map((path) => toSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

function listFiles(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? listFiles(join(path, entry.name)) : [join(path, entry.name)],
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return [path];
    if (code === 'ENOENT') return [];
    throw error;
  }
}

export function toSource(path: string, text: string): SourceFile {
  const code = blank(text);
  return { path, text, code, imports: findImports(path, text, code) };
}

/** One token that may hold what is no code, in the order in which they must be tried. */
const NO_CODE = new RegExp(
  [
    String.raw`\/\/[^\n]*`,
    String.raw`\/\*[\s\S]*?\*\/`,
    String.raw`'(?:\\.|[^'\\\n])*'`,
    String.raw`"(?:\\.|[^"\\\n])*"`,
    String.raw`\x60(?:\\[\s\S]|[^\x60\\])*\x60`,
    // A regular expression: a slash where no value can have ended just before.
    String.raw`(?<=(?:^|[(,=:[!&|?{};+>]|\breturn)\s*)` +
      String.raw`\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/`,
  ].join('|'),
  'g',
);

/** A template is one string here: code inside `${}` is not seen, which no rule needs. */
function blank(text: string): string {
  return text.replace(NO_CODE, (token) => {
    const isComment = token.startsWith('//') || token.startsWith('/*');
    const edge = isComment ? 0 : 1;
    const inside = token.slice(edge, token.length - edge).replace(/[^\n]/g, ' ');
    return token.slice(0, edge) + inside + token.slice(token.length - edge);
  });
}

const IMPORT = new RegExp(
  [
    String.raw`(?:^|[;\n])[ \t]*(?:import|export)\b(?<clause>[^'";()]*?)\bfrom\s*(?<at>['"])`,
    String.raw`(?:^|[;\n])[ \t]*import\s*(?<bare>['"])`,
    String.raw`\bimport\s*\(\s*(?<dynamic>['"])`,
  ].join('|'),
  'dg',
);

function findImports(path: string, text: string, code: string): SourceImport[] {
  return [...code.matchAll(IMPORT)].flatMap((match) => {
    const places = match.indices?.groups ?? {};
    const quote = places.at ?? places.bare ?? places.dynamic;
    if (quote === undefined) return [];
    const start = quote[1];
    const specifier = text.slice(start, text.indexOf(text[start - 1] ?? "'", start));
    return [{ specifier, target: resolve(path, specifier), typeOnly: isTypeOnly(match) }];
  });
}

/** `import type {…}` and `import { type A, type B }`; a bare or dynamic import never is. */
function isTypeOnly(match: RegExpExecArray): boolean {
  const clause = match.groups?.clause?.trim();
  if (clause === undefined) return false;
  if (/^type\b/.test(clause)) return true;
  const names = /^\{([^}]*)\}$/.exec(clause)?.[1];
  const parts = names?.split(',').map((name) => name.trim()) ?? [];
  const named = parts.filter((name) => name !== '');
  return named.length > 0 && named.every((name) => name.startsWith('type '));
}

function resolve(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  return join(dirname(from), specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts');
}
