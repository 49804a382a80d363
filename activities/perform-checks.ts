import type { RunBrief } from '../drizzle/steps.js';
import type { ReviewThen, RunEnd, RunRef } from '../src/contract.js';
import {
  type Checked,
  checksReport,
  compareCheck,
  isGreen,
  isNews,
  judgeChecks,
} from '../src/domain/checks.js';
import type { Baseline, CheckResult } from '../src/domain/repository.js';
import { openIssues } from '../src/domain/reviews.js';
import { clean } from '../src/domain/text.js';
import { accepts } from '../src/domain/verdict.js';
import { Bench } from './check-bench.js';
import { type Deps, opening } from './deps.js';
import { superseded } from './failures.js';
import { type Closing, type Craft, failedBy, type Go, performRun } from './perform-run.js';
import { Stop } from './progress.js';
import type { Turns } from './turns.js';

/**
 * The first review, by the machine: the checks of the repository run on the committed result, in
 * the sandbox, and what they come to is a verdict. Only what fails anew sends the work back.
 */
export function performChecks(
  deps: Deps,
  inTurn: Turns,
  run: RunRef,
  then: ReviewThen,
): Promise<RunEnd> {
  const craft: Craft = {
    failed: opening(then.failed),
    unprepared: opening(then.unprepared),
    async work(go, place, beating, progress) {
      const refused = refusedOf(go, place.base);
      if (refused !== null) return judged(go, refused, then);
      const bench = new Bench(deps, go, place, beating, progress);
      const onWait = () => bench.say('waits for other checks on this machine');
      const { signal } = beating;
      const { level, why, fix } = await deps.workspaces.sandbox();
      if (level === null) return failedBy('setup-failed', `no sandbox: ${why}; ${fix}`, craft);
      try {
        const came = await inTurn({ signal, onWait }, () => check(bench, go.brief));
        if ('unprepared' in came) return failedBy('setup-failed', came.unprepared, craft);
        return judged(go, came, then);
      } catch (error) {
        if (!(error instanceof Stop)) throw error;
        if (error.why === 'lost') throw superseded(run.id, go.attempt);
        return { state: 'REQUEUED' }; // paused: they begin anew when it goes on
      }
    },
  };
  return performRun(deps, run, craft);
}

/** What the bench is asked for. */
export type Asked = Pick<
  Bench,
  'commit' | 'base' | 'prepare' | 'isBaseReady' | 'runAll' | 'baseline' | 'runAgain'
>;

/** Runs them, and those once more that fail anew: what counts is the second time. */
export async function check(
  bench: Asked,
  brief: Pick<RunBrief, 'cycles'>,
): Promise<Checked | { unprepared: string }> {
  const setup = await bench.prepare();
  if (setup !== null) {
    // What breaks the setup is a new failure; where the base's fails too, it is not the work's.
    if (!(await bench.isBaseReady())) return { unprepared: setup.output };
    return checkedOf(bench, brief, [setup], null, new Map());
  }
  const first = await bench.runAll();
  const baseline = await bench.baseline(first.every(isGreen) ? 'if known' : 'needed');
  const news = first.filter((one) => isNews(one, baseline));
  const again = await bench.runAgain(news.map(({ command }) => command));
  return checkedOf(bench, brief, first, baseline, again);
}

function checkedOf(
  { commit, base }: Asked,
  brief: Pick<RunBrief, 'cycles'>,
  first: readonly CheckResult[],
  baseline: Baseline | null,
  again: ReadonlyMap<string, CheckResult>,
): Checked {
  const compared = first.map((one) => compareCheck(one, baseline, again.get(one.command) ?? null));
  return { commit, base, compared, findings: [], earlier: earlierOf(brief) };
}

/** Work of which something was left out is sent back for that: as it is, nobody meant it. */
function refusedOf({ brief }: Go, base: string): Checked | null {
  const { commit, findings } = brief.work ?? { commit: base, findings: [] };
  if (findings.length === 0) return null;
  return { commit, base, compared: [], findings, earlier: earlierOf(brief) };
}

/** What runs by checks have found before, and is not answered. */
function earlierOf({ cycles }: Pick<RunBrief, 'cycles'>) {
  const byChecks = new Set(
    cycles.flatMap(({ reviews }) => reviews.filter((one) => one.byChecks)).map((one) => one.number),
  );
  return openIssues(cycles).filter(({ id }) => byChecks.has(Number(/^R(\d+)\./.exec(id)?.[1])));
}

function judged({ brief }: Go, checked: Checked, then: ReviewThen): Closing {
  const { run, work, cycleBound } = brief;
  if (work === null) throw new Error(`run ${run.id} has nothing to check`);
  const verdict = judgeChecks(checked);
  const atCap = run.cycle >= cycleBound;
  const came = accepts(verdict.kind) ? 'accepted' : atCap ? 'atCap' : 'revision';
  return {
    state: 'SUCCEEDED',
    outcome: came,
    summary: verdict.summary,
    report: clean(checksReport(checked)),
    verdict,
    verdictKind: verdict.kind,
    reviewedRun: work.runId,
    reviewedCommit: checked.commit,
    course: opening(then[came]),
  };
}
