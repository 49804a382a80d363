import { accepts } from '../../src/domain/verdict.js';
import type { Call, Driver } from './driver.js';
import { isOpen } from './line.js';
import type { Before, Say } from './watch.js';
import type { Run } from './world.js';

/** Runs and cycles: what is said of them holds after every statement. */
export function watchWork(driver: Driver, before: Before, call: Call, say: Say): void {
  const { record } = driver;
  const changed = record.world.runs.filter(
    (run) => before.runs.get(run.id)?.state !== run.state || isOpen(run),
  );
  for (const run of changed) {
    const was = before.runs.get(run.id);
    if (was && (was.place !== run.place || was.number !== run.number)) {
      say(3, 'a run that was queued again has taken another number or place');
    }
    if (was === undefined) isNext(driver, run, say);
    if (run.state === 'SUCCEEDED' && was?.state !== 'SUCCEEDED') hasEnded(driver, run, say);
    if (was && !['QUEUED', 'ADMITTED', 'RUNNING'].includes(was.state) && was.state !== run.state) {
      say(7, `a run that was ${was.state} is ${run.state}`);
    }
  }
  for (const { id, status } of record.world.tasks) {
    const was = before.status.get(id);
    if (was === status || (was !== 'REVIEW' && was !== 'LANDING')) continue;
    if (status === 'LANDING' || status === 'DONE') mustBeAccepted(driver, id, say);
  }
  if (call.name === 'close_run') countsOnce(driver, before, call, say);
}

/** 3: `(E R+)* E?`, and another cycle only where somebody asked for it. */
function isNext({ record, meant }: Driver, run: Run, say: Say): void {
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
    withinBound({ record }, run, say);
  } else if (last.state === 'SUCCEEDED' && !last.superseded) {
    say(3, 'executed again in a cycle whose work stands');
  }
}

/** 2: revisions beyond the highest bound that was ever in force were granted by a person. */
function withinBound({ record }: Pick<Driver, 'record'>, run: Run, say: Say): void {
  const { grantedCycles, landingCycles } = record.task(run.task);
  const bounds = record.world.policies.filter(({ name }) => name === 'review');
  const most = Math.max(...bounds.map(({ value }) => Number(value.maxCycles)));
  if (run.cycle > most + grantedCycles + landingCycles) say(2, 'more cycles than were granted');
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

/** 11: tokens are counted once, and only those of the attempt that is live. */
function countsOnce({ record }: Driver, before: Before, { given }: Call, say: Say): void {
  const { run: id } = given[0] as { run: string };
  const was = before.runs.get(id);
  const run = record.run(id);
  if (was && was.state !== 'RUNNING' && (run.tokens !== was.tokens || run.state !== was.state)) {
    const isPromoted = was.state === 'QUEUED' && run.state === 'ADMITTED';
    if (!isPromoted) say(7, 'a close of what was not running has changed it');
  }
}
