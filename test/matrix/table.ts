import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { CellResult } from './cell.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { STEP_NAMES, type StepName } from './steps.js';
import { MOMENTS, type Moment } from './trap.js';

/** Step × fault, as Markdown: seconds from the fault to the end of every task, or what broke. */
export function tableOf(results: readonly CellResult[]): string {
  const cellOf = (step: StepName, moment: Moment, fault: FaultName) => {
    const found = results.find(
      (one) => one.step === step && one.moment === moment && one.fault === fault,
    );
    if (found === undefined) return '';
    return found.findings.length > 0 ? 'BROKEN' : `${found.seconds?.toFixed(1)}`;
  };
  const rows = STEP_NAMES.flatMap((step) =>
    MOMENTS.map((moment) => [
      `${moment} ${step}`,
      ...FAULT_NAMES.map((fault) => cellOf(step, moment, fault)),
    ]),
  );
  const head = ['', ...FAULT_NAMES];
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** `140 cells, 0 broken; …` */
export function summaryOf(results: readonly CellResult[]): string {
  const times = results.flatMap(({ seconds }) => seconds ?? []).sort((one, other) => one - other);
  const at = (share: number) => times[Math.ceil(share * times.length) - 1]?.toFixed(1) ?? '–';
  const broken = results.filter(({ findings }) => findings.length > 0).length;
  return (
    `${results.length} cells, ${broken} broken; all tasks ended ${at(0.5)} s after the fault ` +
    `in the median, ${at(0.95)} s at p95, ${at(1)} s at the most.`
  );
}

export interface Versions {
  readonly temporal: string;
  readonly postgres: string;
  readonly git: string;
  /** Of the product; with what was changed since and not committed, it says so. */
  readonly commit: string;
}

/** What is under test here and now. */
export function versionsHere(servers: Pick<Versions, 'temporal' | 'postgres'>): Versions {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ':!docs') === '' ? '' : ' with changes';
  const commit = `${git('rev-parse', '--short=12', 'HEAD')}${changed}`;
  return { ...servers, commit, git: git('version').split(' ')[2] ?? '' };
}

/** The page that a whole run leaves in `docs/proof`. */
export function pageOf(results: readonly CellResult[], versions: Versions): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  const load = loadavg().map((each) => each.toFixed(1));
  const kernel = release().split('.').slice(0, 2).join('.');
  const [cpu] = cpus();
  return `# The kill matrix

What breaks at which call, and how long it takes until every task of the cell has ended.
\`npm run test:matrix\` makes this page; a part of it that holds every step and every fault, before
and after, runs in \`npm test\`.

- **Before**: a worker's call to the server was seen and withheld, then the fault came.
  **After**: the server had done it and its answer was withheld, then the fault came. A cell whose
  call never came has failed.
- Counted from outside: what the scripted agents performed by their own log, the files and commits
  that landed, and the list of what was filed. Nothing lost, nothing done twice, nothing stranded; a
  turn is performed again only where Postgres had not stored its checkpoint; all invariants hold.
- Each agent does one run at a time, so that tasks wait for each other. The seconds hold the restart
  of what was killed and all work that was left. About 30 of them are a heartbeat timeout: that work
  was handed out, or answered, at the moment of the fault is sometimes known by it alone.

${summaryOf(results)}

- Commit: ${versions.commit}. Every cell is run, in the order of the table: nothing is drawn, so
  there is no seed.
- Versions: Node ${process.version.slice(1)}, Temporal CLI ${versions.temporal}, \
Postgres ${versions.postgres}, git ${versions.git}; both servers flush to disk.
- Machine, on ${date}: ${cpus().length} cores (${cpu?.model.trim()}), ${memory} GiB of memory, \
${type()} ${kernel}, ${process.arch}.
  Load average at the end: ${load.join(', ')} (what else the machine did is in these figures).

Seconds:

${tableOf(results)}
`;
}
