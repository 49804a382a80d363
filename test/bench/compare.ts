import type { Rig } from '../support/rig.js';
import type { Plan } from './plan.js';
import type { Cpu } from './processes.js';
import type { Side } from './sides.js';
import { drive, quantile, type Round } from './speed.js';
import type { Work } from './work.js';

export type Sides = { readonly bare: Side; readonly product: Side };
export type Pair<T> = { readonly bare: T; readonly product: T };

/** Many tasks at once. */
export interface Throughput {
  readonly tasksPerSecond: number;
  /** Of each round, in their order: how steady the machine was. */
  readonly rounds: readonly number[];
  readonly cpuPer1000: Cpu;
}

/** Tasks one at a time, or a few at once with agents that take their time. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
}

const NO_FILES = { agentMs: 0, files: false } as const;

/** Rounds of both sides in turn, so that noise of the machine meets both. */
export async function throughput(
  rig: Rig,
  sides: Sides,
  plan: Pick<Plan, 'rounds' | 'tasks' | 'inFlight' | 'untilCleaned'>,
  work: Omit<Work, 'cycles'> = NO_FILES,
): Promise<Pair<Throughput>> {
  const rounds = await inTurn(sides, plan.rounds, (side) => drive(rig, side, { ...plan, work }));
  return { bare: summed(rounds.bare), product: summed(rounds.product) };
}

/** One two-run task after another, of the sides in turn. */
export async function lone(rig: Rig, sides: Sides, tasks: number): Promise<Pair<Latency>> {
  const work = { ...NO_FILES, cycles: 1 } as const;
  const asked = { tasks: 1, inFlight: 1, work, untilCleaned: false };
  const rounds = await inTurn(sides, tasks, (side) => drive(rig, side, asked));
  const times = (of: readonly Round[]) => latency(of.flatMap(({ milliseconds }) => milliseconds));
  return { bare: times(rounds.bare), product: times(rounds.product) };
}

/** Ten in flight whose agents take 200 ms: what a task takes beyond its agents. */
export async function added(rig: Rig, sides: Sides, plan: Plan): Promise<Pair<Latency>> {
  const work = { agentMs: 200, files: false } as const;
  const { untilCleaned } = plan;
  const asked = { tasks: Math.ceil(plan.delayed / 2), inFlight: 10, work, untilCleaned };
  const rounds = await inTurn(sides, 2, (side) => drive(rig, side, asked));
  const times = (of: readonly Round[]) => latency(of.flatMap((round) => round.added));
  return { bare: times(rounds.bare), product: times(rounds.product) };
}

/** Which side begins changes with every round. */
async function inTurn(
  { bare, product }: Sides,
  rounds: number,
  once: (side: Side) => Promise<Round>,
): Promise<Pair<Round[]>> {
  const found = { bare: [] as Round[], product: [] as Round[] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [bare, product] : [product, bare];
    for (const side of order) found[side.name].push(await once(side));
  }
  return found;
}

function summed(rounds: readonly Round[]): Throughput {
  const sum = (of: (round: Round) => number) => rounds.reduce((all, each) => all + of(each), 0);
  const tasks = sum((round) => round.tasks);
  const cpu = (of: keyof Cpu) => (sum((round) => round.cpu[of]) / tasks) * 1000;
  return {
    tasksPerSecond: tasks / sum(({ seconds }) => seconds),
    rounds: rounds.map((round) => round.tasks / round.seconds),
    cpuPer1000: { server: cpu('server'), worker: cpu('worker'), postgres: cpu('postgres') },
  };
}

const latency = (values: readonly number[]): Latency => ({
  p50: quantile(values, 0.5),
  p95: quantile(values, 0.95),
});
