import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readJson, writeJson } from '../../src/dev/files.js';
import { findHome, makeHome, packageRoot } from '../../src/dev/home.js';
import { choosePort, isFree } from '../../src/dev/ports.js';
import { thisProcess } from '../../src/dev/process.js';
import { blockedAt } from '../../src/dev/reach.js';
import { isRunning, readState, type State, writeState } from '../../src/dev/state.js';
import { tempFolder } from './support.js';

/** An account that is not ours and owns nothing here. */
const STRANGER = { name: 'stranger', uid: 54_321, gid: 54_321 };
const asStranger = () => Promise.resolve(STRANGER);

describe('the data folder', () => {
  test('is the one that is named', async () => {
    const folder = tempFolder();
    expect(await findHome(folder)).toEqual({ path: folder, notice: null });
  });

  test('is .mission in the package, found from dist and from source alike', async () => {
    const clone = tempFolder();
    writeFileSync(join(clone, 'package.json'), '{"name": "mission-control"}');
    mkdirSync(join(clone, 'dist', 'src', 'dev'), { recursive: true });
    const root = packageRoot(join(clone, 'dist', 'src', 'dev', 'home.js'));
    expect(root).toBe(clone);
    expect(packageRoot(join(clone, 'src', 'dev', 'home.ts'))).toBe(clone);
    expect(await findHome(null, root)).toEqual({ path: join(clone, '.mission'), notice: null });
  });

  test('is elsewhere where Postgres may not enter, in a sentence', async () => {
    const closed = join(tempFolder(), 'closed');
    mkdirSync(join(closed, 'clone'), { recursive: true });
    chmodSync(closed, 0o700);
    const { path, notice } = await findHome(null, join(closed, 'clone'), asStranger);
    expect(path).toMatch(/^\/var\/lib\/mission-control\/[0-9a-f]{12}$/);
    expect(notice).toContain(`may not enter ${closed} (mode 700)`);
    expect((await findHome(null, join(closed, 'other'), asStranger)).path).not.toBe(path);
  });

  test('that cannot be made is refused with the way out', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    await expect(makeHome(join(file, 'home'))).rejects.toThrow(/file\/home.*Set MISSION_HOME/s);
  });
});

describe('blockedAt', () => {
  test('names the first folder that the account may not pass through', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'a', 'b'), { recursive: true });
    expect(await blockedAt(join(folder, 'a', 'b'), STRANGER)).toBeNull();
    chmodSync(join(folder, 'a'), 0o700);
    const blocked = { folder: join(folder, 'a'), mode: '700' };
    expect(await blockedAt(join(folder, 'a', 'b'), STRANGER)).toEqual(blocked);
    expect(await blockedAt(join(folder, 'a', 'not-there', 'yet'), STRANGER)).toEqual(blocked);
    const owner = { name: 'owner', uid: statSync(folder).uid, gid: 54_321 };
    expect(await blockedAt(join(folder, 'a', 'b'), owner)).toBeNull();
  });

  test('names a file that it may not read', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '', { mode: 0o600 });
    expect(await blockedAt(file, STRANGER)).toEqual({ folder: file, mode: '600' });
  });
});

describe('a port', () => {
  test('is the first preferred one that is free, also twice in a row', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port: taken } = server.address() as AddressInfo;
    const free = await choosePort([taken]);
    expect(free).not.toBe(taken);
    expect(await isFree(taken)).toBe(false);
    expect(await choosePort([null, taken, free])).toBe(free);
    expect(await choosePort([undefined, free])).toBe(free);
    server.close();
  });
});

describe('the state file', () => {
  const state: State = {
    phase: 'ready',
    holder: thisProcess(),
    startedAt: '2026-01-01T00:00:00.000Z',
    postgres: { url: 'postgres://u:p@127.0.0.1:1/mission', port: 1, process: null },
    temporal: null,
    workers: [],
  };

  test('is read as it was written, by its owner alone', () => {
    const home = tempFolder();
    expect(readState(home)).toBeNull();
    writeState(home, state);
    expect(readState(home)).toEqual(state);
    expect(statSync(join(home, 'state.json')).mode & 0o777).toBe(0o600);
  });

  test('a stack runs only while its holder lives', () => {
    expect(isRunning(state)).toBe(true);
    expect(isRunning({ ...state, phase: 'starting' })).toBe(false);
    expect(isRunning({ ...state, holder: { pid: process.pid, startedAt: 'earlier' } })).toBe(false);
    expect(isRunning(null)).toBe(false);
  });

  test('one that is not ours is refused by name', () => {
    const home = tempFolder();
    writeFileSync(join(home, 'state.json'), '{"phase": "??"}');
    expect(() => readState(home)).toThrow(join(home, 'state.json'));
    const file = join(home, 'x.json');
    writeJson(file, { a: 1 });
    expect(readJson(file, z.object({ a: z.number() }))).toEqual({ a: 1 });
  });
});
