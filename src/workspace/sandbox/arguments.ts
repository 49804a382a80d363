import { posix } from 'node:path';

/** What of the host's own system is shown, found once: see `lookAtSystem`. */
export interface SystemView {
  /** Read-only folders such as `/usr`. */
  folders: readonly string[];
  /** Links such as `/bin` to `usr/bin`. */
  links: readonly { path: string; target: string }[];
  /** Read-only files and folders of `/etc`. */
  etc: readonly string[];
  /** Folders below them that are hidden. */
  hidden: readonly string[];
}

/** All that a command in the sandbox finds. Paths are absolute and the same as outside. */
export interface View {
  system: SystemView;
  /** Read-only: the folders and files of programs on the search path. */
  toolchain: readonly string[];
  /** The working copy, in which the command begins. */
  folder: string;
  /** Where it is found as well, and where the command begins then; null: at its own path alone. */
  place: string | null;
  readOnly: boolean;
  /** Its private home folder, written by it. */
  home: string;
  /** Read-only: the objects that the copy borrows; null when there are none. */
  borrowed: string | null;
  /** Of the house's own folder nothing else is to be seen. */
  house: string;
  /** Outside, where the result is written; null when none is expected. */
  exchange: string | null;
  /** Outside, the folder of the proxy's socket; null: no network at all. */
  network: string | null;
  environment: Readonly<Record<string, string>>;
  tmpBytes: number;
  /** Which calls the kernel refuses; null: none. */
  filter: Uint8Array | null;
  /** Root becomes an ordinary user in it; everybody else stays who they are. */
  asRoot: boolean;
  uid: number;
}

/** Where the exchange and the network are inside. */
export const EXCHANGE = '/run/mission/out';
export const NETWORK = '/run/mission/net';

/** The user that root becomes inside. */
const INSIDE_UID = 1000;

/** Descriptors by which the arguments and the small files of `/etc` are handed over. */
const ARGUMENTS_FD = 3;
const ETC_FILES = ['passwd', 'group', 'hosts'] as const;

/**
 * The command line of bubblewrap for a view, without the command, and what its descriptors read.
 * The environment is handed over where neither a list of processes nor bubblewrap itself, which
 * runs outside, takes it up.
 */
export function sandboxArguments(view: View): { args: string[]; data: (string | Uint8Array)[] } {
  const { filter } = view;
  const uid = view.asRoot ? INSIDE_UID : view.uid;
  const options = [
    ...isolation(view.asRoot),
    ...system(view.system),
    ...etcFiles(),
    ...kernelFolders(view.tmpBytes),
    ...readable(view),
    ...writable(view),
    ...['--remount-ro', '/'],
    ...['--chdir', view.place ?? view.folder],
    ...(filter === null ? [] : ['--seccomp', String(ARGUMENTS_FD + 1 + ETC_FILES.length)]),
    ...Object.entries(view.environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
  return {
    args: ['--args', String(ARGUMENTS_FD), '--'],
    data: [
      options.map((option) => `${option}\0`).join(''),
      ...etcTexts(uid),
      ...(filter === null ? [] : [filter]),
    ],
  };
}

function isolation(asRoot: boolean): string[] {
  const user = asRoot ? ['--uid', String(INSIDE_UID), '--gid', String(INSIDE_UID)] : [];
  return [
    '--unshare-all',
    '--unshare-user',
    ...user,
    '--disable-userns',
    '--die-with-parent',
    '--new-session',
    ...['--cap-drop', 'ALL'],
  ];
}

function system({ folders, links, etc, hidden }: SystemView): string[] {
  return [
    ...folders.flatMap((path) => ['--ro-bind', path, path]),
    ...links.flatMap(({ path, target }) => ['--symlink', target, path]),
    ...['--dir', '/etc'],
    ...etc.flatMap((path) => ['--ro-bind', path, path]),
    ...hidden.flatMap((path) => ['--tmpfs', path, '--remount-ro', path]),
  ];
}

function etcFiles(): string[] {
  return ETC_FILES.flatMap((name, index) => [
    '--ro-bind-data',
    String(ARGUMENTS_FD + 1 + index),
    `/etc/${name}`,
  ]);
}

/** Names for the ids, so that programs which ask who they are get an answer; and `localhost`. */
function etcTexts(uid: number): string[] {
  return [
    `agent:x:${uid}:${uid}:agent:/nonexistent:/bin/sh\n`,
    `agent:x:${uid}:\n`,
    '127.0.0.1 localhost\n::1 localhost\n',
  ];
}

/**
 * All that can be written there counts. A device folder without a size could fill the memory; and
 * the settings of the kernel ask only whose the process is outside, so root's sandbox, which has no
 * rights otherwise, would set `core_pattern` of the whole machine.
 */
function kernelFolders(tmpBytes: number): string[] {
  const sized = ['--size', String(tmpBytes), '--tmpfs'];
  const devices = ['--dev', '/dev', ...sized, '/dev/shm', '--remount-ro', '/dev'];
  return ['--proc', '/proc', '--remount-ro', '/proc', ...devices, ...sized, '/tmp'];
}

function readable({ system: { folders }, toolchain, house, borrowed }: View): string[] {
  const shown = outermost(toolchain);
  const isShown = [...folders, ...shown].some((folder) => isInside(house, folder));
  return [
    ...shown.flatMap((path) => ['--ro-bind', path, path]),
    ...(isShown ? ['--tmpfs', house] : []),
    ...(borrowed === null ? [] : ['--ro-bind', borrowed, borrowed]),
  ];
}

function writable({ folder, place, readOnly, home, exchange, network }: View): string[] {
  const bind = readOnly ? '--ro-bind' : '--bind';
  return [
    ...[bind, folder, folder],
    ...(place === null ? [] : [bind, folder, place]),
    ...['--bind', home, home],
    ...(exchange === null ? [] : ['--bind', exchange, EXCHANGE]),
    ...(network === null ? [] : ['--ro-bind', network, NETWORK]),
  ];
}

/** Whether `path` is `folder` or lies in it. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Without those that lie in another one, in an order in which none covers one before it. */
export function outermost(paths: readonly string[]): string[] {
  const sorted = [...new Set(paths.map((path) => posix.normalize(path)))].sort();
  return sorted.filter((path) => !sorted.some((other) => other !== path && isInside(path, other)));
}
