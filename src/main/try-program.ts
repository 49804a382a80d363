import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { effectsIn } from '../../activities/effects.js';
import type { AgentEvent, RunOutcome, RunRequest } from '../agents/backend.js';
import { createBackends } from '../agents/index.js';
import type { FoundProgram, Trial, TrialStep, Workbench } from '../cli/trial.js';
import { type Config, loginFile, variablesOf } from '../config.js';
import {
  type AgentProgram,
  accountOf,
  credentialOf,
  PRESET_FACTS,
  PRESETS,
  shownAccount,
  type Variable,
} from '../domain/program.js';
import { executionInstructions, reviewInstructions } from '../domain/prompts.js';
import { ROLES } from '../domain/roles.js';
import { readVerdict } from '../schema/verdict.js';
import { type Copy, createWorkspaces, EMPTY_ROOT, type Workspaces } from '../workspace/index.js';

/** Finds and tries the coding agents of this machine. */
export function createWorkbench(
  { searchPath, sandbox }: Pick<Config, 'searchPath' | 'sandbox'>,
  installation: string,
): Workbench {
  const variable = variablesOf(installation);
  return {
    find: (file) => findOnPath(file, searchPath),
    async known() {
      const found = await Promise.all(
        PRESETS.map(async (preset): Promise<FoundProgram[]> => {
          const name = PRESET_FACTS[preset].file;
          const file = name === null ? null : await findOnPath(name, searchPath);
          return file === null ? [] : [{ preset, file }];
        }),
      );
      return found.flat();
    },
    keepLogin: (name, secret) => keepLogin(loginFile(installation, name), secret),
    async tryOut(program, { model, signal }) {
      // A home of its own: nobody may clean up there, and none of it is kept.
      const home = await mkdtemp(join(tmpdir(), 'mission-connect-'));
      try {
        const workspaces = createWorkspaces({ home, searchPath, sandbox });
        const named = { ...program, credential: credentialOf(program, variable) };
        return await new Attempt(workspaces, named, model, signal, variable).perform();
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  };
}

/** Nobody else may read it, from the first byte on; what was there comes back when it is undone. */
async function keepLogin(file: string, secret: string): Promise<() => Promise<void>> {
  const before = await readFile(file, 'utf8').catch(() => null);
  const write = async (text: string) => {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600, flag: 'w' });
    await chmod(`${file}.new`, 0o600);
    await rename(`${file}.new`, file);
  };
  await write(secret);
  return async () => {
    if (before === null) await rm(file, { force: true });
    else await write(before.trim());
  };
}

async function findOnPath(file: string, searchPath: string): Promise<string | null> {
  const folders = file.includes('/') ? [''] : searchPath.split(delimiter);
  for (const folder of folders) {
    const path = resolve(folder, file);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() !== true) continue;
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return null;
}

const FILE = 'mission-check.txt';
const VERSION_TIMEOUT_MS = 30_000;

/** The way of a task through one program, without a database: a file written, then reviewed. */
class Attempt {
  private readonly workspaces: Workspaces;
  private readonly program: AgentProgram;
  private readonly model: string | null;
  private readonly signal: AbortSignal;
  private readonly variable: Variable;
  private readonly taskId = randomUUID();
  private readonly task: RunRequest['task'];
  private readonly word = randomUUID();
  private readonly events: AgentEvent[] = [];

  constructor(
    workspaces: Workspaces,
    program: AgentProgram,
    model: string | null,
    signal: AbortSignal,
    variable: Variable,
  ) {
    this.variable = variable;
    this.workspaces = workspaces;
    this.program = program;
    this.model = model;
    this.signal = signal;
    this.task = {
      number: 1,
      title: 'Connection check',
      description: `Write a file named ${FILE} that holds this word and nothing else: ${this.word}`,
      acceptance: [`${FILE} holds the word ${this.word}`],
    };
  }

  async perform(): Promise<Trial> {
    const { level, why, fix } = await this.workspaces.sandbox();
    const version = level === null ? null : await this.version();
    const steps = level === null ? [] : await this.steps();
    const green = steps.length === 2 && steps.every(({ ok }) => ok);
    const told = this.events.flatMap((event) => (event.kind === 'usage' ? [event] : []));
    const costs = told.flatMap(({ costUsd }) => (costUsd === undefined ? [] : [costUsd]));
    return {
      program: this.program,
      version,
      account: shownAccount(accountOf(this.program.preset, this.variable)),
      sandbox: { level, why: fix === null ? why : `${why}; ${fix}` },
      steps,
      tokens: told.reduce(
        (sum, { usage }) => sum + usage.input + usage.cacheWrite + usage.output,
        0,
      ),
      costUsd: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
      green,
    };
  }

  private async steps(): Promise<TrialStep[]> {
    const copy = await this.open(EMPTY_ROOT);
    const outcome = await this.run(copy, 'EXECUTION', this.executorIsTold());
    const name = 'file committed';
    if (outcome.kind !== 'finished') return [{ name, ok: false, detail: whyNot(outcome) }];
    const { commit } = await this.workspaces.snapshot(copy, outcome.report);
    const diff = await this.workspaces.diff(copy.source, EMPTY_ROOT, commit);
    if (!diff.includes(`+++ b/${FILE}`) || !diff.includes(`+${this.word}`)) {
      return [{ name, ok: false, detail: `it says it is done, but ${FILE} is not as asked` }];
    }
    const nonce = randomUUID();
    const told = this.reviewerIsTold(nonce, { ...outcome, diff, commit });
    const review = await this.run(await this.open(commit), 'REVIEW', told, nonce);
    return [{ name, ok: true, detail: FILE }, this.verdictStep(review, nonce)];
  }

  private verdictStep(review: RunOutcome, nonce: string): TrialStep {
    const name = 'verdict read';
    if (review.kind !== 'finished') return { name, ok: false, detail: whyNot(review) };
    const { acceptance } = this.task;
    const read = readVerdict(review.verdict, { nonce, acceptance, earlier: [] });
    return { name, ok: read.ok, detail: read.ok ? read.verdict.kind : read.error };
  }

  private async open(from: string): Promise<Copy> {
    const { copy } = await this.workspaces.openCopy({
      source: { kind: 'task', taskId: this.taskId },
      task: { id: this.taskId, number: this.task.number, title: this.task.title },
      runId: randomUUID(),
      attempt: 1,
      from,
      identity: { name: 'Connection check', email: 'check@agents.invalid' },
      signal: this.signal,
    });
    return copy;
  }

  private async run(
    copy: Copy,
    kind: RunRequest['kind'],
    instructions: string,
    nonce = '',
  ): Promise<RunOutcome> {
    const { program, model, signal, task, workspaces, variable } = this;
    const { command } = createBackends({ scenarioFolder: null, effectsLog: null, variable });
    if (command === null) throw new Error('this build has no command backend');
    const request: RunRequest = {
      ...{ runId: copy.runId, attempt: 1, kind, number: 1, cycle: 1, task },
      agent: { id: 'check', name: 'Connection check', model, program },
      ...{ earlierIssues: [], instructions, nonce, folder: copy.path },
      ...{ resume: null, answer: null, reask: null },
    };
    return command.run(request, {
      signal,
      onEvent: (event) => void this.events.push(event),
      checkpoint: async () => undefined,
      effects: effectsIn({ workspaces }, copy),
    });
  }

  private async version(): Promise<string | null> {
    const { file, preset } = this.program;
    if (PRESET_FACTS[preset].file === null) return null;
    const effects = effectsIn({ workspaces: this.workspaces }, await this.open(EMPTY_ROOT));
    const { ending, stdout } = await effects.start(
      {
        ...{ file, args: ['--version'], input: '', environment: {}, readOnly: true, hosts: [] },
        ...{ answers: false, timeoutMs: VERSION_TIMEOUT_MS, outputBytesMax: 10_000 },
      },
      { signal: this.signal, onLine: () => undefined },
    );
    const said = stdout.trim().split('\n').at(-1) ?? '';
    return ending.kind === 'exited' && ending.exitCode === 0 && said !== '' ? said : null;
  }

  private executorIsTold(): string {
    return executionInstructions({
      ...{ task: this.task, cycle: 1, number: 1, landingFeedback: null, role: ROLES.EXECUTION },
      agent: { id: 'check', name: 'Connection check', instructions: '' },
      ...{ guidance: [], answers: [], cycles: [] },
    });
  }

  private reviewerIsTold(
    nonce: string,
    work: { readonly report: string; readonly commands: string; diff: string; commit: string },
  ): string {
    const { report, commands, diff, commit } = work;
    return reviewInstructions({
      ...{ task: this.task, number: 1, cycle: 1, nonce, boundary: randomUUID() },
      role: ROLES.REVIEW,
      agent: { id: 'check', name: 'Connection check', instructions: '' },
      execution: { number: 1, agent: 'Connection check', report, diff, commands, commit },
      ...{ earlier: [], cycles: [] },
    });
  }
}

/** Why a run did not finish, in its own words. */
function whyNot(outcome: Exclude<RunOutcome, { kind: 'finished' }>): string {
  switch (outcome.kind) {
    case 'asks':
      return `it asks: ${outcome.question}`;
    case 'later':
      return `it is to be asked later (in ${outcome.retryAfterSeconds} s): ${outcome.message}`;
    case 'out-of-budget':
    case 'failed':
      return outcome.message;
    default:
      return outcome satisfies never;
  }
}
