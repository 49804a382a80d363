import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { type Flight, readFlight } from '../../drizzle/read-canary.js';
import { readAgents } from '../../drizzle/read-house.js';
import { endTask, fileTask, readForBegin } from '../../drizzle/steps.js';
import { MissionError } from '../client/errors.js';
import { CANARY_PREFIX } from '../contract.js';
import { explainWait } from '../domain/wait.js';
import { parseTaskRequest } from '../schema/request.js';
import type { ServiceDeps } from './deps.js';
import { type DoorStage, type LockedDoor, STAGES } from './door.js';
import { examine } from './examine.js';
import { asWait } from './waits.js';
import { wake } from './wake.js';

/** The stages that a canary passes, in their order. */
const STEPS = ['filed', 'started', 'admitted', 'executed', 'reviewed', 'landed'] as const;
type StepName = (typeof STEPS)[number];

export interface CanaryStep {
  readonly step: StepName;
  /** Milliseconds after it was filed. */
  readonly ms: number;
}

export interface CanaryFlight {
  readonly through: boolean;
  readonly steps: readonly CanaryStep[];
  /** Where it stands when it did not get through, why, and the door that is in its way. */
  readonly stands: {
    readonly before: StepName;
    readonly sentence: string;
    readonly command: string | null;
    readonly door: LockedDoor | null;
  } | null;
}

export interface CanaryOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: CanaryStep) => void;
}

const LOOK_MS = 100;
/** A canary that nobody waits for any more ends by itself. */
const SPARE_MS = 60_000;

const SCENARIO = {
  executions: [{ turns: [{ files: { 'canary.txt': 'It sings.\n' } }], report: 'It sings.' }],
};
const DESCRIPTION = `Sing.\n\n\`\`\`scenario\n${JSON.stringify(SCENARIO)}\n\`\`\`\n`;

/**
 * Sends a scripted task through the whole pipe: real admission, slots, workers and landing. No list
 * or figure shows it; what does not get through in time is cancelled, and upkeep removes its rows.
 */
export async function sendCanary(deps: ServiceDeps, options: CanaryOptions): Promise<CanaryFlight> {
  const { database, principal, door } = deps;
  const { timeoutMs, signal, onStep } = options;
  const until = Date.now() + timeoutMs;
  const { roster } = await readForBegin(database, '');
  const usual = parseTaskRequest({ title: 'Canary', description: DESCRIPTION, owner: principal });
  const isThere = roster.some(({ id }) => id === usual.assignee);
  const other = roster.find(({ type, reviews }) => type !== 'LEAD' && !reviews)?.id;
  const request = isThere || !other ? usual : parseTaskRequest({ ...usual, assignee: other });
  const id = uuidv7();
  const workflowId = `${CANARY_PREFIX}${id}`;
  await fileTask(database, { id, workflowId, door, request, canary: true });
  const log = new Log(onStep);
  log.note('filed', 0);
  let last: Flight | null = null;
  try {
    const { title, priority } = request;
    const endsAfterMs = timeoutMs + SPARE_MS;
    await (await deps.engine()).start({ workflowId, title, priority, endsAfterMs });
    while (!signal?.aborted) {
      last = await readFlight(database, id);
      log.see(last);
      if (log.isThrough) return { through: true, steps: log.steps, stands: null };
      if (last === null || last.ended || last.status === 'BLOCKED' || Date.now() > until) break;
      await sleep(LOOK_MS);
    }
  } catch (error) {
    if (!(error instanceof MissionError)) throw error;
  }
  const standing = whereItStands(deps, log.next, last, { workflowId, ...request });
  const stands = await standing.finally(() => end(deps, id, workflowId));
  return { through: false, steps: log.steps, stands };
}

/** What it has passed so far, each step told once. */
class Log {
  readonly steps: CanaryStep[] = [];
  private readonly onStep: ((step: CanaryStep) => void) | undefined;

  constructor(onStep?: (step: CanaryStep) => void) {
    this.onStep = onStep;
  }

  get next(): StepName {
    return STEPS[this.steps.length] ?? 'landed';
  }
  get isThrough(): boolean {
    return this.steps.length === STEPS.length;
  }

  note(step: StepName, ms: number): void {
    this.steps.push({ step, ms });
    this.onStep?.({ step, ms });
  }

  see(flight: Flight | null): void {
    if (flight === null) return;
    const { started, ageMs, admittedMs, executedMs, reviewedMs, landedMs } = flight;
    // No row has the time at which a workflow took it: it is admitted in the same statement.
    const startedMs = started ? (admittedMs ?? ageMs) : null;
    const known = [0, startedMs, admittedMs, executedMs, reviewedMs, landedMs];
    for (;;) {
      const ms = known[this.steps.length] ?? null;
      if (ms === null) return;
      this.note(this.next, ms);
    }
  }
}

const NO_TASK = 'the canary';

const STAGE_BEFORE: Readonly<Record<StepName, DoorStage>> = {
  filed: 'database',
  started: 'worker',
  admitted: 'admission',
  executed: 'limits',
  reviewed: 'reviewer',
  landed: 'landing',
};

async function whereItStands(
  deps: ServiceDeps,
  before: StepName,
  flight: Flight | null,
  canary: { workflowId: string; assignee: string; reviewers: readonly string[] },
): Promise<CanaryFlight['stands']> {
  const { doors, records } = await examine(deps, readAgents);
  const [first = null] = doors;
  const at = STAGES.indexOf(STAGE_BEFORE[before]);
  const door = doors.find(({ stage }) => STAGES.indexOf(stage) >= at) ?? first;
  const wait = flight?.wait ?? null;
  if (wait !== null) {
    const shown = asWait(wait, canary, records?.agents ?? []);
    const { sentence, command } = explainWait(shown, { label: NO_TASK });
    // What a person would say to a task he cannot say to a canary.
    const own = command?.includes(NO_TASK) ? null : command;
    return { before, sentence: `it ${sentence}`, command: door?.command ?? own, door };
  }
  const fails = await whatFails(deps, canary.workflowId);
  const why = fails ?? flight?.says ?? null;
  const sentence =
    before === 'started' && fails === null
      ? 'no worker has taken it'
      : `it is ${flight?.status ?? 'gone'}${why === null ? '' : `: ${why}`}`;
  return { before, sentence, command: door?.command ?? null, door };
}

/** What a step of it says that fails again and again, where Temporal can be asked. */
async function whatFails(deps: ServiceDeps, workflowId: string): Promise<string | null> {
  try {
    const { failing } = await (await deps.engine()).inspect(workflowId);
    return failing && `its ${failing.step} failed ${failing.tries} times: ${failing.why}`;
  } catch (error) {
    if (error instanceof MissionError) return null;
    throw error;
  }
}

/** Ends the canary in Temporal and on the record; whoever waits behind it goes on. */
async function end(deps: ServiceDeps, id: string, workflowId: string): Promise<void> {
  const reason = 'the canary did not get through in time';
  try {
    await (await deps.engine()).terminate(workflowId, reason);
  } catch (error) {
    if (!(error instanceof MissionError)) throw error; // it ends by its own time limit
  }
  const { principal: by, door } = deps;
  const given = { task: id, status: 'CANCELLED', by, door, reason };
  await wake(deps, (await endTask(deps.database, given)).wake);
}
