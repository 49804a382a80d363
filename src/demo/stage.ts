import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { connect as connectDatabase, type Database } from '../../drizzle/db.js';
import { addRepository } from '../../drizzle/repositories.js';
import type { Wake } from '../../drizzle/steps.js';
import { connect, type MissionControl } from '../client/index.js';
import { runPromoted } from '../contract.js';
import type { Addresses } from '../dev/stack.js';
import { makeRepository } from './repository.js';
import { STORY } from './story.js';

export const REPOSITORY = 'tiny-search';

/** What the scenes play on: a real installation, a real repository, and who tells of it. */
export interface Stage {
  readonly mission: MissionControl;
  readonly database: Database;
  /** The person's repository. */
  readonly repository: string;
  /** The worker's process now, or null while none runs. */
  readonly workerPid: () => number | null;
  /** Wakes runs that a change of policy has promoted. */
  wake(promoted: readonly Wake[]): Promise<void>;
  say(line?: string): void;
  /** A claim that is checked: the demo ends non-zero when one is false. */
  claim(sentence: string, holds: boolean): void;
  /** Claims that were false. */
  readonly broken: string[];
}

/** The demo's own folder: a home that ends with it, the repository and the scenario file. */
export async function makeFolder(): Promise<{
  home: string;
  repository: string;
  scenarios: string;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'mission-demo-'));
  await chmod(folder, 0o711); // as root, Postgres runs as `nobody` and must get through
  const [home, repository, scenarios] = ['home', REPOSITORY, 'scenarios'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await mkdir(scenarios);
  await writeFile(join(scenarios, 'demo.json'), JSON.stringify(STORY, null, 2));
  await makeRepository(repository);
  return { home, repository, scenarios };
}

export const removeFolder = (home: string) =>
  rm(join(home, '..'), { recursive: true, force: true });

interface StageOptions {
  readonly addresses: Addresses;
  readonly taskQueue: string;
  readonly repository: string;
  readonly workerPid: () => number | null;
  readonly say: (line: string) => void;
}

export async function setStage(options: StageOptions): Promise<Stage & AsyncDisposable> {
  const { addresses, taskQueue, repository, workerPid, say } = options;
  const { temporalAddress: address, namespace } = addresses;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const mission = await connect({ connection, namespace, taskQueue, by: 'person:demo' });
  const database = connectDatabase(addresses.databaseUrl, { max: 4 });
  await addRepository(database, {
    id: uuidv7(),
    name: REPOSITORY,
    location: repository,
    target: 'main',
    landing: 'merge',
    provenance: 'demo',
    by: 'person:demo',
    door: 'cli',
  });
  const broken: string[] = [];
  return {
    mission,
    database,
    repository,
    workerPid,
    broken,
    async wake(promoted) {
      for (const { run, workflowId } of promoted) {
        await client.workflow.getHandle(workflowId).signal(runPromoted, { run });
      }
    },
    say: (line = '') => say(line === '' ? '' : `   ${line}`),
    claim(sentence, holds) {
      say(`   ${holds ? '✓' : '✗'} ${sentence}`);
      if (!holds) broken.push(sentence);
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([mission.close(), connection.close(), database.close()]);
    },
  };
}

/** Looks until something is found; an error that names what never came after `patienceMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  patienceMs = 30_000,
): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never came within ${patienceMs / 1000} s: ${what}`);
    await sleep(50);
  }
}
