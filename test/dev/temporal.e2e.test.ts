import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeHome } from '../../src/dev/home.js';
import { choosePort } from '../../src/dev/ports.js';
import { isAlive, send, untilDead } from '../../src/dev/process.js';
import { startTemporal, type Temporal, type TemporalOptions } from '../../src/dev/temporal.js';
import { obtainTemporalCli } from '../../src/dev/temporal-cli.js';
import { cliSearch, script, tempFolder } from './support.js';

async function begin(home: string, change: Partial<TemporalOptions> = {}): Promise<Temporal> {
  await makeHome(home);
  const cli = await obtainTemporalCli(cliSearch());
  const searchAttributes = { TaskStatus: 'Keyword' } as const;
  // Not the usual ports: other tests on this machine want those too.
  const ports = { port: await choosePort([]), uiPort: await choosePort([]) };
  const fixed = { home, cli, searchAttributes, durable: true };
  const server = await startTemporal({ ...fixed, ...ports, ...change });
  onTestFinished(() => server.child.stop(0));
  return server;
}

async function open(server: Temporal): Promise<Connection> {
  const connection = await Connection.connect({ address: server.address });
  onTestFinished(() => connection.close());
  return connection;
}

async function startSomething(server: Temporal, workflowId: string): Promise<void> {
  const client = new Client({ connection: await open(server) });
  await client.workflow.start('nobody', { taskQueue: 'nobody', workflowId, args: [] });
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false)).once('timeout', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

describe('the embedded Temporal server', () => {
  test('keeps its data over kill -9, at the same ports', async () => {
    const home = tempFolder();
    const first = await begin(home);
    await startSomething(first, 'kept');
    send(first.child.process.pid, 'SIGKILL');
    await untilDead(first.child.process);

    const second = await begin(home, { port: first.port, uiPort: first.uiPort ?? undefined });
    expect(second).toMatchObject({ adopted: false, address: first.address, uiUrl: first.uiUrl });
    const client = new Client({ connection: await open(second) });
    expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
    expect((await fetch(second.uiUrl ?? '')).status).toBe(200);
    await second.stop();
    expect(isAlive(second.child.process)).toBe(false);
  });

  test('is adopted by the next process, and ended first when it does not answer', async () => {
    const home = tempFolder();
    const first = await begin(home);
    const second = await begin(home);
    expect(second.adopted).toBe(true);
    expect(second.child.process).toEqual(first.child.process);

    // Alive, but deaf on the port that we remember: two on one file would be worse than none.
    const file = join(home, 'temporal', 'server.json');
    writeFileSync(file, JSON.stringify({ ...recordOf(first), port: 1 }));
    const third = await begin(home);
    expect(third.adopted).toBe(false);
    expect(isAlive(first.child.process)).toBe(false);
  });

  test('gets search attributes on an old file too, and keeps the closed 30 days', async () => {
    const home = tempFolder();
    await (await begin(home)).stop();
    const searchAttributes = { TaskStatus: 'Keyword', Reviewers: 'KeywordList', Cycles: 'Int' };
    const server = await begin(home, {
      searchAttributes: searchAttributes as TemporalOptions['searchAttributes'],
      namespaces: ['other'],
    });
    const connection = await open(server);
    for (const namespace of ['default', 'other']) {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace,
      });
      expect(customAttributes).toMatchObject({ TaskStatus: 2, Reviewers: 7, Cycles: 3 });
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      expect(config?.workflowExecutionRetentionTtl?.seconds?.toNumber()).toBe(720 * 3600);
    }
  });

  test('says so when a search attribute exists with another type', async () => {
    const home = tempFolder();
    await (await begin(home)).stop();
    const wrong = begin(home, { searchAttributes: { TaskStatus: 'Int' } });
    await expect(wrong).rejects.toThrow(
      /TaskStatus exists with another type.*temporal operator search-attribute/s,
    );
  });

  test('sets the file of another version aside, and says so', async () => {
    const home = tempFolder();
    const first = await begin(home);
    await startSomething(first, 'of the old file');
    await first.stop();
    writeFileSync(join(home, 'temporal', 'version.json'), '{"version":"1.8.0"}');
    const said: string[] = [];
    const second = await begin(home, { say: (line) => said.push(line) });
    expect(said.join()).toMatch(/made by version 1\.8\.0.*set it aside.*mission repair/s);
    const client = new Client({ connection: await open(second) });
    await expect(client.workflow.getHandle('of the old file').describe()).rejects.toThrow();
    const names = readdirSync(join(home, 'temporal'));
    expect(names.filter((name) => name.startsWith('temporal.db.1.8.0.'))).not.toEqual([]);
  });

  test('is heard on loopback only', async () => {
    const { port, uiPort } = await begin(tempFolder());
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    expect(await answers('127.0.0.1', port)).toBe(true);
    for (const { address } of outside) {
      expect(await answers(address, port)).toBe(false);
      expect(await answers(address, uiPort ?? 0)).toBe(false);
    }
  });

  test('tries again when somebody takes its port first, and listens there', async () => {
    const { path, version } = await obtainTemporalCli(cliSearch());
    const folder = tempFolder();
    const taken = `setTimeout(() => process.exit(), 10000);
      require('net').createServer().listen(process.argv[1], '127.0.0.1', () =>
        require('fs').writeFileSync('${folder}/taken', process.argv[1]))`;
    const late = script(
      join(folder, 'temporal'),
      `[ -e ${folder}/taken ] && exec ${path} "$@"
      "${process.execPath}" -e "${taken}" "$6" &
      until [ -e ${folder}/taken ]; do sleep 0.05; done
      sleep 0.5; exit 1`,
    );
    const server = await begin(tempFolder(), { cli: { path: late, version } });
    expect(readFileSync(join(folder, 'taken'), 'utf8')).toMatch(/^\d+$/);
    expect(isAlive(server.child.process)).toBe(true);
  });

  test('that cannot start says why, with its last lines and the way out', async () => {
    const path = script(join(tempFolder(), 'temporal'), 'echo the disk is full; exit 5');
    const start = begin(tempFolder(), { cli: { path, version: '1.9.1' } });
    await expect(start).rejects.toThrow(/exit code 5.*the disk is full.*TEMPORAL_ADDRESS/s);
  });
});

function recordOf(server: Temporal) {
  const { child, port, uiPort, version } = server;
  return { process: child.process, port, uiPort, version };
}
