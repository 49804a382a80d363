import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { choosePort } from '../../src/dev/ports.js';
import { findProcess, isAlive, type ProcessRef, send } from '../../src/dev/process.js';
import { StackError, type StackOptions, up } from '../../src/dev/stack.js';
import { readState, writeState } from '../../src/dev/state.js';
import { stopStack } from '../../src/dev/stop.js';
import { cliSearch, tempFolder, until } from './support.js';

/** A data folder as after an earlier run, on ports that nothing else on this machine wants. */
async function freshHome(): Promise<string> {
  const home = tempFolder();
  const [port, serverPort, uiPort] = [
    await choosePort([]),
    await choosePort([]),
    await choosePort([]),
  ];
  const server = { address: '', namespace: '', uiUrl: null, version: null, cli: null };
  writeState(home, {
    ...{ phase: 'stopped', holder: null, startedAt: '', workers: [] },
    postgres: { url: '', port, process: null },
    temporal: { ...server, port: serverPort, uiPort, process: null },
  });
  return home;
}

const SLEEP = 'echo at work; exec sleep 600';

function options(home: string, change: Partial<StackOptions> = {}): StackOptions {
  const { named, searchPath, cacheDir } = cliSearch();
  onTestFinished(() => stopStack(home, { say() {} }).then(() => undefined));
  return {
    ...{ home, searchPath, cacheDir, temporalCli: named, databaseUrl: null, temporal: null },
    namespace: 'default',
    searchAttributes: { TaskStatus: 'Keyword' },
    say() {},
    prepare: [],
    workers: [{ name: 'worker', program: '/bin/sh', args: ['-c', SLEEP] }],
    ...change,
  };
}

/** Both servers are the suite's own: quick, and `up` must leave them alone. */
function withOwnServers(home: string, change: Partial<StackOptions> = {}): StackOptions {
  const address = inject('temporalAddress');
  return options(home, {
    databaseUrl: inject('adminDatabaseUrl'),
    temporal: { address, connectionOptions: { address } },
    ...change,
  });
}

/** A process that holds the stack, with what it says. */
function holder(home: string, worker = SLEEP, prepare: string[] = []) {
  const program = new URL('./holder.ts', import.meta.url).pathname;
  const process_ = execa(process.execPath, ['--import', 'tsx', program, home, worker, ...prepare], {
    all: true,
    reject: false,
  });
  onTestFinished(async () => {
    process_.kill('SIGKILL');
    await stopStack(home, { say() {} });
  });
  const lines: string[] = [];
  process_.all?.on('data', (data: Buffer) => lines.push(...data.toString().trim().split('\n')));
  return { process: process_, lines };
}

/** Every process that the state file names. */
function processes(home: string): ProcessRef[] {
  const state = readState(home);
  const all = [state?.postgres?.process, state?.temporal?.process];
  return [...all, ...(state?.workers ?? []).map((worker) => worker.process)].filter(
    (one) => one !== null && one !== undefined,
  );
}

describe('up', () => {
  test('starts all, is found by a second up, and stop ends all; the ports stay', async () => {
    const home = await freshHome();
    const prepared: string[] = [];
    const prepare = ['migrations', 'seed'].map((step) => async (url: string) => {
      prepared.push(`${step} ${url}`);
    });
    const wanted = options(home, { prepare });
    const stack = await up(wanted);
    const { databaseUrl } = stack.addresses;
    expect(prepared).toEqual([`migrations ${databaseUrl}`, `seed ${databaseUrl}`]);
    expect(readState(home)?.phase).toBe('ready');
    const running = processes(home);
    expect(running.map(isAlive)).toEqual([true, true, true]);

    const second = await up(wanted);
    expect(second).toMatchObject({ adopted: true, addresses: stack.addresses });
    await second.stop();
    expect(processes(home)).toEqual(running);

    await stack.stop();
    expect(await stack.ended).toBeNull();
    expect(running.map(isAlive)).toEqual([false, false, false]);
    expect(processes(home)).toEqual([]);

    const before = Date.now();
    const again = await up(wanted);
    expect(again.addresses).toEqual(stack.addresses);
    expect(Date.now() - before).toBeLessThan(5_000); // half a second on a machine at rest
    await again.stop();
  });

  test('a server that dies is started again at the same address, and said', async () => {
    const home = await freshHome();
    const said: string[] = [];
    const stack = await up(options(home, { say: (line) => said.push(line) }));
    const before = readState(home);
    for (const dead of [before?.postgres?.process, before?.temporal?.process]) {
      if (dead) send(dead.pid, 'SIGKILL');
    }
    await until(() => {
      const now = readState(home);
      const pids = [now?.postgres?.process?.pid, now?.temporal?.process?.pid];
      const old = [before?.postgres?.process?.pid, before?.temporal?.process?.pid];
      return pids.every((pid, index) => pid && pid !== old[index]);
    });
    const now = readState(home);
    expect([now?.postgres?.url, now?.temporal?.address]).toEqual([
      stack.addresses.databaseUrl,
      stack.addresses.temporalAddress,
    ]);
    expect(said.join('\n')).toMatch(/Postgres ended .* starting it again/);
    expect(said.join('\n')).toMatch(/Temporal ended .* starting it again/);
    await stack.stop();
    expect(processes(home)).toEqual([]);
  });
});

describe('workers', () => {
  test('one that is killed is started again, and its death reported', async () => {
    const home = await freshHome();
    const dead: number[] = [];
    const onWorkerExit = ({ pid }: ProcessRef) => void dead.push(pid);
    const stack = await up(withOwnServers(home, { onWorkerExit }));
    const pid = readState(home)?.workers[0]?.process.pid ?? 0;
    send(pid, 'SIGKILL');
    await until(() => {
      const now = readState(home)?.workers[0]?.process.pid;
      return now !== undefined && now !== pid;
    });
    expect(dead).toEqual([pid]);
    await stack.stop();
  });

  test('one that cannot live fails the start, with its last lines; nothing stays', async () => {
    const home = await freshHome();
    const workers = [{ name: 'worker', program: '/bin/sh', args: ['-c', 'echo no key; exit 2'] }];
    const ready = () => new Promise<void>(() => undefined);
    const start = up(withOwnServers(home, { workers, ready }));
    await expect(start).rejects.toThrow(StackError);
    await expect(start).rejects.toThrow(/worker does not stay up: exit code 2.*no key/s);
    expect(readState(home)).toMatchObject({ phase: 'stopped', holder: null, workers: [] });
  });

  test('one that dies for good later ends the whole stack with its last lines', async () => {
    const home = await freshHome();
    const file = join(home, 'go-on');
    const body = `test -e ${file} || { touch ${file}; exec sleep 600; }; echo broken; exit 7`;
    const workers = [{ name: 'worker', program: '/bin/sh', args: ['-c', body] }];
    const stack = await up(
      withOwnServers(home, { workers, ready: () => until(() => existsSync(file)) }),
    );
    send(readState(home)?.workers[0]?.process.pid ?? 0, 'SIGKILL');
    const why = await stack.ended;
    expect(why?.message).toMatch(/worker does not stay up: exit code 7.*broken/s);
    expect(readState(home)?.phase).toBe('stopped');
  });

  test('get the addresses', async () => {
    const home = await freshHome();
    const body =
      'echo $MISSION_HOME $DATABASE_URL $TEMPORAL_ADDRESS $TEMPORAL_NAMESPACE; sleep 600';
    const workers = [{ name: 'worker', program: '/bin/sh', args: ['-c', body] }];
    const stack = await up(withOwnServers(home, { workers }));
    const log = await until(() => readFileSync(join(home, 'logs', 'worker.log'), 'utf8'));
    const { databaseUrl, temporalAddress } = stack.addresses;
    expect(log.trim()).toBe(`${home} ${databaseUrl} ${temporalAddress} default`);
    await stack.stop();
  });
});

describe('servers of the person’s own', () => {
  test('are used, and neither started nor ended', async () => {
    const home = await freshHome();
    const stack = await up(withOwnServers(home));
    expect(stack.addresses).toMatchObject({
      databaseUrl: inject('adminDatabaseUrl'),
      temporalAddress: inject('temporalAddress'),
      uiUrl: null,
    });
    expect(processes(home)).toHaveLength(1);
    await stack.stop();
    const again = await up(withOwnServers(home)); // they answer still
    await again.stop();
  });

  test('that do not answer are named, without the password', async () => {
    const databaseUrl = 'postgres://me:s3cret@127.0.0.1:1/x';
    const start = () => up(withOwnServers(tempFolder(), { databaseUrl }));
    await expect(start()).rejects.toThrow(/DATABASE_URL names 127\.0\.0\.1:1\/x/);
    await expect(start()).rejects.not.toThrow(/s3cret/);
    const temporal = { address: '127.0.0.1:1', connectionOptions: { address: '127.0.0.1:1' } };
    const other = up(withOwnServers(tempFolder(), { temporal }));
    await expect(other).rejects.toThrow(/Temporal server at 127\.0\.0\.1:1 does not answer/);
  });
});

describe('from another shell', () => {
  test('a second up waits for one that starts, and finds it', async () => {
    const home = await freshHome();
    const first = holder(home);
    await until(() => existsSync(join(home, 'lock.1')));
    const stack = await up(options(home));
    expect(stack.adopted).toBe(true);
    expect(readState(home)?.holder?.pid).toBe(first.process.pid);
    expect(await stopStack(home, { say() {} })).toBe('stopped');
    expect((await first.process).exitCode).toBe(0);
    expect(processes(home)).toEqual([]);
  });

  test('after kill -9 of the holder the next up adopts servers and replaces workers', async () => {
    const home = await freshHome();
    const first = holder(home);
    await until(() => readState(home)?.phase === 'ready');
    const [database, server, worker] = processes(home);
    first.process.kill('SIGKILL');
    await first.process;
    expect([database, server, worker].map((one) => one && isAlive(one))).toEqual([
      true,
      true,
      true,
    ]);

    const dead: ProcessRef[] = [];
    const stack = await up(options(home, { onWorkerExit: (process) => void dead.push(process) }));
    const now = processes(home);
    expect(now.slice(0, 2)).toEqual([database, server]);
    expect(dead).toEqual([worker]);
    expect(findProcess(worker?.pid ?? 0)).toBeNull();
    expect(stack.adopted).toBe(false);
    await stack.stop();
    expect(now.map(isAlive)).toEqual([false, false, false]);
  });

  test('down ends what a killed holder left behind', async () => {
    const home = await freshHome();
    const first = holder(home);
    await until(() => readState(home)?.phase === 'ready');
    const running = processes(home);
    first.process.kill('SIGKILL');
    await first.process;
    const said: string[] = [];
    expect(await stopStack(home, { say: (line) => said.push(line) })).toBe('leftovers');
    expect(running.map(isAlive)).toEqual([false, false, false]);
    expect(said).toHaveLength(3);
    expect(await stopStack(home, { say() {} })).toBe('nothing');
  });

  test('down --drain waits for the drain; a plain down cuts it short', async () => {
    const home = await freshHome();
    const first = holder(home);
    await until(() => readState(home)?.phase === 'ready');
    const said: string[] = [];
    const drained = stopStack(home, { drain: 600_000, say: (line) => said.push(line) });
    await until(() => said.includes('draining for 600000 ms'));
    await until(() => first.lines.includes('draining for 600000 ms'));
    expect(readState(home)?.phase).toBe('ready');
    await stopStack(home, { say() {} });
    expect(await drained).toBe('stopped');
    expect((await first.process).exitCode).toBe(0);
  });

  test('SIGTERM during the start ends what was started', async () => {
    const home = await freshHome();
    const first = holder(home, SLEEP, ['until aborted']);
    await until(() => first.lines.includes('preparing'));
    const database = readState(home)?.postgres?.process;
    first.process.kill('SIGTERM');
    expect((await first.process).exitCode).toBe(1);
    expect(database && isAlive(database)).toBe(false);
    expect(readState(home)).toMatchObject({ phase: 'stopped', holder: null, workers: [] });
  });
});
