import { createWorkspaces, type Workspaces } from '../../src/workspace/index.js';
import { addRepository, type Repository } from '../support/repository.js';
import { openRig, type Rig, type RigWorker } from '../support/rig.js';
import { setPolicy } from '../support/settings.js';
import { openPostgresProxy, type PostgresProxy } from './postgres-proxy.js';
import { openTemporalProxy, type TemporalProxy } from './temporal-proxy.js';
import type { Trap } from './trap.js';

/** A turn whose checkpoint Postgres has said to have stored, as seen on the wire. */
interface StoredTurn {
  readonly run: string;
  readonly attempt: number;
  readonly turn: number;
}

/** An installation whose only worker talks to both servers through proxies that we hold. */
export interface Arena {
  readonly rig: Rig;
  readonly postgres: PostgresProxy;
  readonly stored: readonly StoredTurn[];
  readonly workspaces: Workspaces;
  worker(): RigWorker;
  startWorker(): Promise<void>;
  watch(trap: Trap | null): void;
  addRepository(): Promise<Repository>;
  close(): Promise<void>;
}

/** One run per agent at a time, so that whatever comes second waits; nothing else limits. */
const LIMITS = {
  maxConcurrentPerAgent: 1,
  maxDailyPerAgent: 1_000_000,
  maxDailyPerReviewer: 1_000_000,
  maxDailyTokens: 1_000_000_000,
  timeZone: 'UTC',
};

export async function openArena(): Promise<Arena> {
  // Flushed to disk: what a server has acknowledged must outlive its sudden end.
  const rig = await openRig({ durable: true });
  const postgres = await openPostgresProxy(rig.postgres().port);
  const temporal: TemporalProxy = await openTemporalProxy(rig.temporal().port);
  const stored: StoredTurn[] = [];
  postgres.answered = (text, answer) => {
    const turn = storedTurn(text, answer);
    if (turn !== null) stored.push(turn);
  };
  const house = { ...rig, taskQueue: rig.taskQueue } as never;
  await setPolicy(house, 'execution-limits', { value: LIMITS });
  const proxied = new URL(rig.databaseUrl);
  proxied.port = String(postgres.port);
  const env = { DATABASE_URL: proxied.href, TEMPORAL_ADDRESS: temporal.address };
  let worker = await rig.startWorker(env);
  return {
    rig,
    postgres,
    stored,
    workspaces: createWorkspaces({ home: rig.home, searchPath: process.env.PATH ?? '' }),
    worker: () => worker,
    async startWorker() {
      worker = await rig.startWorker(env);
    },
    watch(trap) {
      postgres.trap = trap;
      temporal.trap = trap;
    },
    addRepository: () => addRepository(rig, { landing: 'merge' }),
    async close() {
      await rig.close();
      await Promise.all([postgres.close(), temporal.close()]);
    },
  };
}

function storedTurn(text: string, answer: string): StoredTurn | null {
  if (!/^select "?save_progress"?\(/.test(text) || !/go|paused/.test(answer)) return null;
  const { run, attempt, checkpoint } = JSON.parse(text.slice(text.indexOf('\n') + 1));
  return { run, attempt, turn: checkpoint.turn };
}
