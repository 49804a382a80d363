import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeNeeding, needs } from '../support/needs.js';
import { openSandboxRig, processesWith, type SandboxRig, until } from './sandbox-rig.js';
import { read, temporaryFolder, write } from './support.js';

// Each starts several programs, and other tests saturate the cores.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const WHO = process.getuid?.() === 0 ? 'root' : 'an ordinary user';

describeNeeding(needs.bubblewrap, 'a program in the sandbox', () => {
  let rig: SandboxRig;

  beforeAll(async () => {
    rig = await openSandboxRig(WHO);
  });
  afterAll(() => rig.close());

  test('reads its input, writes the copy and its home, tells lines of both streams', async () => {
    const end = await rig.sh('cat; echo "$EXTRA" >&2; echo new > new; echo > ~/kept; exit 3', {
      input: 'asked\n',
      environment: { EXTRA: 'given', PATH: '/evil', HOME: '/evil' },
    });
    expect(end).toEqual({
      ending: { kind: 'exited', exitCode: 3 },
      stdout: 'asked\n',
      stderr: 'given\n',
      cutBytes: 0,
      result: null,
    });
    expect(read(rig.copy.path, 'new')).toBe('new\n');
    expect(existsSync(join(rig.copy.home, 'user', 'kept'))).toBe(true);
  });

  test('hands over a result, and nothing that was made for it stays', async () => {
    const end = await rig.sh('printf done > "$MISSION_RESULT_FILE"');
    expect(end).toMatchObject({ ending: { kind: 'exited', exitCode: 0 }, result: 'done' });
    expect(readdirSync(rig.copy.home).sort()).toEqual(['tmp', 'user']);
    const large = await rig.sh('head -c 7000000 /dev/zero > "$MISSION_RESULT_FILE"');
    expect(large.result).toHaveLength(7_000_000);
  });

  test('one that answers by what it prints has no file that code it runs could write', async () => {
    const script = 'echo "<$MISSION_RESULT_FILE>"; ls /run/mission';
    const end = await rig.sh(script, { answers: false });
    expect(end).toMatchObject({ stdout: '<>\n', result: null });
  });

  test('a review cannot write the copy, and can write elsewhere', async () => {
    write(rig.copy.path, { read: 'me' });
    const script = 'cat read; echo x > read || echo no; rm read || echo no; touch ~/x /tmp/x';
    const end = await rig.sh(script, { readOnly: true });
    expect(end.stdout).toBe('meno\nno\n');
    expect(end.ending).toEqual({ kind: 'exited', exitCode: 0 });
    expect(read(rig.copy.path, 'read')).toBe('me');
  });

  test('one that has finished and stays is ended; its children as well', async () => {
    const script = 'sleep 90001 & echo finished; exec sleep 90001';
    const started = rig.start('sh', ['-c', script], { lingerMs: 200 }, 'finished');
    expect(await started.result).toMatchObject({
      ending: { kind: 'lingered' },
      stdout: 'finished\n',
    });
    expect(processesWith('sleep 90001')).toEqual([]);
    const quick = rig.start('sh', ['-c', 'echo finished; exit 4'], {}, 'finished');
    expect(await quick.result).toMatchObject({ ending: { kind: 'exited', exitCode: 4 } });
  });

  test('an end by a signal is told as one; long output is cut in the middle', async () => {
    const killed = await rig.sh('kill -SEGV $$');
    expect(killed.ending).toEqual({ kind: 'killed', signal: 'SIGSEGV' });
    const long = await rig.sh('yes | head -c 100000; yes no | head -c 100 >&2', {
      outputBytesMax: 1000,
    });
    expect(long.cutBytes).toBe(99_000);
    expect(long.stdout).toContain('[99000 of 100000 bytes cut here; limit 1000]');
    expect(long.stderr).toHaveLength(100);
  });

  test('what cannot be started is said before anything is', async () => {
    const reasonOf = async (file: string, more = {}) =>
      (await rig.start(file, [], more).result).ending;
    expect(await reasonOf('no-such-program')).toMatchObject({
      kind: 'not-started',
      reason: expect.stringContaining('no-such-program could not be started'),
    });
    expect(await reasonOf('true', { environment: { 'A=B': 'x' } })).toMatchObject({
      reason: '"A=B" is no variable of an environment',
    });
    expect(await reasonOf('true', { hosts: ['*.example.com'] })).toMatchObject({
      reason: expect.stringContaining('"*.example.com" is no host'),
    });
    expect(await reasonOf('/bin/true')).toEqual({ kind: 'exited', exitCode: 0 });
  });

  test('commands of agents run in it as well, with both streams in one', async () => {
    const { ending, output, swept } = await rig.run(`id -u; cat ${rig.persons}/canary; exit 5`);
    expect(ending).toEqual({ kind: 'exited', exitCode: 5 });
    expect(output).toMatch(/^\d+\ncat: .*No such file/);
    expect(swept.left).toBe(0);
  });

  test('local servers of its own can be reached by name', async () => {
    const { stdout } = await rig.node(`
      const server = require('node:http').createServer((_, response) => response.end('served'));
      server.listen(8080, () => fetch('http://localhost:8080')
        .then((answer) => answer.text()).then(console.log).finally(() => process.exit()));`);
    expect(stdout).toBe('served\n');
  });
});

describeNeeding(needs.bubblewrap, 'the network of a program in the sandbox', () => {
  let rig: SandboxRig;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => response.end(`${request.method} ${request.url} ${body.length}`));
  });
  const port = () => (server.address() as AddressInfo).port;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    rig = await openSandboxRig(WHO);
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rig.close();
  });

  /** Asks the proxy as a program would; prints the status, and what is behind it. */
  const TUNNEL = `
    const http = require('node:http');
    const proxy = new URL(process.env.HTTPS_PROXY);
    const where = { host: proxy.hostname, port: proxy.port };
    const tunnel = (path) => new Promise((resolve) => {
      const asked = http.request({ ...where, method: 'CONNECT', path });
      asked.on('connect', (answer, socket) => resolve({ status: answer.statusCode, socket }));
      asked.on('error', (error) => resolve({ status: error.code }));
      asked.end();
    });
    const get = (socket) => new Promise((resolve) => http.get('http://x/through',
      { createConnection: () => socket }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => { text += chunk; });
        answer.on('end', () => resolve(text));
      }));`;

  test('a listed host is reached through the proxy, everything else is refused', async () => {
    const { stdout, stderr } = await rig.node(
      `${TUNNEL}
      (async () => {
        const { status, socket } = await tunnel('127.0.0.1:${port()}');
        console.log(status, await get(socket));
        for (const path of ['evil.example:443', '127.0.0.1:${port() + 1}', 'localhost:${port()}',
          '127.0.0.1.:${port()}', '[::1]:${port()}', '0x7f.1:${port()}',
          '127.0.0.1%00:${port()}']) {
          console.log((await tunnel(path)).status);
        }
        http.get({ ...where, path: 'http://evil.example/x' },
          (answer) => { console.log(answer.statusCode); process.exit(); });
      })();`,
      { hosts: [`127.0.0.1:${port()}`] },
    );
    expect(stdout.split('\n').slice(0, -1)).toEqual([
      '200 GET /through 0',
      ...Array.from({ length: 8 }, () => '403'),
    ]);
    expect(stderr).toContain('[sandbox: the network was refused to evil.example:443]');
    expect(stderr).toContain('refused to GET http://evil.example/x');
  });

  test('a listed server of this machine is found at its own port, without a proxy', async () => {
    const { stdout, stderr } = await rig.node(
      `fetch('http://127.0.0.1:${port()}/model', { method: 'POST', body: 'x'.repeat(3000000) })
        .then((answer) => answer.text()).then(console.log);`,
      { hosts: [`127.0.0.1:${port()}`] },
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'POST /model 3000000\n', stderr: '' });
    const denied = await rig.node(
      `fetch('http://127.0.0.1:${port()}/').then(() => console.log('reached'), () => 0);`,
      { hosts: ['api.example.com'] },
    );
    expect(denied.stdout).toBe('');
  });

  test('beside the way out there is no other: no socket but the proxy’s', async () => {
    const { stdout } = await rig.sh(
      'find / -type s 2>/dev/null; cat /proc/net/dev | grep -c :; echo x > /run/mission/net/x',
      { hosts: ['api.example.com'] },
    );
    expect(stdout).toBe('/run/mission/net/proxy.sock\n1\n');
  });

  test('exit codes, signals and input pass the bridge; nothing of it stays', async () => {
    const hosts = ['api.example.com'];
    const end = await rig.sh('cat; exit 9', { hosts, input: 'through' });
    expect(end).toMatchObject({ stdout: 'through', ending: { kind: 'exited', exitCode: 9 } });
    const killed = await rig.sh('kill -9 $$', { hosts });
    expect(killed.ending).toEqual({ kind: 'killed', signal: 'SIGKILL' });
    const started = rig.start('sh', ['-c', 'echo ready; exec sleep 90002'], { hosts });
    await started.firstLine;
    started.abort();
    expect(await started.result).toMatchObject({ ending: { kind: 'cancelled' } });
    expect(processesWith('90002')).toEqual([]);
    expect(readdirSync(rig.tmp).filter((name) => name.startsWith('mission-net-'))).toEqual([]);
  });
});

describe('where there is no sandbox', () => {
  /** A search path on which everything is but bubblewrap. */
  function withoutBubblewrap(): string {
    const folder = temporaryFolder();
    for (const name of ['sh', 'nice', 'cat', 'echo']) {
      write(folder, { [name]: '' });
    }
    return folder;
  }

  test('nothing of an agent is started, and the refusal says what to do', async () => {
    const rig = await openSandboxRig(WHO, { searchPath: withoutBubblewrap() });
    const state = await rig.state();
    expect(state.level).toBe(null);
    if (process.platform === 'linux') {
      expect(state.why).toBe('bubblewrap is not installed');
      expect(state.fix).toContain('apt-get install bubblewrap');
    }
    const refused = { kind: 'not-started', reason: `no sandbox: ${state.why}; ${state.fix}` };
    expect((await rig.sh('echo > ran')).ending).toEqual(refused);
    expect((await rig.run('echo > ran')).ending).toEqual(refused);
    expect(readdirSync(rig.copy.path)).toEqual([]);
    await rig.close();
  });

  test('a broken one is refused as well, in its own words', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'bin'));
    const script =
      '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2; exit 1\n';
    write(folder, { 'bin/bwrap': script });
    chmodSync(join(folder, 'bin/bwrap'), 0o755);
    const searchPath = `${join(folder, 'bin')}:${process.env.PATH}`;
    const rig = await openSandboxRig(WHO, { searchPath });
    const state = await rig.state();
    const why = process.platform === 'linux' ? 'No permissions' : 'runs on Linux';
    expect(state).toMatchObject({ level: null, why: expect.stringContaining(why) });
    expect((await rig.sh('echo > ran')).ending).toMatchObject({ kind: 'not-started' });
    await rig.close();
  });

  test('the choice of none runs programs as they are, by the same contract', async () => {
    const rig = await openSandboxRig(WHO, { sandbox: 'none' });
    expect(await rig.state()).toMatchObject({ level: 'none', fix: null });
    const { stdout, result } = await rig.sh(
      `printf done > "$MISSION_RESULT_FILE"; echo $HOME; env | grep -c DATABASE_URL`,
    );
    expect({ stdout, result }).toEqual({ stdout: `${rig.copy.user}\n0\n`, result: 'done' });
    const started = rig.start('sh', ['-c', 'nohup sleep 90003 & echo ready; sleep 90003']);
    await started.firstLine;
    started.abort();
    expect(await started.result).toMatchObject({ ending: { kind: 'cancelled' } });
    await until(() => processesWith('sleep 90003').length === 0);
    await rig.close();
  });

  test('the choice of native is for programs that bring a sandbox, not for commands', async () => {
    const rig = await openSandboxRig(WHO, { sandbox: 'native' });
    expect(await rig.state()).toMatchObject({ level: 'native' });
    expect((await rig.sh('echo run')).stdout).toBe('run\n');
    expect((await rig.run('echo run')).ending).toMatchObject({ kind: 'not-started' });
    await rig.close();
  });
});
