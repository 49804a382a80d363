import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, runLaunch } from '../launch.js';
import { findCagePlace } from './cage.js';
import type { Caps } from './caps.js';
import { type Diagnosis, diagnose } from './diagnosis.js';
import { type Ground, prepare } from './prepare.js';
import { sweepProxies } from './proxy.js';
import { lookAtSystem } from './system.js';

/** What a trial of the sandbox found. */
export type Trial = { held: true; ground: Ground; why: string } | ({ held: false } & Diagnosis);

const CANARY = 'mission-canary';
const TRIAL_MS = 20_000;

/**
 * Tries every way out that a misbuilt sandbox would leave open, and tells those that are: it prints
 * nothing but the last word when it is held. Whether something was written is seen outside.
 */
const ATTEMPT = `
[ "$(id -u)" -ne 0 ] || echo 'it is root in it'
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || echo 'it has capabilities in it'
[ "$(grep -c : /proc/net/dev)" -le 1 ] || echo 'it has the network of this machine'
[ "$(ls -d /proc/[0-9]* | wc -l)" -lt 12 ] || echo 'it sees the processes of this machine'
! cat "$1/canary" 2>&- || echo 'it reads files of this machine'
{ echo > "$1/written"; } 2>&-
! [ -w /proc/sys/kernel/core_pattern ] || echo 'it writes settings of the kernel'
! mount -o remount,rw,bind /usr 2>&- || echo 'it mounts what it likes'
echo > here || echo 'it cannot write its working copy'
echo held
`;

/** Runs a real sandbox with a canary outside of it. */
export async function tryBubblewrap(
  settings: Pick<Ground, 'house' | 'searchPath'> & { caps: Caps },
): Promise<Trial> {
  const { house, searchPath, caps } = settings;
  const bubblewrap =
    process.platform === 'linux' ? await findProgram('bwrap', '/', searchPath) : null;
  if (bubblewrap === null) return { held: false, ...diagnose(await symptoms(null, '')) };
  const cages = await findCagePlace(caps);
  await sweepProxies();
  const ground = { bubblewrap, system: await lookAtSystem(), cages, caps, house, searchPath };
  await mkdir(house, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(house, 'sandbox-probe-'));
  try {
    const said = await attempt(ground, folder);
    if (said !== null) return { held: false, ...diagnose(await symptoms(bubblewrap, said)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { held: true, ground, why: await account(ground) };
}

/** Null when it held; else what it said. */
async function attempt(ground: Ground, folder: string): Promise<string | null> {
  const copy = { path: join(folder, 'copy'), home: join(folder, 'copy.home'), source: null };
  await mkdir(copy.path);
  await writeFile(join(folder, 'canary'), CANARY);
  const none = { environment: {}, readOnly: false, hosts: [], answers: false };
  const args = ['-c', ATTEMPT, 'sh', folder];
  const prepared = await prepare(ground, { copy, file: 'sh', args, ...none });
  if ('obstacle' in prepared) return prepared.obstacle;
  const output: Buffer[] = [];
  const add = (chunk: Buffer) => void output.push(chunk);
  try {
    const streams = { onStdout: add, onStderr: add };
    const watch = { mark: 'probe', timeoutMs: TRIAL_MS, graceMs: 0, ...streams };
    const { ending } = await runLaunch(prepared.launch, watch);
    const said = Buffer.concat(output).toString('utf8').trim();
    if (ending.kind !== 'exited' || ending.exitCode !== 0) {
      return said || JSON.stringify(ending);
    }
    const wrote = await readFile(join(copy.path, 'here')).catch(() => null);
    const escaped = await readFile(join(folder, 'written')).catch(() => null);
    if (wrote === null) return 'what is written in it does not arrive outside';
    if (escaped !== null) return 'it writes files of this machine';
    return said === 'held' ? null : said.replace(/\n?held$/, '');
  } finally {
    await prepared.close();
  }
}

async function account({ bubblewrap, cages }: Ground): Promise<string> {
  const answer = await promisify(execFile)(bubblewrap, ['--version']).catch(() => null);
  const version = answer?.stdout.trim() || 'bubblewrap';
  const isRoot = process.getuid?.() === 0;
  const caps =
    cages !== null
      ? 'memory and processes are held by control groups'
      : isRoot
        ? 'no control group can be made: processes are counted, memory is held for each process'
        : 'no control group can be made: memory is held for each process';
  return `${version} held what was tried; ${caps}`;
}

async function symptoms(bubblewrap: string | null, said: string) {
  const value = (path: string) =>
    readFile(path, 'utf8').then(
      (text) => text.trim(),
      () => null,
    );
  const marks = ['/.dockerenv', '/run/.containerenv'];
  const present = await Promise.all(
    marks.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return {
    platform: process.platform,
    bubblewrap,
    said,
    isRoot: process.getuid?.() === 0,
    inContainer: present.includes(true),
    apparmorRestricts: await value('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    usersMayUnshare: await value('/proc/sys/kernel/unprivileged_userns_clone'),
    namespacesMax: await value('/proc/sys/user/max_user_namespaces'),
  };
}
