import { mkdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type Ending, findProgram, type Launch, niced } from '../launch.js';
import type { Copy } from '../marker.js';
import { exists } from '../mirror.js';
import { mirrorPath } from '../names.js';
import { EXCHANGE, isInside, NETWORK, type SystemView, sandboxArguments } from './arguments.js';
import { type Bridge, bridgeTo } from './bridge.js';
import { type CagePlace, makeCage } from './cage.js';
import { type Caps, limiter } from './caps.js';
import { endingInside } from './ending.js';
import { type Exchange, openExchange } from './exchange.js';
import { type HostProxy, hostWithPort, openProxy } from './proxy.js';
import { seccompFilter } from './syscalls.js';
import { findToolchain, type Toolchain } from './toolchain.js';
import { watchUse } from './use.js';

/** What the sandbox of one worker is made of. */
export interface Ground {
  bubblewrap: string;
  system: SystemView;
  cages: CagePlace | null;
  caps: Caps;
  /** `MISSION_HOME`. */
  house: string;
  searchPath: string;
}

/** One command for the sandbox. */
export interface Inner {
  copy: Pick<Copy, 'path' | 'home'> & { source: Copy['source'] | null };
  file: string;
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  readOnly: boolean;
  hosts: readonly string[];
  /** Whether it is given a file for its result. */
  answers: boolean;
  /**
   * The home folder that it finds. Unless told, one of the copy alone: what the code of a commit
   * leaves there must reach no other copy.
   */
  user?: string;
  /** Where the copy is found in there, besides at its own path: there the command begins. */
  place?: string;
}

/** A command with its sandbox around it, ready to be started. */
export interface Prepared {
  launch: Launch;
  /** From SIGTERM to SIGKILL. */
  graceMs: number;
  /** Aborted when it uses more than it may. */
  over: AbortSignal;
  onStart: (pid: number) => void;
  /** What the launch's ending means, with what it said on the way. */
  endingOf(ending: Ending, said: string): Ending;
  /** After its end: its result, and sentences about what it was refused. */
  finish(): Promise<{ result: string | null; complaints: string[] }>;
  /** Removes all that was made for it; harmless when done twice. */
  close(): Promise<void>;
}

/** Enters the control groups, then becomes the command. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 126; shift; done; shift; exec "$@"';

/** Builds the sandbox around a command; an obstacle is a sentence that says why it cannot be. */
export async function prepare(
  ground: Ground,
  inner: Inner,
): Promise<Prepared | { obstacle: string }> {
  const { copy, file } = inner;
  const named = await findProgram(file, copy.path, ground.searchPath);
  const programs = named === null || isInside(named, copy.path) ? [] : [named];
  const seen = [...ground.system.folders, ...ground.system.links.map(({ path }) => path)];
  const { house, searchPath } = ground;
  if (inner.hosts.length > 0) programs.push(process.execPath);
  const toolchain = await findToolchain({ searchPath, programs, house, seen });
  const obstacle = await obstacleOf(inner, toolchain, seen);
  if (obstacle !== null) return { obstacle };
  const home = inner.user ?? join(copy.home, 'user');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (let last = closing.pop(); last !== undefined; last = closing.pop()) await last();
  };
  try {
    return await build(ground, inner, { toolchain, home, closing, close });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Site {
  toolchain: Toolchain;
  home: string;
  closing: (() => Promise<void>)[];
  close: () => Promise<void>;
}

async function build(ground: Ground, inner: Inner, site: Site): Promise<Prepared> {
  const { bubblewrap, caps, searchPath } = ground;
  const { copy, file, args } = inner;
  const keep = <T extends { close(): unknown }>(one: T): T => {
    site.closing.push(async () => void (await one.close()));
    return one;
  };
  const exchange = inner.answers ? keep(await openExchange(copy.home)) : null;
  const proxy = inner.hosts.length > 0 ? keep(await openProxy(inner.hosts)) : null;
  const use = keep(await watchUse([copy.path, site.home], caps));
  const cage = ground.cages === null ? null : await makeCage(ground.cages, caps);
  if (cage !== null) site.closing.push(cage.remove);
  const bridge = proxy === null ? null : bridgeOf(inner.hosts, proxy);
  const { args: options, data } = sandboxArguments(
    await viewOf(ground, inner, site, { exchange, proxy, bridge }),
  );
  const command = [...limiter(caps, cage !== null), ...(bridge?.command ?? []), file, ...args];
  const outer = niced(bubblewrap, [...options, ...command]);
  const doors = cage === null ? [] : ['-c', ENTER, 'sh', ...cage.doors, '--'];
  const entered = { file: 'sh', args: [...doors, outer.file, ...outer.args] };
  return {
    launch: {
      name: file,
      ...(cage === null ? outer : entered),
      cwd: '/',
      // Of bubblewrap, which runs outside: what the program is to find is among the options.
      environment: { PATH: searchPath, LANG: 'C.UTF-8' },
      data,
    },
    graceMs: 0, // all of it ends at once with its first process
    over: use.signal,
    endingOf: (ending, said) => endingInside(ending, said, use.signal.aborted),
    onStart: (pid) => {
      if (cage === null) use.countFrom(pid);
    },
    async finish() {
      const answer = await exchange?.read();
      const said = answer?.complaint ? [answer.complaint] : [];
      const held = cage === null ? [] : await cage.complaints();
      const complaints = [...said, ...held, ...use.complaints(), ...(proxy?.complaints() ?? [])];
      return { result: answer?.result ?? null, complaints };
    },
    close: site.close,
  };
}

function bridgeOf(hosts: readonly string[], proxy: HostProxy): Bridge {
  return bridgeTo(hosts.map(hostWithPort), process.execPath, `${NETWORK}/${proxy.socket}`);
}

async function viewOf(
  ground: Ground,
  inner: Inner,
  { toolchain, home }: Site,
  made: { exchange: Exchange | null; proxy: HostProxy | null; bridge: Bridge | null },
) {
  const { copy } = inner;
  const objects =
    copy.source === null ? null : join(mirrorPath(ground.house, copy.source), 'objects');
  const uid = process.getuid?.() ?? -1;
  const result = made.exchange;
  return {
    system: ground.system,
    toolchain: toolchain.readable,
    folder: copy.path,
    place: inner.place ?? null,
    readOnly: inner.readOnly,
    home,
    borrowed: objects !== null && (await exists(objects)) ? objects : null,
    house: ground.house,
    exchange: result?.folder ?? null,
    network: made.proxy?.folder ?? null,
    environment: {
      ...inner.environment,
      ...toolchain.environment,
      ...made.bridge?.environment,
      PATH: toolchain.searchPath,
      HOME: home,
      LANG: 'C.UTF-8',
      TMPDIR: '/tmp',
      ...(result === null ? {} : { MISSION_RESULT_FILE: `${EXCHANGE}/${result.file}` }),
    },
    tmpBytes: ground.caps.tmpBytes,
    filter: seccompFilter(process.arch),
    asRoot: uid === 0,
    uid,
  };
}

/** Why it cannot be started; inside, only an exit code that others use would tell. */
async function obstacleOf(
  { file, copy, environment, hosts }: Inner,
  { searchPath, readable }: Toolchain,
  seen: readonly string[],
): Promise<string | null> {
  const odd = Object.entries(environment).find(
    ([name, value]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0'),
  );
  if (odd !== undefined) return `${JSON.stringify(odd[0])} is no variable of an environment`;
  try {
    hosts.forEach(hostWithPort);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const found = await findProgram(file, copy.path, searchPath);
  const shown = [...seen, ...readable, copy.path];
  const isShown = (path: string) => shown.some((each) => isInside(path, each));
  if (found !== null && (!isAbsolute(file) || isShown(file))) return null;
  const where = file.includes('/') ? 'what the sandbox shows' : `the search path ${searchPath}`;
  return `${file} could not be started: there is no such program in ${where}`;
}
