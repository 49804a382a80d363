import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import postgres from 'postgres';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeHome } from '../../src/dev/home.js';
import { type Postgres, type PostgresOptions, startPostgres } from '../../src/dev/postgres.js';
import { postgresBinaries } from '../../src/dev/postgres-binaries.js';
import { isAlive, send, untilDead } from '../../src/dev/process.js';
import { postgresAccount } from '../../src/dev/reach.js';
import { tempFolder } from './support.js';

async function begin(home: string, change: Partial<PostgresOptions> = {}): Promise<Postgres> {
  await makeHome(home);
  const cacheDir = join(home, 'cache');
  const database = await startPostgres({ home, cacheDir, durable: true, ...change });
  onTestFinished(() => database.stop('immediate'));
  return database;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1, onnotice() {} });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

describe('embedded Postgres', () => {
  test('keeps its data over a stop, a crash and a killed parent, and its port', async () => {
    const home = tempFolder();
    const first = await begin(home);
    expect(first.adopted).toBe(false);
    await query(first.url, 'CREATE TABLE kept (id int)');

    const again = await begin(home); // as after a kill -9 of the process that started it
    expect(again).toMatchObject({ adopted: true, url: first.url });
    expect(again.child.process).toEqual(first.child.process);

    send(first.child.process.pid, 'SIGKILL');
    const afterCrash = await begin(home, { port: first.port });
    expect(afterCrash).toMatchObject({ adopted: false, url: first.url });
    expect(await query(afterCrash.url, 'SELECT * FROM kept')).toEqual([]);

    await afterCrash.stop();
    expect(isAlive(afterCrash.child.process)).toBe(false);
    expect(await afterCrash.child.exited).toBe('gone');
    const last = await begin(home, { port: first.port });
    expect(last.url).toBe(first.url);
    expect(await query(last.url, 'SELECT * FROM kept')).toEqual([]);
  });

  test('listens on loopback only, asks for the password, and flushes', async () => {
    const { url, port } = await begin(tempFolder());
    const settings = await query(
      url,
      `SELECT current_setting('listen_addresses') a, current_setting('unix_socket_directories') s,
         current_setting('fsync') f, current_setting('server_encoding') e`,
    );
    expect(settings).toEqual([{ a: '127.0.0.1', s: '', f: 'on', e: 'UTF8' }]);
    const stranger = `postgres://mission:guess@127.0.0.1:${port}/mission`;
    await expect(query(stranger, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  test('takes another port when the remembered one is taken', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const address = stranger.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const database = await begin(tempFolder(), { port, durable: false });
    expect(database.port).not.toBe(port);
    expect(await query(database.url, `SELECT current_setting('fsync') f`)).toEqual([{ f: 'off' }]);
  });

  test('is not taken in by a pid file whose pid is a stranger, nor by a half cluster', async () => {
    const home = tempFolder();
    const first = await begin(home);
    await first.stop();
    const data = join(home, 'postgres', 'data');
    // Our own pid: alive, and no Postgres.
    writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n1\n${first.port}\n`);
    const second = await begin(home);
    expect(second.adopted).toBe(false);
    await second.stop();

    // As if the very first start had been killed in the middle.
    rmSync(data, { recursive: true });
    mkdirSync(join(home, 'postgres', 'data.new'));
    writeFileSync(join(home, 'postgres', 'data.new', 'PG_VERSION'), '18\n');
    const third = await begin(home);
    expect(await query(third.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('refuses the files of another version by name, and says what to do', async () => {
    const home = tempFolder();
    await (await begin(home)).stop();
    writeFileSync(join(home, 'postgres', 'data', 'PG_VERSION'), '14\n');
    await expect(begin(home)).rejects.toThrow(/made by Postgres 14.*Postgres 18.*move the folder/s);
  });

  test('that cannot start says why, with its last lines and the way out', async () => {
    const home = tempFolder();
    await (await begin(home)).stop();
    writeFileSync(join(home, 'postgres', 'data', 'postgresql.conf'), 'nonsense = on\n');
    await expect(begin(home)).rejects.toThrow(/nonsense.*set DATABASE_URL/s);
  }, 30_000);
});

describe('its binaries', () => {
  test('work where npm has left out the library links', async () => {
    const native = await postgresBinaries(await postgresAccount(), []);
    const home = tempFolder();
    const own = { folder: join(home, 'package', 'native'), version: 'own' };
    const links: { target: string }[] = JSON.parse(
      readFileSync(join(native.folder, 'pg-symlinks.json'), 'utf8'),
    );
    const root = join(home, 'package');
    cpSync(native.folder, join(root, 'native'), { recursive: true, verbatimSymlinks: true });
    for (const { target } of links) rmSync(join(root, target));
    const copy = await postgresBinaries(await postgresAccount(), [], own);
    expect(copy).toEqual({ folder: join(root, 'native'), notice: null });
    for (const { target } of links) expect(existsSync(join(root, target))).toBe(true);
    const database = await begin(join(home, 'home'), { binaries: own, durable: false });
    expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.stop('immediate');
    await untilDead(database.child.process);
  });

  test('are copied once to where the account may enter, else refused by name', async () => {
    const folder = tempFolder();
    const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 };
    const { folder: native } = await postgresBinaries(await postgresAccount(), []);
    const closed = join(folder, 'closed');
    cpSync(native, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    chmodSync(closed, 0o700);
    const hidden = { folder: join(closed, 'native'), version: '18' };
    const shelves = [join(closed, 'cache'), join(folder, 'open')];
    const first = await postgresBinaries(stranger, shelves, hidden);
    expect(first.folder).toMatch(join(folder, 'open', 'postgres-'));
    expect(first.notice).toContain(first.folder);
    const second = await postgresBinaries(stranger, shelves, hidden);
    expect(second).toEqual({ folder: first.folder, notice: null });
    await expect(postgresBinaries(stranger, [join(closed, 'cache')], hidden)).rejects.toThrow(
      /stranger.*closed\/native.*MISSION_HOME.*DATABASE_URL/s,
    );
  });
});
