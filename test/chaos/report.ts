import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { FAULTS } from './faults.js';
import { TASK_KINDS } from './plan.js';
import { BOUNDS, growthIn, trendOf } from './trend.js';
import type { Hit, Sample } from './watch.js';
import type { World } from './world.js';

export interface Findings {
  readonly seed: number;
  readonly minutes: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Seconds from the end of filing and faults until every task had ended. */
  readonly drainSeconds: number;
  readonly restarts: number;
  readonly hits: readonly Hit[];
  readonly samples: readonly Sample[];
  readonly ended: Readonly<Record<string, number>>;
  readonly kinds: Readonly<Record<string, number>>;
  /** What was lost, doubled or stranded, by the oracle: of tasks, runs, turns and results. */
  readonly lost: readonly string[];
  /** What else must not be: rules of the record, policies that were reset, workers that ended. */
  readonly violations: readonly string[];
  readonly processesLeft: number;
  readonly copiesLeft: number;
}

/** A shorter run ends before growth can be told from warming up. */
const LONG_ENOUGH = 20;

/** `share` of 0.5 is the median. */
function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** All for which the run has failed; a fault that never hit proves nothing, so it is one. */
export function failuresOf(findings: Findings): string[] {
  const { lost, violations, hits, kinds, samples } = findings;
  const { processesLeft, copiesLeft, minutes } = findings;
  return [
    ...lost,
    ...violations,
    ...FAULTS.filter((fault) => !hits.some((hit) => hit.fault === fault && hit.underWay > 0)).map(
      (fault) => `no ${fault} has hit anything that was under way`,
    ),
    ...TASK_KINDS.filter((kind) => !kinds[kind]).map((kind) => `no task "${kind}" has ended`),
    ...(processesLeft > 0 ? [`${processesLeft} processes of agents are left`] : []),
    ...(copiesLeft > 0 ? [`${copiesLeft} working copies are left`] : []),
    ...(minutes < LONG_ENOUGH ? [] : growthIn(samples)),
  ];
}

const table = (rows: readonly (readonly (string | number)[])[]): string =>
  rows
    .map((row) => `| ${row.join(' | ')} |`)
    .toSpliced(1, 0, `|${' --- |'.repeat(rows[0]?.length ?? 0)}`)
    .join('\n');

const sumUp = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort()
    .map(([what, times]) => `${what} ${times}`)
    .join(', ');

function machine(): string {
  const kernel = release().split('.').slice(0, 2).join('.');
  return `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${kernel}`;
}

/** What each process held at half time and at the end, by the line, and at most. */
const trends = (samples: readonly Sample[]): [string, string][] =>
  BOUNDS.map(({ what, figure, most }) => {
    const trend = trendOf(samples, figure);
    const isMemory = 'share' in most;
    const plain = (value: number) => String(Math.round(isMemory ? value / 2 ** 20 : value));
    const bound = isMemory ? `${most.share * 100} %` : `${most.more}`;
    if (trend === null) return [what, 'too few samples'];
    const peak = plain(Math.max(...samples.map(figure)));
    const line = `${plain(trend.from)} → ${plain(trend.to)}${isMemory ? ' MB' : ''}`;
    return [what, `${line} (allowed +${bound}; at most ${peak})`];
  });

const told = ({ minutes }: Findings): string =>
  minutes < LONG_ENOUGH
    ? `Memory and handles are not judged: that takes a run of ${LONG_ENOUGH} minutes.`
    : `Memory and handles: at half time → at the end, on a line through the samples of the second
half (the median of all slopes); the worker is the one that no fault hits.`;

/** The report as Markdown. */
export function describe(world: Pick<World, 'sent' | 'tally'>, findings: Findings): string {
  const { hits, samples, lost, violations, ended, kinds } = findings;
  const failures = failuresOf(findings);
  const acknowledged = [...world.sent.values()].filter((sent) => sent.acknowledged).length;
  const terminal = Object.values(ended).reduce((sum, one) => sum + one, 0);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const recovery = FAULTS.map((fault) => {
    const all = hits.filter((hit) => hit.fault === fault);
    const times = all.map(({ recoveryMs }) => recoveryMs);
    const busy = all.filter(({ underWay }) => underWay > 0).length;
    return [fault, all.length, busy, seconds(quantile(times, 0.5)), seconds(quantile(times, 0.95))];
  });
  const all = hits.map(({ recoveryMs }) => recoveryMs);
  const versions = Object.entries(findings.versions).map(([name, value]) => `${name} ${value}`);
  return `# ${findings.minutes} minutes of chaos, seed ${findings.seed}: ${
    failures.length === 0 ? 'passed' : 'FAILED'
  }

\`npm run test:chaos -- --minutes ${findings.minutes} --seed ${findings.seed}\`
on ${machine()}; ${versions.join(', ')}.

${table([
  ['', ''],
  ['tasks acknowledged', acknowledged],
  ['findings of work lost, doubled or stranded', lost.length],
  ['tasks ended, follow-ups included', `${terminal} (${sumUp(ended)})`],
  ['worker kills (SIGKILL)', hits.filter(({ fault }) => fault === 'worker SIGKILL').length],
  ['workers started again', findings.restarts],
  ['recovery p50 / p95', `${seconds(quantile(all, 0.5))} / ${seconds(quantile(all, 0.95))}`],
  ['all ended after the last fault within', `${findings.drainSeconds.toFixed(0)} s`],
  ['other violations', violations.length],
  ['processes of agents left', findings.processesLeft],
  ['working copies left', findings.copiesLeft],
  ...trends(samples),
])}

${told(findings)}
Recovery: from the fault until a run has closed after it, the outage itself included (up to 3 s; of
a stopped worker up to 45 s, in which the others work on).

${table([['fault', 'times', 'while work ran', 'recovery p50', 'p95'], ...recovery])}

Tasks by kind: ${sumUp(kinds)}.

What was done, and how it went: ${sumUp(Object.fromEntries(world.tally))}.
${failures.length === 0 ? '' : ['\n## Failures\n', ...failures].join('\n- ')}`;
}

/** Of the product and of what it runs on. */
export async function versionsOf({ rig }: World): Promise<Record<string, string>> {
  const [row] = await rig.database.sql`show server_version`;
  const commit = () => execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return {
    Node: process.versions.node,
    Postgres: String(row?.server_version).split(' ')[0] ?? '',
    'Temporal CLI': rig.temporal().version,
    commit: commit().trim(),
  };
}
