import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { FAULTS } from './faults.js';
import { TASK_KINDS } from './plan.js';
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
  readonly violations: readonly string[];
  readonly processesLeft: number;
  readonly copiesLeft: number;
}

/** How much more than in its second tenth a process may hold in the last one. */
const GROWTH = 1.25;
const MEMORY_SLACK = 48 * 2 ** 20;
const HANDLE_SLACK = 12;

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);

/** `share` of 0.5 is the median. */
function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** A figure in the second tenth and in the last tenth of the run. */
function ends(samples: readonly Sample[], figure: (sample: Sample) => number): [number, number] {
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  const early = samples.slice(tenth, 2 * tenth).map(figure);
  return [mean(early), mean(samples.slice(-tenth).map(figure))];
}

/** All for which the run has failed; a fault that never hit proves nothing, so it is one. */
export function failuresOf(findings: Findings): string[] {
  const { violations, hits, kinds, samples, processesLeft, copiesLeft, minutes } = findings;
  const growth = (what: string, figure: (sample: Sample) => number, slack: number) => {
    const [early, late] = ends(samples, figure);
    return late > early * GROWTH + slack ? [`${what} grew from ${early} to ${late}`] : [];
  };
  return [
    ...violations,
    ...FAULTS.filter((fault) => !hits.some((hit) => hit.fault === fault && hit.underWay > 0)).map(
      (fault) => `no ${fault} has hit anything that was under way`,
    ),
    ...TASK_KINDS.filter((kind) => !kinds[kind]).map((kind) => `no task "${kind}" has ended`),
    ...(processesLeft > 0 ? [`${processesLeft} processes of agents are left`] : []),
    ...(copiesLeft > 0 ? [`${copiesLeft} working copies are left`] : []),
    ...(minutes < 10
      ? [] // too short to tell growth from warming up
      : [
          ...growth('memory of the worker', ({ worker }) => worker.memory, MEMORY_SLACK),
          ...growth('handles of the worker', ({ worker }) => worker.handles, HANDLE_SLACK),
          ...growth('handles of Temporal', ({ temporal }) => temporal.handles, HANDLE_SLACK),
        ]),
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

/** The report as Markdown. */
export function describe(world: World, findings: Findings): string {
  const { hits, samples, violations, ended, kinds } = findings;
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
  const megabytes = ([early, late]: [number, number]) =>
    `${Math.round(early / 2 ** 20)} → ${Math.round(late / 2 ** 20)} MB`;
  const whole = ([early, late]: [number, number]) => `${Math.round(early)} → ${Math.round(late)}`;
  const versions = Object.entries(findings.versions).map(([name, value]) => `${name} ${value}`);
  return `# ${findings.minutes} minutes of chaos, seed ${findings.seed}: ${
    failures.length === 0 ? 'passed' : 'FAILED'
  }

\`npm run test:chaos -- --minutes ${findings.minutes} --seed ${findings.seed}\`
on ${machine()}; ${versions.join(', ')}.

${table([
  ['', ''],
  ['tasks acknowledged', acknowledged],
  ['of these lost, doubled or stranded', violations.length],
  ['tasks ended, follow-ups included', `${terminal} (${sumUp(ended)})`],
  ['worker kills (SIGKILL)', hits.filter(({ fault }) => fault === 'worker SIGKILL').length],
  ['workers started again', findings.restarts],
  ['recovery p50 / p95', `${seconds(quantile(all, 0.5))} / ${seconds(quantile(all, 0.95))}`],
  ['all ended after the last fault within', `${findings.drainSeconds.toFixed(0)} s`],
  ['violations', violations.length],
  ['processes of agents left', findings.processesLeft],
  ['working copies left', findings.copiesLeft],
  ['memory of the worker that lived', megabytes(ends(samples, (one) => one.worker.memory))],
  ['its handles', whole(ends(samples, (one) => one.worker.handles))],
  ['memory of Temporal', megabytes(ends(samples, (one) => one.temporal.memory))],
  ['its handles', whole(ends(samples, (one) => one.temporal.handles))],
])}

Memory and handles: the mean of the second tenth of the run → that of the last. Recovery: from the
fault until a run has closed after it, the outage itself (up to 3 s; of a stopped worker up to 45 s,
in which the others work on) included.

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
