import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { House, StackState } from '../cli/house.js';
import { waysOf } from '../cli/ways.js';
import type { State } from '../dev/state.js';
import type { Surroundings } from './surroundings.js';

/** The file that `mission` is, without links: of `dist`, or the source that a test runs. */
const PROGRAM = fileURLToPath(new URL(import.meta.url)).replace(/house(\.[jt]s)$/, 'cli$1');

/** The commands' view of this machine. Everything heavy is loaded by the command that needs it. */
export function createHouse(): House {
  let found: Promise<Surroundings> | null = null;
  const surroundings = () => (found ??= lookAround());
  return {
    async settings() {
      const { config, place, version } = await surroundings();
      return { color: config.color, pager: config.pager, ways: waysOf(place), version };
    },
    async open() {
      const { openService } = await import('./open-service.js');
      return openService(await surroundings());
    },
    stack: async () => stackState(await surroundings()),
    async up(options) {
      const { runUp } = await import('./up.js');
      return runUp(await surroundings(), options);
    },
    async down(options) {
      const { stopStack } = await import('../dev/stop.js');
      return stopStack((await surroundings()).place.home, options);
    },
    async demo() {
      const { runDemoCommand } = await import('./up.js');
      return runDemoCommand(await surroundings());
    },
    async workbench() {
      const { createWorkbench } = await import('./try-program.js');
      const { config, place } = await surroundings();
      return createWorkbench(config, place.home);
    },
  };
}

/** Finds what all commands need to know. */
export async function lookAround(): Promise<Surroundings> {
  const [{ loadConfig }, { findHome, packageRoot }] = await Promise.all([
    import('../config.js'),
    import('../dev/home.js'),
  ]);
  const config = loadConfig();
  const root = packageRoot();
  const home = await findHome(config.home, root);
  const usual = config.home === null ? home : await findHome(null, root);
  const place = {
    program: PROGRAM,
    root,
    cwd: process.cwd(),
    searchPath: config.searchPath,
    home: home.path,
    usualHome: usual.path,
  };
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return { config, place, homeNotice: home.notice, version };
}

async function stackState({ place: { home } }: Surroundings): Promise<StackState> {
  const { readState } = await import('../dev/state.js');
  const { isAlive } = await import('../dev/process.js');
  const state = readState(home);
  const lives = state?.holder != null && isAlive(state.holder);
  return {
    home,
    phase: phaseOf(state, lives),
    pid: lives ? (state?.holder?.pid ?? null) : null,
    postgresPort: state?.postgres?.port ?? null,
    temporalAddress: state?.temporal?.address ?? null,
    namespace: state?.temporal?.namespace ?? null,
    uiUrl: state?.temporal?.uiUrl ?? null,
    cliVersion: state?.temporal?.version ?? null,
    workers: (state?.workers ?? []).filter((worker) => isAlive(worker.process)).length,
  };
}

function phaseOf(state: State | null, lives: boolean): StackState['phase'] {
  if (state === null) return 'never-started';
  if (lives || state.phase === 'stopped') return state.phase;
  return 'killed';
}
