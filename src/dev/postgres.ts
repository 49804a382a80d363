import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Child, watch } from './child.js';
import { choosePort } from './ports.js';
import { type Native, postgresBinaries } from './postgres-binaries.js';
import { commandLine, findProcess, lastLines, type ProcessRef, terminate } from './process.js';
import { type Account, blockedAt, postgresAccount } from './reach.js';

const USER = 'mission';
const DATABASE = 'mission';
/** Tried first, so that an address which a person has noted stays valid. */
const USUAL_PORT = 54_329;

/** Right after a crash its orphans still hold the files, or a port was taken just now. */
const WILL_PASS = /still in use|already exists|Address already in use|starting up/;

export interface PostgresOptions {
  /** The data folder; Postgres keeps all of its own in `postgres` below it. */
  home: string;
  /** false: no flush to disk at all. For tests: the data is lost when the machine dies. */
  durable: boolean;
  /** Where binaries may be copied to when they lie in a closed folder. */
  cacheDir: string;
  /** The port of the last start. */
  port?: number | undefined;
  /** Those of another Postgres than the installed package's. */
  binaries?: Native | undefined;
  say?: ((line: string) => void) | undefined;
}

export interface Postgres {
  /** `postgres://…` of the database `mission`, with its password. */
  url: string;
  port: number;
  /** True when it ran already: started by a process of this installation that has died. */
  adopted: boolean;
  child: Child;
  /** `fast` ends sessions and flushes; `immediate` is for data that is thrown away. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

/** What every step needs: where things are, and who runs them. */
interface Place {
  folder: string;
  data: string;
  log: string;
  bin: string;
  account: Account;
}

/**
 * Starts Postgres on 127.0.0.1 with the data in `home`, or adopts the one that runs on exactly
 * these files. The first start makes the cluster and the database `mission` (about 1.5 s).
 * Throws with the reason, the last lines of its log and what to do.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const place = await prepare(options);
  if (!(await readText(join(place.data, 'PG_VERSION')))) await makeCluster(place);
  await checkVersion(place);
  const deadline = Date.now() + 10_000;
  for (;;) {
    const running = await findRunning(place);
    if (running && (await answers(place, running.port, deadline))) {
      return describe(place, running.port, running.process, true);
    }
    const port = await choosePort([options.port, USUAL_PORT]);
    const problem = await launch(place, port, options.durable);
    const started = problem === null ? await findRunning(place) : null;
    if (started && (await answers(place, started.port, deadline))) {
      return describe(place, started.port, started.process, false);
    }
    const passing = problem === null || WILL_PASS.test(lastLines(place.log).join('\n'));
    if (!passing || Date.now() > deadline) {
      throw failure(place, problem ?? 'It started, but does not answer.');
    }
    await sleep(250);
  }
}

/** Folders, account and binaries, each in a place that the account can enter. */
async function prepare(options: PostgresOptions): Promise<Place> {
  const account = await postgresAccount();
  const folder = join(options.home, 'postgres');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(folder, account.uid, account.gid);
  }
  const blocked = await blockedAt(folder, account);
  if (blocked) {
    throw new Error(
      `Postgres runs as ${account.name}, who may not enter ${blocked.folder} (mode ` +
        `${blocked.mode}). Set MISSION_HOME to a folder outside of it, run \`chmod o+x ` +
        `${blocked.folder}\`, or set DATABASE_URL to a Postgres of your own.`,
    );
  }
  const shelves = [options.cacheDir, options.home];
  const found = await postgresBinaries(account, shelves, options.binaries);
  if (found.notice) options.say?.(found.notice);
  const at = (name: string) => join(folder, name);
  return { folder, data: at('data'), log: at('log'), bin: join(found.folder, 'bin'), account };
}

/** Made beside and renamed: a start that dies half-way leaves no half cluster behind. */
async function makeCluster(place: Place): Promise<void> {
  const fresh = join(place.folder, 'data.new');
  const password = join(place.folder, 'password');
  await rm(fresh, { recursive: true, force: true });
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await chmod(password, 0o600);
  const { uid, gid } = place.account;
  if (uid !== undefined && gid !== undefined) await chown(password, uid, gid);
  const settings = ['--no-sync', '--locale=C', '--encoding=UTF8', '--auth=scram-sha-256'];
  await run(place, 'initdb', ['-D', fresh, '-U', USER, `--pwfile=${password}`, ...settings]);
  await run(
    place,
    'postgres',
    ['--single', '-D', fresh, 'postgres'],
    `CREATE DATABASE ${DATABASE}`,
  );
  await rename(fresh, place.data);
}

async function checkVersion(place: Place): Promise<void> {
  const ofData = (await readText(join(place.data, 'PG_VERSION')))?.trim();
  const { stdout } = await run(place, 'postgres', ['--version']);
  const ofProgram = /\d+/.exec(stdout)?.[0];
  if (ofData === ofProgram) return;
  throw new Error(
    `The database files in ${place.data} were made by Postgres ${ofData}; these binaries are ` +
      `Postgres ${ofProgram} and cannot read them. Use the version of the package that made ` +
      'them, or move the folder away to begin with an empty database.',
  );
}

/** Starts it under pg_ctl and waits until it is ready. Returns what went wrong, or null. */
async function launch(place: Place, port: number, durable: boolean): Promise<string | null> {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: "''",
    max_connections: '200',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const start = ['-w', '-D', place.data, '-l', place.log, '-o', `-p ${port} ${flags.join(' ')}`];
  try {
    await run(place, 'pg_ctl', [...start, 'start']);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The server that holds our files, by its `postmaster.pid`. That file outlives a crash, and its
 * pid may belong to a stranger by now, for whose sake Postgres would refuse to start: then it is
 * removed.
 */
async function findRunning(place: Place): Promise<{ port: number; process: ProcessRef } | null> {
  const file = join(place.data, 'postmaster.pid');
  const [pid, , , port] = ((await readText(file)) ?? '').split('\n').map(Number);
  if (!pid || !port) return null;
  const process = findProcess(pid);
  if (process && commandLine(pid).includes(place.data)) return { port, process };
  await rm(file, { force: true });
  return null;
}

/** Whether it takes our password and answers a query; false when it dies or time is up. */
async function answers(place: Place, port: number, deadline: number): Promise<boolean> {
  const { default: connect } = await import('postgres');
  do {
    const sql = connect(await urlOf(place, port), { max: 1, connect_timeout: 2, onnotice() {} });
    try {
      await sql`select 1`;
      return true;
    } catch {
      if (!(await findRunning(place))) return false;
      await sleep(100);
    } finally {
      await sql.end({ timeout: 1 });
    }
  } while (Date.now() < deadline);
  return false;
}

async function describe(
  place: Place,
  port: number,
  process: ProcessRef,
  adopted: boolean,
): Promise<Postgres> {
  // SIGTERM would wait for every client to leave by itself.
  const stop = (graceMs: number, signal: NodeJS.Signals = 'SIGINT') =>
    terminate(process, { graceMs, signal });
  return {
    url: await urlOf(place, port),
    port,
    adopted,
    child: watch(process, { lastLines: () => lastLines(place.log), stop }),
    stop: (mode = 'fast') => stop(30_000, mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
  };
}

async function urlOf(place: Place, port: number): Promise<string> {
  const password = await readText(join(place.folder, 'password'));
  if (!password) throw failure(place, `Its password file ${place.folder}/password is missing.`);
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

/** Runs one of its programs as the account, with nothing of our environment that could steer it. */
async function run(place: Place, program: string, args: readonly string[], input = '') {
  const { uid, gid } = place.account;
  try {
    return await execa(join(place.bin, program), args, {
      cwd: place.folder,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      extendEnv: false,
      input,
      // Signed, as spawn wants them: on macOS `nobody` is 2^32 - 2.
      ...(uid === undefined ? {} : { uid: uid | 0 }),
      ...(gid === undefined ? {} : { gid: gid | 0 }),
    });
  } catch (error) {
    throw failure(place, error instanceof Error ? error.message : String(error));
  }
}

function failure(place: Place, problem: string): Error {
  const lines = lastLines(place.log).map((line) => `  ${line}`);
  return new Error(
    [
      `Embedded Postgres failed (run as ${place.account.name} on ${place.folder}): ${problem}`,
      ...(lines.length > 0 ? [`The end of ${place.log}:`, ...lines] : []),
      'To go on without it, set DATABASE_URL to a Postgres of your own (14 to 18).',
    ].join('\n'),
  );
}

/** null when the file is not there. */
async function readText(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}
