import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caps } from './caps.js';

/** Where the kernel lets control groups be made; v1 has a tree for each controller. */
export interface CagePlace {
  version: 1 | 2;
  folders: string[];
}

/** A control group for one command and all that it starts. */
export interface Cage {
  /** A process enters by writing `0` to each. */
  doors: string[];
  /** Sentences about the limits that were hit. */
  complaints(): Promise<string[]>;
  /** Ends whatever is still in it. */
  remove(): Promise<void>;
}

interface Mount {
  root: string;
  point: string;
  kind: string;
  options: string[];
}

const NAME = 'mission-control';
const CONTROLLERS = ['memory', 'pids'] as const;
/** A group is made a moment before a process enters it; one this old was left by a dead worker. */
const STALE_MS = 60_000;

/**
 * Where groups of this process may lie, best first, told from `/proc/self/cgroup` and
 * `/proc/self/mountinfo`.
 */
export function cagePlaces(cgroup: string, mountinfo: string): CagePlace[] {
  const mounts = mountinfo.split('\n').flatMap(parseMount);
  const own = new Map<string, string>();
  for (const line of cgroup.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    for (const name of names?.split(',') ?? []) own.set(name, path ?? '/');
  }
  const first = CONTROLLERS.flatMap((controller) => {
    const mount = mounts.find(
      ({ kind, options }) => kind === 'cgroup' && options.includes(controller),
    );
    const path = own.get(controller);
    return mount === undefined || path === undefined ? [] : [within(mount, path)];
  });
  if (first.length === CONTROLLERS.length) return [{ version: 1, folders: first }];
  const unified = mounts.find(({ kind }) => kind === 'cgroup2');
  const path = own.get('');
  if (unified === undefined || path === undefined) return [];
  // Beside ourselves: a group with processes in it cannot limit groups below it.
  const beside = within(unified, posix.dirname(path));
  return [...new Set([beside, unified.point])].map((folder) => ({
    version: 2,
    folders: [folder],
  }));
}

function parseMount(line: string): Mount[] {
  const [before = '', after] = line.split(' - ');
  const [, , , root, point] = before.split(' ');
  const [kind, , options] = after?.split(' ') ?? [];
  if (root === undefined || point === undefined || kind === undefined) return [];
  return [{ root, point, kind, options: (options ?? '').split(',') }];
}

function within(mount: Mount, path: string): string {
  const relative = posix.relative(mount.root, path);
  return relative.startsWith('..') ? mount.point : posix.join(mount.point, relative);
}

/** Finds where groups can really be made, by making one; null: nowhere. */
export async function findCagePlace(caps: Caps): Promise<CagePlace | null> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const places = cagePlaces(await read('/proc/self/cgroup'), await read('/proc/self/mountinfo'));
  for (const { version, folders } of places) {
    const place = { version, folders: folders.map((folder) => join(folder, NAME)) };
    try {
      for (const folder of place.folders) {
        await mkdir(folder, { recursive: true });
        if (version === 2) await delegate(folder);
        await sweep(folder);
      }
      await (await makeCage(place, caps)).remove();
      return place;
    } catch {
      // not ours to write: the next place, or none
    }
  }
  return null;
}

/** Lets groups below be limited; already so where an init system manages them. */
async function delegate(folder: string): Promise<void> {
  const wanted = CONTROLLERS.map((controller) => `+${controller}`).join(' ');
  for (const each of [posix.dirname(folder), folder]) {
    await set(join(each, 'cgroup.subtree_control'), wanted).catch(() => undefined);
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (!found?.isDirectory() || Date.now() - found.mtimeMs < STALE_MS) continue;
    await rmdir(path).catch(() => undefined); // refused while processes are in it
  }
}

/** Makes a group with its limits. @throws where it cannot be limited */
export async function makeCage(place: CagePlace, caps: Caps): Promise<Cage> {
  const folders = place.folders.map((folder) => join(folder, randomUUID()));
  const remove = async () => {
    for (const folder of folders) await removeGroup(folder);
  };
  try {
    for (const folder of folders) await mkdir(folder);
    const [memory = '', processes = memory] = folders;
    await limit(place.version, memory, processes, caps);
    return {
      doors: folders.map((folder) => join(folder, 'cgroup.procs')),
      complaints: () => complaints(place.version, memory, processes, caps),
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function limit(version: 1 | 2, memory: string, processes: string, caps: Caps): Promise<void> {
  const bytes = String(caps.memoryBytes);
  await set(join(processes, 'pids.max'), String(caps.processes));
  // Swap is not built into every kernel; where it is, memory must not go on there.
  const maybe = (name: string, value: string) =>
    set(join(memory, name), value).catch(() => undefined);
  if (version === 1) {
    await set(join(memory, 'memory.limit_in_bytes'), bytes);
    await maybe('memory.memsw.limit_in_bytes', bytes);
  } else {
    await set(join(memory, 'memory.max'), bytes);
    await maybe('memory.swap.max', '0');
  }
}

/** Only what is there is written: where no kernel answers, a plain file would limit nothing. */
async function set(path: string, value: string): Promise<void> {
  await writeFile(path, value, { flag: 'r+' });
}

async function complaints(
  version: 1 | 2,
  memory: string,
  processes: string,
  caps: Caps,
): Promise<string[]> {
  const count = async (folder: string, file: string, name: string) => {
    const text = await readFile(join(folder, file), 'utf8').catch(() => '');
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const killed = await count(
    memory,
    version === 1 ? 'memory.oom_control' : 'memory.events',
    'oom_kill',
  );
  const refused = await count(processes, 'pids.events', 'max');
  const mebibytes = Math.round(caps.memoryBytes / 2 ** 20);
  return [
    ...(killed > 0 ? [`${killed} processes were ended: more than ${mebibytes} MiB of memory`] : []),
    ...(refused > 0 ? [`more than ${caps.processes} processes were not let start`] : []),
  ];
}

/** Whoever is in it is ended; a group is gone only when it is empty. */
async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const removed = await rmdir(folder).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    );
    if (removed) return;
    const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
    for (const pid of text.split('\n').map(Number)) {
      try {
        if (pid > 0) process.kill(pid, 'SIGKILL');
      } catch {
        // ended meanwhile
      }
    }
    await sleep(10);
  }
}
