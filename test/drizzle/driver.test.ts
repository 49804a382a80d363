import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../drizzle/db.js';
import { checkInvariants } from '../../drizzle/invariants.js';
import { agents } from '../../drizzle/schema.js';
import { freshDatabase } from '../support/services.js';
import { course, Stage, SUCCEEDED, spec } from './stage.js';

const CALLERS = 12;
const KILLS = 12;
let stage: Stage;
let watcher: Stage;
beforeAll(async () => {
  const { url } = await freshDatabase();
  stage = Stage.at(url, CALLERS);
  watcher = Stage.at(url, 2);
  await watcher.setPolicy('execution-limits', { maxDailyTokens: 1e11, maxDailyPerAgent: 1e6 });
});
afterAll(() => Promise.all([stage.close(), watcher.close()]));

/** A task from its beginning to its end, as far as the connection holds. */
async function life(): Promise<void> {
  const { run, taskId } = await stage.begin({});
  const review = spec('REVIEW', 1);
  if ((await stage.holding([run]))[0]) {
    const then = course({ status: 'REVIEW', next: [review] });
    await stage.perform(run, { ...SUCCEEDED, course: then });
    if ((await stage.holding([review.id]))[0]) await stage.review(review.id, run);
  }
  const end = { status: 'CANCELLED', by: 'person:ann', door: 'cli', reason: '' };
  await stage.call('end_task', { task: taskId, ...end });
}

/** What a lost backend is called: by Postgres itself, by the driver, by the system. */
const LOST = ['57P01', 'CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE'];

/** Ends one backend of the callers; answers once it is gone. */
const kill = () => watcher.sql`
  select pg_terminate_backend(pid, 1000) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
    and query not like '%pg_stat_activity%' order by random() limit 1`;

test('a backend that is killed fails its caller at once, and nothing is half written', async () => {
  let over = false;
  let done = 0;
  const faults = new Map<string, number>();
  const caller = async () => {
    while (!over) {
      await life().then(
        () => done++,
        (error: Error & { code?: string }) => {
          const code = error.code ?? error.message;
          faults.set(code, (faults.get(code) ?? 0) + 1);
        },
      );
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  let killed = 0;
  for (let before = done; killed < KILLS; before = done) {
    await expect.poll(() => done, { interval: 20, timeout: 20_000 }).toBeGreaterThan(before);
    killed += (await kill()).length;
  }
  over = true;
  await callers; // whoever hangs lets the test time out
  expect(killed).toBeGreaterThanOrEqual(KILLS);
  expect([...faults.keys()].filter((code) => !LOST.includes(code))).toEqual([]);
  expect(
    await watcher.sql`
    select t.id from tasks t where
      (status = 'ASSIGNED' and not exists (select 1 from decisions where task_id = t.id))
      or not exists (select 1 from audit where subject = t.id::text and action = 'task.file')
      or (status = 'CANCELLED') <> exists (
        select 1 from audit where subject = t.id::text and action = 'task.cancelled')
      or (status = 'REVIEW') <> exists (
        select 1 from runs where task_id = t.id and kind = 'REVIEW') and status <> 'LANDING'
        and status <> 'CANCELLED'`,
  ).toEqual([]);
  expect(await checkInvariants(watcher.database)).toEqual([]);
});

test('rows that a lost backend had sent do not push the next answer out of place', async () => {
  const { url } = await freshDatabase();
  const one = connect(url, { max: 1 });
  for (const read of [
    () => one.sql`select 1 as one`,
    () => one.db.select({ id: agents.id }).from(agents).limit(1),
  ]) {
    const [backend] = await one.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const cut = one.sql`
      select case when n = 10 then pg_sleep(60) end, repeat('x', 9000)
      from generate_series(1, 10) n`.catch((error: Error) => error);
    const asleep = () => watcher.sql`
      select 1 from pg_stat_activity where pid = ${backend?.pid ?? 0} and wait_event = 'PgSleep'`;
    await expect.poll(asleep, { interval: 20, timeout: 20_000 }).toHaveLength(1);
    await watcher.sql`select pg_terminate_backend(${backend?.pid ?? 0}, 1000)`;
    expect(await cut).toBeInstanceOf(Error);
    // The driver fails one more statement with the lost backend's last word, unsent.
    await one.sql`select 1`.catch(() => undefined);
    const rows = await read();
    expect(Object.keys(rows)).toEqual(['0']);
  }
  await one.close();
});

test('a connection that is lost at its first statement fails the caller alone', async () => {
  const { url } = await freshDatabase();
  const { port, hostname } = new URL(url);
  const server = createServer((near) => {
    const far = createConnection(Number(port), hostname);
    let isReady = false;
    far.on('data', (data) => {
      isReady ||= data.includes('Z\0\0\0\x05I'); // ReadyForQuery, idle
      near.write(data);
    });
    near.on('data', (data) => (isReady ? far.destroy() : far.write(data)));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined).on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', hear);
  const cut = connect(through.href);
  const lost = Promise.all(
    Array.from({ length: 5 }, () =>
      cut.sql`select 1`.catch((error: { code: string }) => error.code),
    ),
  );
  expect(new Set(await lost)).toEqual(new Set(['CONNECTION_CLOSED']));
  await new Promise(setImmediate);
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
  await cut.close();
  server.close();
});
