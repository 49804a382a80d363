import { setTimeout as sleep } from 'node:timers/promises';
import type { Arena } from './arena.js';
import { FAULTS, type FaultName } from './faults.js';
import { type Finding, findTasks, judge, type Turn } from './oracle.js';
import type { StepName } from './steps.js';
import { stepOf } from './steps.js';
import type { Expected } from './stories.js';
import { type Moment, Trap } from './trap.js';

/** One place in a task's life, and what goes wrong there. */
export interface Cell {
  readonly step: StepName;
  readonly moment: Moment;
  readonly fault: FaultName;
}

export interface CellResult extends Cell {
  /** From the fault to the end of every task; null when they did not end. */
  readonly seconds: number | null;
  readonly findings: readonly Finding[];
}

/** How long a step may take to come, and the tasks to end. */
export interface Patience {
  readonly reachedMs: number;
  readonly endedMs: number;
}

const PATIENCE: Patience = { reachedMs: 30_000, endedMs: 90_000 };

/** Files the step's tasks, breaks what the cell says at that very call, and compares. */
export async function runCell(
  arena: Arena,
  cell: Cell,
  { reachedMs, endedMs }: Patience = PATIENCE,
): Promise<CellResult> {
  const step = stepOf(cell.step);
  const trap = new Trap(step, cell.moment);
  const before = (await arena.rig.effects()).length;
  arena.watch(trap);
  const cast = await step.story(arena, trap);
  if (!(await within(reachedMs, trap.sprung))) {
    trap.release('goes on');
    arena.watch(null);
    return { ...cell, seconds: null, findings: ['the step was never reached'] };
  }
  const since = Date.now();
  await FAULTS[cell.fault](arena, trap);
  const stranded = await untilEnded(arena, cast, endedMs);
  const seconds = stranded === null ? (Date.now() - since) / 1000 : null;
  arena.watch(null);
  const effects = (await arena.rig.effects()).slice(before) as unknown as Turn[];
  const findings = await judge(arena, cast, effects);
  return { ...cell, seconds, findings: stranded === null ? findings : [stranded, ...findings] };
}

async function within(milliseconds: number, event: Promise<void>): Promise<boolean> {
  const late = new AbortController();
  const timer = sleep(milliseconds, false, { signal: late.signal }).catch(() => false);
  try {
    return await Promise.race([event.then(() => true), timer]);
  } finally {
    late.abort();
  }
}

/** Waits for every task and its workflow; null, or what stands where when the time is up. */
async function untilEnded(
  arena: Arena,
  cast: readonly Expected[],
  patienceMs: number,
): Promise<Finding | null> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const open = await stillOpen(arena, cast).catch((error: unknown) => String(error));
    if (open === null) return null;
    if (Date.now() > deadline) return `stranded after ${patienceMs / 1000} s: ${open}`;
    await sleep(100);
  }
}

async function stillOpen(arena: Arena, cast: readonly Expected[]): Promise<string | null> {
  const found = await findTasks(arena, cast);
  const open = found.filter(({ status }) => !ENDS.includes(status));
  if (open.length > 0) {
    const told = open.map(({ label, status, runs }) => {
      const last = runs.at(-1);
      return `${label} ${status}, ${last?.name} ${last?.state} attempt ${last?.attempt}`;
    });
    return told.join('; ');
  }
  if (found.length < cast.length) return `${found.length} of ${cast.length} tasks have a record`;
  for (const { label, workflowId } of found) {
    const { status } = await arena.rig.client.workflow.getHandle(workflowId).describe();
    if (status.name === 'RUNNING') return `${label} has ended, but its workflow runs`;
  }
  return null;
}

const ENDS: readonly string[] = ['DONE', 'REJECTED', 'CANCELLED'];
