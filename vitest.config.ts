import { defineConfig } from 'vitest/config';

/**
 * Which tests need Postgres and Temporal is told by where they lie, so that no list has to be kept:
 * the folders below and every `*.e2e.test.ts` do; all the rest, and every `*.unit.test.ts`, do not.
 */
const SERVICE_FOLDERS = 'activities,cli,client,drizzle,e2e,examples,http,mcp,outage,service';
const NEEDS_SERVICES = [`test/{${SERVICE_FOLDERS}}/**/*.test.ts`, 'test/**/*.e2e.test.ts'];
const NEVER_NEEDS_THEM = 'test/**/*.unit.test.ts';

export default defineConfig({
  test: {
    // Two cores are what CI has; more workers only make timeouts of real servers likelier.
    maxWorkers: 2,
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          // A file of a service folder that needs none says so by its suffix.
          exclude: NEEDS_SERVICES.map((glob) => glob.replace('*.test.ts', '!(*.unit).test.ts')),
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: NEEDS_SERVICES,
          exclude: [NEVER_NEEDS_THEM],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // After the unit tests: they answer in seconds and most mistakes show there.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
