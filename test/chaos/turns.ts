import type { Effect } from '../support/rig.js';
import type { Script } from './plan.js';

export interface RunFacts {
  readonly id: string;
  readonly kind: 'EXECUTION' | 'REVIEW';
  readonly number: number;
  readonly state: string;
  readonly attempts: readonly AttemptFacts[];
}

interface AttemptFacts {
  readonly number: number;
  /** The last turn that it has stored; null: none. */
  readonly turn: number | null;
}

/** How many turns a run takes by its script: one that fails or hangs takes those before. */
export function plannedTurns(script: Script, { kind, number }: RunFacts): number {
  const plays = kind === 'EXECUTION' ? script.executions : script.reviews;
  const play = plays?.[number - 1];
  const { fail, hangAtTurn } = play?.faults ?? {};
  const broken = fail?.turn ?? hangAtTurn;
  return broken === undefined ? (play?.turns.length ?? 0) : broken - 1;
}

/**
 * Every planned turn was performed and stored, and no other. An attempt performs its turns in
 * order, once, and begins right after the last turn that an earlier one has stored: a turn is
 * performed again only where the attempt before it could not store it.
 */
export function wrongTurns(run: RunFacts, script: Script, effects: readonly Effect[]): string[] {
  const name = `${run.kind} ${run.number}`;
  const planned = plannedTurns(script, run);
  const findings: string[] = [];
  const left = new Set(effects);
  const performed = new Set<number>();
  let stored = 0;
  for (const { number, turn } of run.attempts) {
    const its = effects.filter(
      (one) => one.attempt === number && one.kind === run.kind && one.number === run.number,
    );
    const turns = its.map((one) => Number(one.turn));
    const expected = turns.map((_, index) => stored + 1 + index);
    if (turns.join() !== expected.join()) {
      findings.push(`attempt ${number} took turns ${turns} after turn ${stored}`);
    }
    if (turn !== null && !turns.includes(turn)) {
      findings.push(`attempt ${number} stored turn ${turn}, which it never took`);
    }
    for (const one of its) left.delete(one);
    for (const one of turns) performed.add(one);
    stored = Math.max(stored, turn ?? 0);
  }
  for (const { attempt, turn } of left) {
    findings.push(`turn ${turn} was taken by attempt ${attempt}, which nobody has begun`);
  }
  for (let turn = 1; turn <= planned; turn++) {
    if (!performed.has(turn)) findings.push(`turn ${turn} of ${planned} was never taken`);
  }
  const extra = [...performed].filter((turn) => turn > planned);
  if (extra.length > 0) findings.push(`turns ${extra} were taken, planned are ${planned}`);
  if (stored !== planned) findings.push(`${stored} of ${planned} turns are stored`);
  return findings.map((finding) => `${name}: ${finding}`);
}
