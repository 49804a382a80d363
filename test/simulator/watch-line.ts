import type { Before, Say } from './breach.js';
import type { Driver } from './driver.js';
import { byLine } from './line.js';
import type { Call } from './statements.js';
import type { Agent, Run, World } from './world.js';

/** The statements at whose end the line has been served. */
const PROMOTING = [
  ...['promote', 'open_runs', 'close_run', 'settle_cycle', 'end_task', 'apply_verb'],
  ...['set_policy', 'set_agent', 'set_squad_paused'],
];

const holds = ({ state }: Run): boolean => state === 'ADMITTED' || state === 'RUNNING';

/** The line by its own arithmetic: who was promoted fits, who fits was promoted. */
export function watchLine(driver: Driver, before: Before, { name, reply }: Call, say: Say): void {
  const { world } = driver.record;
  const promoted = world.runs.filter((run) => {
    const was = before.runs.get(run.id)?.state ?? 'QUEUED';
    return was === 'QUEUED' && run.state === 'ADMITTED';
  });
  for (const run of promoted) checkPromoted(driver, before, run, say);
  if (promoted.length > 0 && reservedAndSpent(world) > limit(world, 'maxDailyTokens')) {
    say(10, 'more tokens are reserved than the day has');
  }
  const due = world.runs.filter((run) => run.state === 'QUEUED' && mayGo(driver, run));
  const [first] = due.toSorted(byLine);
  if (first === undefined) return;
  if (promoted.some((run) => byLine(first, run) < 0)) say(10, 'overtaken by a smaller one');
  const fits = reservedAndSpent(world) + first.estimate <= limit(world, 'maxDailyTokens');
  const failed = (reply as { kind?: string; stale?: true } | null)?.kind === 'changed';
  const stale = (reply as { stale?: true } | null)?.stale === true;
  const told = name === 'apply_verb' && !('wake' in (reply as object));
  if (PROMOTING.includes(name) && fits && !failed && !stale && !told && !repeated(name, reply)) {
    say(14, 'a run waits for nothing');
  }
}

/** A message told before, and an end that stands, are answered without serving the line. */
const repeated = (name: string, reply: unknown): boolean =>
  (name === 'apply_verb' || name === 'end_task') &&
  (reply as { wake: readonly string[] }).wake.length === 0;

function checkPromoted(driver: Driver, before: Before, run: Run, say: Say): void {
  const { world } = driver.record;
  const agent = world.agents.find(({ id }) => id === run.agent);
  const task = world.tasks.find(({ id }) => id === run.task);
  if (agent === undefined || task === undefined) {
    say(10, 'promoted without an agent');
    return;
  }
  if (slots(world, agent) > limit(world, 'maxConcurrentPerAgent')) say(10, 'too many slots');
  const wasCharged = before.runs.get(run.id)?.charged ?? false;
  if (!wasCharged && charged(world, agent) > limit(world, dailyOf(agent))) {
    say(10, 'charged too often on this day');
  }
  if (!agent.enabled || agent.paused) say(10, 'promoted for an agent that is disabled');
  if (world.squadPaused || task.paused) say(10, 'promoted while paused');
  if (run.hold !== null) say(10, 'promoted while it is held');
  if (run.kind === 'EXECUTION') {
    const questions = [`admission:${agent.id}`, `admission:${agent.id} as LEAD`];
    const approved = world.decisions.filter(
      ({ task: of, question, decision }) =>
        of === task.id && questions.includes(question) && decision === 'admitted',
    );
    if (approved.length === 0) say(5, 'executed without an admission of its agent');
    if (agent.type === 'LEAD' && !approved.some(({ by }) => by.startsWith('person:'))) {
      say(5, 'a LEAD executes what no person approved');
    }
    return;
  }
  const work = driver.record
    .runsOf(task.id)
    .findLast(
      ({ kind, state, superseded }) => kind === 'EXECUTION' && state === 'SUCCEEDED' && !superseded,
    );
  if (work?.agent === agent.id) say(4, 'whoever executed it is to review it');
}

/** Asked of the doors one by one, and not of the model. */
function mayGo(driver: Driver, run: Run): boolean {
  const { world } = driver.record;
  const agent = world.agents.find(({ id }) => id === run.agent);
  if (agent === undefined || driver.record.gate(run) !== null) return false;
  if (slots(world, agent) >= limit(world, 'maxConcurrentPerAgent')) return false;
  return run.charged || charged(world, agent) < limit(world, dailyOf(agent));
}

const dailyOf = ({ reviews }: Agent) => (reviews ? 'maxDailyPerReviewer' : 'maxDailyPerAgent');
const slots = ({ runs }: World, { id }: Agent) =>
  runs.filter((run) => run.agent === id && holds(run)).length;
const charged = ({ runs, today }: World, { id }: Agent) =>
  runs.filter((run) => run.agent === id && run.charged && run.day === today).length;

function limit({ policies }: World, figure: string): number {
  const limits = policies.findLast(({ name }) => name === 'execution-limits');
  return limits?.enabled ? Number(limits.value[figure]) : 0;
}

/** What today has cost, and what the open runs of whatever day may still spend. */
function reservedAndSpent({ runs, today }: World): number {
  const spent = runs.filter(({ day }) => day === today).reduce((sum, run) => sum + run.tokens, 0);
  const open = runs.filter(holds);
  return spent + open.reduce((sum, run) => sum + Math.max(run.estimate - run.tokens, 0), 0);
}
