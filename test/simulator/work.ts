import { PRIORITIES, VERBS, type Verb } from '../../src/domain/task.js';
import { spawns } from '../../src/domain/verdict.js';
import type { Driver, Hand } from './driver.js';
import type { Life } from './life.js';
import { ended } from './runs.js';
import type { Request } from './tasks.js';
import { ACCEPTANCE, handedOver, NONCE } from './verdicts.js';
import { ROSTER, type Run, type Task } from './world.js';

export const pick = <T>(from: readonly T[], n: number): T | undefined => from[n % from.length];
const AGENTS = ROSTER.map(({ id }) => id);
export const pickAgent = (n: number): string => pick(AGENTS, n) ?? 'implementer';
export const openTasks = ({ record }: Driver): Task[] =>
  record.world.tasks.filter(({ status }) => !ended(status));

function thenOf(life: Life, run: Run): Hand['then'] {
  if (run.kind === 'EXECUTION') return life.at === 'executing' ? life.afterExecution() : null;
  return life.alone ? life.afterReview(life.cycle) : null;
}

/** A worker takes a run that its workflow is at; now and then one that somebody is at. */
export function start(driver: Driver, one: number): void {
  const { record } = driver;
  const runs = record.world.runs.filter((run) => {
    const { at, task } = driver.life(run.task);
    const due = run.kind === 'EXECUTION' ? 'executing' : 'reviewing';
    if (at !== due || ended(task.status)) return false;
    return run.state === 'ADMITTED' || (run.state === 'RUNNING' && one % 8 === 0);
  });
  const run = pick(runs, one);
  if (run === undefined) return;
  const started = driver.call('start_attempt', run.id);
  if (started.kind !== 'go') return;
  const then = thenOf(driver.life(run.task), run);
  const bound = driver.bound(run.task);
  driver.hands.push({ run: run.id, attempt: started.attempt, then, bound, closed: false });
}

/** A worker ends its attempt: in good time, as a zombie, or twice. */
export function close(driver: Driver, one: number, two: number, three: number): void {
  const { record } = driver;
  const fresh = driver.hands.filter(({ closed }) => !closed);
  const hand = pick(one % 6 === 0 || fresh.length === 0 ? driver.hands : fresh, two);
  if (hand === undefined) return;
  const run = record.run(hand.run);
  hand.closed = true;
  const given = { run: run.id, attempt: hand.attempt, workTokens: three % 30 };
  const then = hand.then;
  const agentFault = { cause: 'agent-error', fault: 'agent' };
  const how = one % 24;
  if (how === 0) driver.call('close_run', { ...given, state: 'REQUEUED', delaySeconds: 1e6 });
  else if (how === 1) driver.call('close_run', { ...given, state: 'REQUEUED' });
  else if (how === 2) {
    const hold = three % 2 ? 'question' : 'budget-spent';
    driver.call('close_run', { ...given, state: 'REQUEUED', hold, question: '?' });
  } else if (how === 3) {
    const failed = { state: 'FAILED', outcome: 'failed', course: then?.failed ?? null } as const;
    driver.call('close_run', { ...given, ...failed, ...agentFault });
  } else if (how === 4) {
    const failed = {
      state: 'FAILED',
      outcome: 'failed',
      course: then?.unprepared ?? null,
    } as const;
    driver.call('close_run', { ...given, ...failed, cause: 'setup-failed', fault: 'system' });
  } else if (run.kind === 'EXECUTION') {
    const course = then && 'succeeded' in then ? then.succeeded : null;
    const done = { state: 'SUCCEEDED', outcome: 'succeeded', commit: `c${run.number}` } as const;
    driver.call('close_run', { ...given, ...done, course });
  } else judge(driver, hand, run, two, three);
}

/** A reviewer hands something over; the core says what it is. */
function judge(driver: Driver, hand: Hand, run: Run, two: number, three: number): void {
  const { core, record } = driver;
  const work = record.lastExecution(run.task);
  const earlier = core.openIssues(cyclesOf(driver, run.task, work?.number ?? 0));
  const { meant, raw } = handedOver(two, three, earlier);
  const read = core.readVerdict(raw, { nonce: NONCE, acceptance: ACCEPTANCE, earlier });
  const then = hand.then && 'accepted' in hand.then ? hand.then : null;
  const given = { run: run.id, attempt: hand.attempt, workTokens: three % 30 };
  const isLive = record.isLive(run, hand.attempt);
  if (isLive) driver.meant.set(run.id, meant);
  if (!read.ok) {
    const failed = { state: 'FAILED', outcome: 'failed', course: then?.failed ?? null } as const;
    const cause = { cause: 'unreadable-verdict', fault: 'agent' };
    driver.call('close_run', { ...given, ...failed, ...cause });
    return;
  }
  const { verdict } = read;
  const atCap = run.cycle >= hand.bound;
  const came = core.accepts(verdict.kind) ? 'accepted' : atCap ? 'atCap' : 'revision';
  driver.call('close_run', {
    ...given,
    state: 'SUCCEEDED',
    outcome: then === null ? 'reviewed' : came,
    verdict,
    verdictKind: verdict.kind,
    ...(work === undefined ? {} : { reviewedRun: work.id, reviewedCommit: work.commit ?? '' }),
    course: then === null ? null : then[came],
  });
}

function cyclesOf({ record }: Driver, task: string, before: number) {
  const runs = record.runsOf(task);
  return runs
    .filter((run) => run.kind === 'EXECUTION' && run.state === 'SUCCEEDED' && run.number < before)
    .map(({ id, cycle, number, agent, superseded }) => ({
      cycle,
      execution: { number, agent: agent ?? '', report: '', superseded },
      reviews: runs.flatMap(({ reviewed, number, agent, verdict }) =>
        reviewed === id && verdict ? [{ number, agent: agent ?? '', verdict }] : [],
      ),
    }));
}

export function land(driver: Driver, one: number, two: number): void {
  const { record } = driver;
  const task = pick(
    openTasks(driver).filter(({ id }) => driver.life(id).due),
    one,
  );
  const due = task && driver.life(task.id).due;
  if (!due) return;
  const work = record.lastExecution(task.id);
  const bound = record.figure('landing', 'maxLandingCycles') + task.grantedLandings;
  const conflict = task.landingCycles >= bound ? 'atCap' : 'conflict';
  const came = (['landed', 'landed', conflict, 'refused'] as const)[two % 4] ?? 'landed';
  const withheld = !record.mayLandIn(task);
  const outcome = withheld ? 'landed' : came;
  driver.call('close_landing', {
    task: task.id,
    number: due.number,
    outcome,
    landedFrom: work?.commit ?? '',
    ...(outcome === 'landed' && !withheld ? { landedCommit: 'landed' } : {}),
    course: due.after[outcome],
  });
}

/** Files what a verdict asked for, under the caps of now. */
export function followUps(driver: Driver, one: number): void {
  const { core, record } = driver;
  const asking = record.world.runs.filter(({ task, verdict, state }) => {
    if (!verdict || state !== 'SUCCEEDED' || !spawns(verdict.kind)) return false;
    return verdict.kind === 'REVISION+SPAWN' || record.task(task).status === 'DONE';
  });
  const undone = asking.filter(({ id }) => !record.isFiled(id));
  const run = pick(one % 5 === 0 || undone.length === 0 ? asking : undone, one);
  if (!run?.verdict) return;
  const { depth, cycles, titles, caps } = record.read_followups(run.task);
  const tree = { depth, treeSize: titles.length, titles };
  const replaced = run.verdict.kind === 'SPAWN' && run.cycle < cycles;
  const { filed } = core.clampFollowUps(replaced ? [] : run.verdict.followUps, caps, tree);
  const { assignee } = record.task(run.task);
  const tasks = filed.map(({ index, followUp: { title } }) => {
    const id = driver.newId();
    const request: Request = {
      ...{ title, description: '', acceptance: ACCEPTANCE, priority: 'NORMAL', assignee },
      ...{ reviewers: [], repository: null, owner: `agent:${run.agent}`, source: null, key: null },
    };
    return { id, workflowId: `task/${id}`, request, originIndex: index };
  });
  const treeSize = one % 11 === 0 ? titles.length - 1 : titles.length;
  const answer = driver.call('file_followups', { run: run.id, treeSize, tasks });
  for (const id of answer.start ?? []) if (!driver.lives.has(id)) driver.begins(id);
}

/** A person, or who calls himself one, says something to a task; mostly where it is due. */
export function decide(
  driver: Driver,
  verbs: readonly Verb[],
  one: number,
  two: number,
  three: number,
): void {
  const { core, record } = driver;
  const waiting = openTasks(driver).filter(
    ({ status }) => verbs === VERBS || status === 'BLOCKED' || status === 'INBOX',
  );
  // Now and then to one that has just ended, before its workflow has closed.
  const task = pick(one % 9 === 0 ? record.world.tasks : waiting, two + three);
  if (!task?.registered || driver.life(task.id).at === 'unregistered') return;
  const verb: Verb = pick(verbs, two) ?? 'guide';
  if ((verb === 'pause' || verb === 'cancel') && one % 3 > 0) return;
  const executor = verb === 'reassign' && three % 3 > 0 ? pickAgent(three) : undefined;
  const named = ['reviewer', 'tester'].slice(three % 2, 1 + (three % 3));
  const reviewers = verb === 'reassign' && three % 3 !== 1 ? named : undefined;
  if (verb === 'reassign' && !executor && !reviewers) return;
  const by = three % 13 === 0 ? 'agent:lead' : 'person:ann';
  let refused: string | null = by.startsWith('person:') ? null : 'NotPermitted';
  if (verb === 'reassign') {
    const asked = { assignee: executor ?? task.assignee, repository: null };
    const roster = record.world.agents;
    try {
      core.checkRequest({ ...asked, reviewers: reviewers ?? task.reviewers }, roster, []);
    } catch {
      refused ??= 'InvalidMessage';
    }
  }
  const answer = driver.call('apply_verb', {
    ...{ task: task.id, verb, by, refused, freshId: driver.newId() },
    messageId: one % 7 === 0 ? `said ${two % 5}` : driver.newId(),
    legalIn: refused === null ? core.legalIn(verb) : [],
    text: 'So.',
    priority: pick(PRIORITIES, three) ?? 'NORMAL',
    ...(executor === undefined ? {} : { executor }),
    ...(reviewers === undefined ? {} : { reviewers }),
  });
  if (answer.error !== null) return;
  if (verb === 'cancel') driver.life(task.id).cancelled = true;
  if (answer.status !== 'INBOX') return;
  driver.call('decide_again', task.id, driver.admission(task.assignee, task.priority));
}
