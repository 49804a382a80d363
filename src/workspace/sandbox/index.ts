import { mkdir } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { SandboxLevel } from '../../domain/sandbox.js';
import { findObstacle } from '../launch.js';
import type { Copy } from '../marker.js';
import {
  type CommandRequest,
  type CommandResult,
  notStarted,
  plainLaunch,
  runCaptured,
  runCommand,
} from '../process.js';
import { type Caps, defaultCaps } from './caps.js';
import { openExchange } from './exchange.js';
import { type Ground, type Prepared, prepare } from './prepare.js';
import { tryBubblewrap } from './probe.js';
import {
  type ProgramRequest,
  type ProgramResult,
  programNotStarted,
  runProgram,
  withComplaints,
} from './program.js';

/** What agents' programs run in here, and why. */
export type SandboxState =
  | { level: SandboxLevel; why: string; fix: null }
  /** Refused: no program of an agent is started until a person does what `fix` says. */
  | { level: null; why: string; fix: string };

export interface SandboxSettings {
  /** An absolute path: `MISSION_HOME`. */
  home: string;
  searchPath: string;
  /** `bubblewrap` unless a person chose another for the installation. */
  sandbox?: SandboxLevel | undefined;
  caps?: Partial<Caps> | undefined;
}

/** The sandbox of one worker. */
export interface Sandbox {
  /** Tried once and kept; a refusal is tried again, since a person may have mended it. */
  state(): Promise<SandboxState>;
  /** Runs a command of an agent, with both streams in one. */
  run(request: CommandRequest): Promise<CommandResult>;
  /** Starts an agent's own program. */
  start(request: ProgramRequest): Promise<ProgramResult>;
}

type Standing = { state: SandboxState; ground: Ground | null };

/** Makes the sandbox of a worker. Nothing is tried before it is needed. */
export function createSandbox(settings: SandboxSettings): Sandbox {
  const { sandbox: level = 'bubblewrap', searchPath } = settings;
  let kept: Promise<Standing> | null = null;
  const stand = async (): Promise<Standing> => {
    kept ??= find(settings);
    const standing = await kept;
    if (standing.state.level === null) kept = null;
    return standing;
  };
  return {
    state: async () => (await stand()).state,
    async run(request) {
      if (level === 'none') return await runCommand(request);
      if (level === 'native') return notStarted(NO_SHELL);
      const { state, ground } = await stand();
      if (ground === null) return notStarted(refusal(state));
      const { environment = {}, hosts = [] } = request;
      const inner = { ...request, environment, hosts, readOnly: false, answers: false };
      return await within(await prepare(ground, inner), notStarted, (prepared) =>
        runInside(prepared, request),
      );
    },
    async start(request) {
      const { state, ground } = await stand();
      if (state.level === null) return programNotStarted(refusal(state));
      const { copy } = request;
      const inner = { ...request, user: copy.user, place: placeOf(copy) };
      const prepared =
        ground === null ? await prepareOutside(request, searchPath) : await prepare(ground, inner);
      return await within(prepared, programNotStarted, (made) => runProgram(made, request));
    },
  };
}

const NO_SHELL =
  'commands of agents need bubblewrap: the sandbox of this installation is the one that an ' +
  "agent's program brings itself, and a command has none";

const refusal = ({ why, fix }: SandboxState): string => `no sandbox: ${why}; ${fix}`;

async function find(settings: SandboxSettings): Promise<Standing> {
  const { home, searchPath, sandbox: level = 'bubblewrap' } = settings;
  if (level !== 'bubblewrap') {
    const why = `this installation runs agents with the sandbox "${level}", as a person chose`;
    return { state: { level, why, fix: null }, ground: null };
  }
  const caps = { ...defaultCaps(totalmem()), ...settings.caps };
  const trial = await tryBubblewrap({ house: home, searchPath, caps });
  if (!trial.held) {
    return { state: { level: null, why: trial.why, fix: trial.fix }, ground: null };
  }
  return { state: { level, why: trial.why, fix: null }, ground: trial.ground };
}

async function within<T>(
  prepared: Prepared | { obstacle: string },
  refused: (reason: string) => T,
  work: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  if ('obstacle' in prepared) return refused(prepared.obstacle);
  try {
    return await work(prepared);
  } finally {
    await prepared.close();
  }
}

async function runInside(prepared: Prepared, request: CommandRequest): Promise<CommandResult> {
  const { launch, over, onStart, graceMs } = prepared;
  const result = await runCaptured({ ...request, graceMs }, launch, { stop: over, onStart });
  const { complaints } = await prepared.finish();
  return {
    ...result,
    ending: prepared.endingOf(result.ending, result.output),
    output: withComplaints(result.output, complaints),
  };
}

/** The same for all attempts of a run: programs know their sessions by the folder they began in. */
const placeOf = ({ path, taskNumber, runId }: Copy): string =>
  join(dirname(path), `${taskNumber}-${runId}`);

/** As a person runs it: the levels at which this house puts nothing around a program. */
async function prepareOutside(
  request: ProgramRequest,
  searchPath: string,
): Promise<Prepared | { obstacle: string }> {
  const { copy, file } = request;
  const obstacle = await findObstacle(file, copy.path, searchPath);
  if (obstacle !== null) return { obstacle };
  const exchange = request.answers ? await openExchange(copy.home) : null;
  const home = copy.user;
  await mkdir(join(home, 'tmp'), { recursive: true, mode: 0o700 });
  const environment = {
    ...request.environment,
    ...(exchange === null ? {} : { MISSION_RESULT_FILE: join(exchange.folder, exchange.file) }),
  };
  return {
    launch: plainLaunch({ ...request, copy: { ...copy, home }, searchPath, environment }),
    graceMs: GRACE_MS,
    over: new AbortController().signal,
    onStart: () => undefined,
    endingOf: (ending) => ending,
    async finish() {
      const answer = await exchange?.read();
      const complaints = answer?.complaint ? [answer.complaint] : [];
      return { result: answer?.result ?? null, complaints };
    },
    close: async () => exchange?.close(),
  };
}

/** Outside of a sandbox a program is asked to end before it is ended. */
const GRACE_MS = 5000;
