import { accepts } from '../../src/domain/verdict.js';
import type { Before, Say } from './breach.js';
import type { Driver } from './driver.js';
import { isOpen } from './line.js';
import type { Call } from './statements.js';
import type { Run } from './world.js';

/** Runs and cycles: what is said of them holds after every statement. */
export function watchWork(driver: Driver, before: Before, call: Call, say: Say): void {
  const { record } = driver;
  if (call.name === 'start_attempt' || call.name === 'settle_cycle') {
    noteBounds(driver, before, call);
  }
  const changed = record.world.runs.filter(
    (run) => before.runs.get(run.id)?.state !== run.state || isOpen(run),
  );
  for (const run of changed) {
    const was = before.runs.get(run.id);
    if (was && (was.place !== run.place || was.number !== run.number)) {
      say(3, 'a run that was queued again has taken another number or place');
    }
    if (was === undefined) isNext(driver, before, run, say);
    if (run.state === 'SUCCEEDED' && was?.state !== 'SUCCEEDED') hasEnded(driver, run, say);
    if (was && !['QUEUED', 'ADMITTED', 'RUNNING'].includes(was.state) && was.state !== run.state) {
      say(7, `a run that was ${was.state} is ${run.state}`);
    }
  }
  for (const { id, status } of record.world.tasks) {
    const was = before.status.get(id);
    if (was === status) continue;
    if (status === 'LANDING' || status === 'DONE') mustBeAccepted(driver, id, say);
  }
  if (call.name === 'close_run') countsOnce(driver, before, call, say);
}

/** 3: `(E R+)* E?`, and another cycle only where somebody asked for it. */
function isNext({ record, meant }: Driver, before: Before, run: Run, say: Say): void {
  const runs = record.runsOf(run.task);
  const same = runs.filter(({ kind }) => kind === run.kind);
  if (same.some(({ number }, index) => number !== index + 1)) say(3, 'numbers have a gap');
  const executions = runs.filter(({ kind }) => kind === 'EXECUTION');
  if (run.kind === 'REVIEW') {
    const work = executions.findLast(
      ({ state, superseded }) => state === 'SUCCEEDED' && !superseded,
    );
    if (!run.byPerson && work?.cycle !== run.cycle) say(3, 'a review of a cycle without work');
    if (executions.some(isOpen)) say(9, 'a review beside an open execution');
    return;
  }
  const last = executions.at(-2);
  if (last === undefined) return;
  const rejected = runs.some(
    ({ id, cycle, verdict }) =>
      cycle === last.cycle && verdict && !accepts(verdict.kind) && meant.get(id) === 'revision',
  );
  const sentBack = record.world.landings.filter(
    ({ task, outcome }) => task === run.task && (outcome === 'conflict' || outcome === 'atCap'),
  );
  if (run.cycle !== last.cycle) {
    if (run.cycle !== last.cycle + 1) say(3, `cycle ${run.cycle} after ${last.cycle}`);
    if (!rejected && sentBack.length === 0) say(2, 'a new cycle for which nobody asked');
    if (sentBack.length === 0) withinBound(runs, before, last.cycle, say);
  } else if (last.state === 'SUCCEEDED' && !last.superseded) {
    say(3, 'executed again in a cycle whose work stands');
  }
}

/** 2: what is sent back beyond the bound was granted by a person. */
function withinBound(runs: readonly Run[], before: Before, cycle: number, say: Say): void {
  const sent = runs.filter((run) => run.cycle === cycle && run.outcome === 'revision');
  if (sent.length > 0 && sent.every(({ id }) => cycle >= (before.bounds.get(id) ?? 0))) {
    say(2, 'more cycles than policy and people have granted');
  }
}

/** The bound that a review is told when it begins, and what several are settled by. */
function noteBounds({ record }: Driver, { bounds }: Before, { name, given }: Call): void {
  const [first] = given;
  const { task, specs } = (first ?? {}) as { task?: string; specs?: { number: number }[] };
  const runs = record.world.runs.filter(({ id, kind, number, ...run }) =>
    name === 'start_attempt'
      ? id === first
      : kind === 'REVIEW' && run.task === task && specs?.some((spec) => spec.number === number),
  );
  const policy = record.world.policies.findLast((each) => each.name === 'review');
  const most = policy?.enabled ? Number(policy.value.maxCycles) : 0;
  for (const run of runs) {
    const { grantedCycles, landingCycles } = record.task(run.task);
    const now = most + grantedCycles + landingCycles;
    bounds.set(run.id, Math.max(bounds.get(run.id) ?? 0, now));
  }
}

function hasEnded({ record, meant }: Driver, run: Run, say: Say): void {
  if (run.kind === 'EXECUTION' || run.byPerson) return;
  const work = run.reviewed === null ? undefined : record.run(run.reviewed);
  if (meant.get(run.id) === 'garbage') say(2, 'what is no verdict was taken for one');
  if (run.verdict && accepts(run.verdict.kind) && meant.get(run.id) !== 'approving') {
    say(2, 'what was not meant to approve did');
  }
  if (work?.agent === run.agent) say(4, 'whoever executed it has reviewed it');
  if (work?.superseded) say(1, 'superseded work was reviewed');
  if (work && run.startedAt < work.endedAt) say(9, 'reviewed before it was done');
}

/** 2: what leaves a review for its landing cites a verdict, or a person. */
function mustBeAccepted({ record, meant }: Driver, task: string, say: Say): void {
  const work = record
    .runsOf(task)
    .findLast(
      ({ kind, state, superseded }) => kind === 'EXECUTION' && state === 'SUCCEEDED' && !superseded,
    );
  const cited = record
    .runsOf(task)
    .some(
      ({ id, reviewed, verdict, byPerson }) =>
        reviewed === work?.id &&
        verdict !== null &&
        accepts(verdict.kind) &&
        (byPerson || meant.get(id) === 'approving'),
    );
  if (!cited) say(2, 'went on to its landing without a verdict on its work');
}

/** 11: only the attempt that is live closes its run and counts its tokens, once. */
function countsOnce({ record }: Driver, before: Before, { given }: Call, say: Say): void {
  const { run: id, attempt } = given[0] as { run: string; attempt: number };
  const was = before.runs.get(id);
  const run = record.run(id);
  if (was === undefined || (run.tokens === was.tokens && run.state === was.state)) return;
  const isPromoted = was.state === 'QUEUED' && run.state === 'ADMITTED';
  if (was.state !== 'RUNNING' && !isPromoted) say(7, 'what was not running was closed');
  if (was.state === 'RUNNING' && run.attempt !== attempt) say(11, 'the write of a zombie counts');
}
