import { type Admission, decideAdmission } from './admission.js';
import type { AgentType } from './agent.js';
import type { Policy, PolicyName } from './policy.js';
import { clampFollowUps } from './spawn.js';
import type { Priority } from './task.js';
import type { FollowUp } from './verdict.js';

/** The same figures of real work and of rehearsals, which are never mixed. */
export interface Told<Figures> {
  readonly real: Figures;
  readonly rehearsed: Figures;
}

/** A task of last week, as a policy would look at it. */
export interface WeekTask {
  readonly rehearsed: boolean;
  readonly priority: Priority;
  readonly agentId: string;
  readonly agentType: AgentType;
  /** The last cycle whose review asked for changes; 0 where none did. */
  readonly revisedIn: number;
  readonly landingCycles: number;
}

/** A verdict of last week that asked for follow-ups. */
export interface WeekVerdict {
  readonly rehearsed: boolean;
  readonly depth: number;
  /** Of the tasks that were in the tree before its own. */
  readonly titles: readonly string[];
  readonly followUps: readonly FollowUp[];
  readonly filed: number;
}

/** Of how many, and how many of them a person would have had to decide about. */
export interface PersonFigures {
  readonly tasks: number;
  readonly needed: number;
  /** The same by the version that is in force. */
  readonly neededNow: number;
}

export interface DayFigures {
  readonly runs: number;
  readonly beyondSlots: number;
  readonly beyondDay: number;
  readonly daysOutOfTokens: number;
}

export interface SpawnFigures {
  readonly asked: number;
  readonly filed: number;
  readonly filedNow: number;
}

/** Whether a person would have had to decide about a task, by one version of a policy. */
export function neededPerson(policy: Policy, task: WeekTask): boolean {
  const is = <N extends PolicyName>(name: N, it: Policy): it is Policy<N> => it.name === name;
  // Switched off, a cap is 0.
  const cap = (figure: number): number => (policy.enabled ? figure : 0);
  if (is('auto-approve', policy)) return decide(policy, task).kind === 'waits';
  if (is('review', policy)) {
    const { revisedIn, landingCycles } = task;
    return revisedIn > 0 && revisedIn >= cap(policy.value.maxCycles) + landingCycles;
  }
  if (is('landing', policy)) return task.landingCycles > cap(policy.value.maxLandingCycles);
  return false;
}

/** What auto-approve says of a task. */
export const decide = (
  policy: Policy<'auto-approve'>,
  task: Pick<WeekTask, 'priority' | 'agentId' | 'agentType'>,
): Admission => decideAdmission({ ...task, policy });

/** Of last week's tasks, how many would have needed a person, then and as it is. */
export function personFigures(
  tasks: readonly WeekTask[],
  to: Policy,
  now: Policy,
): Told<PersonFigures> {
  return told(tasks, (some) => ({
    tasks: some.length,
    needed: some.filter((task) => neededPerson(to, task)).length,
    neededNow: some.filter((task) => neededPerson(now, task)).length,
  }));
}

/** Of the follow-ups that last week's verdicts asked for, how many would have been filed. */
export function spawnFigures(
  verdicts: readonly WeekVerdict[],
  { enabled, value }: Policy<'spawn'>,
): Told<SpawnFigures> {
  const caps = enabled ? value : { maxDepth: 0, maxPerVerdict: 0, maxPerTree: 0 };
  const filed = ({ followUps, depth, titles }: WeekVerdict) =>
    clampFollowUps(followUps, caps, { depth, titles, treeSize: titles.length }).filed.length;
  return told(verdicts, (some) => ({
    asked: sum(some.map(({ followUps }) => followUps.length)),
    filed: sum(some.map(filed)),
    filedNow: sum(some.map((verdict) => verdict.filed)),
  }));
}

function told<Row extends { readonly rehearsed: boolean }, Figures>(
  rows: readonly Row[],
  figuresOf: (rows: readonly Row[]) => Figures,
): Told<Figures> {
  return {
    real: figuresOf(rows.filter(({ rehearsed }) => !rehearsed)),
    rehearsed: figuresOf(rows.filter(({ rehearsed }) => rehearsed)),
  };
}

const sum = (figures: readonly number[]): number => figures.reduce((all, each) => all + each, 0);

// ── In words ────────────────────────────────────────────────────────────────────────────────────

/** One sentence about last week; what was rehearsed is said apart, and only where there was any. */
export function hindsight<Figures>(
  { real, rehearsed }: Told<Figures>,
  count: (figures: Figures) => number,
  sentence: (figures: Figures, whose: string) => string,
): string[] {
  const apart = count(rehearsed) === 0 ? [] : [sentence(rehearsed, 'rehearsed ')];
  return count(real) === 0 && apart.length > 0 ? apart : [sentence(real, ''), ...apart];
}

export const personSentence = (
  { tasks, needed, neededNow }: PersonFigures,
  whose: string,
): string =>
  `of last week's ${counted(tasks, `${whose}task`)} ${needed} would have needed a person` +
  ` (${neededNow} by the version in force)`;

export function daySentence(figures: DayFigures, whose: string): string {
  const { runs, beyondSlots, beyondDay, daysOutOfTokens } = figures;
  const parts = [
    ...(beyondSlots === 0 ? [] : [`${beyondSlots} would have waited for a slot`]),
    ...(beyondDay === 0 ? [] : [`${beyondDay} would have waited for a new day`]),
    ...(daysOutOfTokens === 0
      ? []
      : [`the tokens of ${counted(daysOutOfTokens, 'day')} would not have been enough`]),
  ];
  const came = parts.length === 0 ? 'none would have waited for it' : parts.join(', ');
  return `of last week's ${counted(runs, `${whose}run`)} ${came}`;
}

export const spawnSentence = ({ asked, filed, filedNow }: SpawnFigures, whose: string): string =>
  `of last week's ${counted(asked, `${whose}follow-up`)} that verdicts asked for ${filed} would` +
  ` have been filed (${filedNow} were)`;

/** `1 task`, `2 tasks`. */
export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;
