import type { Latency, Pair, Throughput } from './compare.js';
import type { Footprint } from './footprint.js';
import type { Machine } from './machine.js';
import type { Resume } from './resume.js';
import type { Starts } from './starts.js';
import type { Waiting } from './waiting.js';

/** All that one run of the benchmark has measured. */
export interface Figures {
  readonly command: string;
  readonly plan: object;
  readonly machine: Machine;
  readonly throughput: Pair<Throughput>;
  readonly withFiles: Pair<Throughput>;
  readonly lone: Pair<Latency>;
  readonly added: Pair<Latency>;
  readonly footprint: Pair<Footprint>;
  readonly rows: Pair<Throughput> & { readonly count: number };
  readonly resume: Resume;
  readonly waiting: readonly Waiting[];
  readonly starts: Starts;
}

/** One line of the table; `ok` is null where there is no target. */
export interface Line {
  readonly what: string;
  readonly bare: string;
  readonly product: string;
  readonly ratio: string;
  readonly target: string;
  readonly ok: boolean | null;
}

const figure = (value: number, digits = 1): string => value.toFixed(digits);

/** A line with both sides and their ratio, against the most or the least that it may be. */
function pair(
  what: string,
  { bare, product }: Pair<number>,
  { least, most, digits = 1 }: { least?: number; most?: number; digits?: number } = {},
): Line {
  const ratio = product / bare;
  const target = least !== undefined ? `≥ ${least}` : most !== undefined ? `≤ ${most}` : '';
  const ok = target === '' ? null : ratio >= (least ?? 0) && ratio <= (most ?? Infinity);
  const shown = { bare: figure(bare, digits), product: figure(product, digits) };
  return { what, ...shown, ratio: Number.isFinite(ratio) ? figure(ratio, 2) : '', target, ok };
}

/** A line of the product alone. */
function alone(what: string, value: string, target = '', ok: boolean | null = null): Line {
  return { what, bare: '', product: value, ratio: '', target, ok };
}

const both = <T>({ bare, product }: Pair<T>, of: (one: T) => number): Pair<number> => ({
  bare: of(bare),
  product: of(product),
});

const cpuOf = ({ cpuPer1000: { server, worker, postgres } }: Throughput): number =>
  server + worker + postgres;

/** The table of what was measured, each line with its target where there is one. */
export function lines(figures: Figures): Line[] {
  return [...compared(figures), ...ofWaiting(figures), ...ofStarts(figures)];
}

function compared(figures: Figures): Line[] {
  const { throughput, withFiles, lone, added, footprint, rows, resume } = figures;
  const kept = (pairs: Pair<Throughput>) =>
    pairs.product.tasksPerSecond / pairs.bare.tasksPerSecond;
  const loss = kept(rows) / kept(throughput);
  const lost = `${figure((1 - loss) * 100, 0)} % less`;
  return [
    pair(
      'tasks/s, many in flight',
      both(throughput, (one) => one.tasksPerSecond),
      { least: 0.75 },
    ),
    pair(
      'lone two-run task, p50 (ms)',
      both(lone, ({ p50 }) => p50),
      { most: 1.25 },
    ),
    pair(
      'lone two-run task, p95 (ms)',
      both(lone, ({ p95 }) => p95),
    ),
    pair(
      'added to 200 ms agents, 10 in flight, p50 (ms)',
      both(added, ({ p50 }) => p50),
    ),
    pair(
      'added to 200 ms agents, 10 in flight, p95 (ms)',
      both(added, ({ p95 }) => p95),
    ),
    pair('CPU s per 1,000 tasks', both(throughput, cpuOf), { most: 1.35 }),
    ...(['server', 'worker', 'postgres'] as const).map((name) =>
      pair(
        `  of these: ${name}`,
        both(throughput, ({ cpuPer1000 }) => cpuPer1000[name]),
      ),
    ),
    pair(
      'events per task',
      both(footprint, ({ events }) => events),
    ),
    pair(
      'bytes of history per task',
      both(footprint, (one) => one.historyBytes),
      { digits: 0 },
    ),
    pair(
      'SQL statements per task',
      both(footprint, ({ statements }) => statements),
    ),
    pair(
      'commits that wrote per task',
      both(footprint, ({ commits }) => commits),
    ),
    pair(
      'tasks/s, executions write a file',
      both(withFiles, (one) => one.tasksPerSecond),
    ),
    pair('CPU s per 1,000 tasks, executions write a file', both(withFiles, cpuOf)),
    pair(
      `tasks/s, ${rows.count} runs of today before`,
      both(rows, (one) => one.tasksPerSecond),
    ),
    alone('  ratio of that, beside the empty table', lost, '≤ 5 % less', loss >= 0.95),
    alone('resume after kill -9, median (s)', figure(resume.median), '< 2', resume.median < 2),
    alone('resume after kill -9, last (s)', figure(resume.last), '< 7', resume.last < 7),
  ];
}

function ofWaiting({ waiting }: Figures): Line[] {
  return waiting.flatMap(({ tasks, filedInSeconds, serverMb, workerMb, idleCpu }) => {
    const { server, worker, postgres } = idleCpu;
    const all = server + worker + postgres;
    const few = tasks <= 1000 && tasks > 0;
    const memory = `server ${figure(serverMb, 0)}, worker ${figure(workerMb, 0)}`;
    const parts = [server, worker, postgres].map((each) => figure(each * 100)).join(' + ');
    return [
      alone(`${tasks} waiting: memory (MB), filed in ${figure(filedInSeconds)} s`, memory),
      alone(
        `${tasks} waiting: idle CPU, server + worker + Postgres (% of a core)`,
        `${figure(all * 100)} = ${parts}`,
        few ? '≤ 10' : '',
        few ? all <= 0.1 : null,
      ),
    ];
  });
}

function ofStarts({ starts }: Figures): Line[] {
  const { bareNode, help, taskList, upOnFreshHome, upOnWarmHome } = starts;
  const most = bareNode * 1.5 + 60;
  const ms = (value: number | null) => (value === null ? 'not measured' : figure(value, 0));
  const up = (what: string, seconds: number | null) =>
    seconds === null
      ? alone(what, 'not measured')
      : alone(what, figure(seconds), '< 5', seconds < 5);
  return [
    { ...alone('mission --help (ms), bare: node -e 0', ms(help)), bare: ms(bareNode) },
    alone('  at most 1.5 × that and 60 ms', ms(help), `≤ ${ms(most)}`, help <= most),
    alone('mission task list (ms)', ms(taskList)),
    up('npm start to its banner, new data folder (s)', upOnFreshHome),
    up('npm start to its banner, used data folder (s)', upOnWarmHome),
  ];
}

/** As Markdown, which is readable in a terminal as well. */
export function table(rows: readonly Line[]): string {
  const head = ['', 'bare loop', 'product', 'ratio', 'target', ''];
  const body = rows.map(({ what, bare, product, ratio, target, ok }) => [
    ...[what, bare, product, ratio, target],
    ok === null ? '' : ok ? 'ok' : 'SHORT',
  ]);
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...body].map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
