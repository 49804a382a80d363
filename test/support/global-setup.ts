import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../drizzle/migrate.js';
import { seed } from '../../drizzle/seed.js';
import { loadConfig } from '../../src/config.js';
import { SEARCH_ATTRIBUTES } from '../../src/contract.js';
import { makeHome } from '../../src/dev/home.js';
import { type Postgres, startPostgres } from '../../src/dev/postgres.js';
import { startTemporal, type Temporal } from '../../src/dev/temporal.js';
import { describePlan, obtainTemporalCli, planDownload } from '../../src/dev/temporal-cli.js';
import { bundleWorkflows } from '../../src/main/bundle.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `127.0.0.1:port` of the suite's dev server. */
    temporalAddress: string;
    /** Its Web UI: `http://127.0.0.1:port`. */
    temporalUi: string;
    /** The superuser's URL of the suite's Postgres; tests take `freshDatabase()` instead. */
    adminDatabaseUrl: string;
    /** Migrated and seeded once; `freshDatabase()` copies it in some 30 ms. */
    templateDatabase: string;
    /** Those that test files share out among themselves, and where each notes its own. */
    namespaces: readonly string[];
    namespaceFolder: string;
    /** The bundle of all workflows, made once. */
    codePath: string;
  }
}

const TEMPLATE = 'template_mission';
const NAMESPACES = Array.from({ length: 16 }, (_, index) => `w${index + 1}`);

/**
 * One Postgres, one Temporal server and one bundle for the whole suite, on free ports, in a
 * temporary folder that is gone afterwards. MC_TEST_POSTGRES names the binaries of another
 * Postgres, so that CI tests the oldest supported one with the same suite.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'mission-test-'));
  const started: (Postgres | Temporal)[] = [];
  const teardown = async () => {
    await Promise.all(started.map((service) => service.stop('immediate')));
    await rm(home, { recursive: true, force: true });
  };
  try {
    await makeHome(home);
    const folder = join(home, 'namespaces');
    await mkdir(folder);
    const codePath = join(home, 'workflows.cjs');
    const all = await Promise.allSettled([
      startDatabase(home).then(async (database) => {
        started.push(database);
        await makeTemplate(database.url);
        project.provide('adminDatabaseUrl', database.url);
      }),
      startServer(home).then((server) => {
        started.push(server);
        project.provide('temporalAddress', server.address);
        project.provide('temporalUi', server.uiUrl ?? '');
      }),
      bundle(codePath),
    ]);
    for (const one of all) if (one.status === 'rejected') throw one.reason;
    project.provide('namespaces', NAMESPACES);
    project.provide('namespaceFolder', folder);
    project.provide('codePath', codePath);
    project.provide('templateDatabase', TEMPLATE);
    return teardown;
  } catch (error) {
    await teardown();
    throw error;
  }
}

async function startDatabase(home: string): Promise<Postgres> {
  const { cacheDir } = loadConfig();
  const folder = process.env.MC_TEST_POSTGRES;
  if (!folder) return startPostgres({ home, cacheDir, durable: false });
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  const binaries = { folder, version: `test-${digest}` };
  const database = await startPostgres({ home, cacheDir, binaries, durable: false });
  console.log(`Postgres ${await versionOf(database.url)}, from ${folder}`);
  return database;
}

async function versionOf(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql`SHOW server_version`;
  await sql.end();
  return String(row?.server_version);
}

async function startServer(home: string): Promise<Temporal> {
  const { temporalCli, searchPath, cacheDir } = loadConfig();
  const options = { named: temporalCli, searchPath, cacheDir };
  const plan = await planDownload(options);
  if (plan) console.log(describePlan(plan));
  return startTemporal({
    home,
    cli: await obtainTemporalCli(options),
    durable: false,
    webUi: true,
    fastTimers: true,
    namespaces: NAMESPACES,
    searchAttributes: SEARCH_ATTRIBUTES,
  });
}

async function makeTemplate(adminUrl: string): Promise<void> {
  const admin = postgres(adminUrl, { max: 1 });
  try {
    await admin`CREATE DATABASE ${admin(TEMPLATE)}`;
  } finally {
    await admin.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${TEMPLATE}`;
  await migrate(url.href);
  await seed(url.href);
}

async function bundle(codePath: string): Promise<void> {
  const { code } = await bundleWorkflows(new URL('../../workflows/index.ts', import.meta.url));
  await writeFile(codePath, code);
}
