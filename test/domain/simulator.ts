import { decideAdmission } from '../../src/domain/admission.js';
import type { AgentType } from '../../src/domain/agent.js';
import type { Policy, PolicyValues } from '../../src/domain/policy.js';
import { type CycleRecord, openIssues, settleReviews } from '../../src/domain/reviews.js';
import { clampFollowUps } from '../../src/domain/spawn.js';
import {
  type BlockReason,
  isLegal,
  isTerminal,
  type Priority,
  type TaskStatus,
  type Verb,
} from '../../src/domain/task.js';
import {
  type EarlierIssue,
  spawns,
  type Verdict,
  type VerdictKind,
} from '../../src/domain/verdict.js';
import { readVerdict } from '../../src/schema/verdict.js';

/**
 * A small model of a task's loop in which the pure core decides and chance does the rest: agents
 * that fail and lie, people who press any button, policies that change under way. What a verdict
 * was meant to be is known here and not to the core, so the test can tell whether it was fooled.
 */
export interface World {
  readonly tasks: SimTask[];
  readonly caps: PolicyValues['spawn'];
  readonly maxCycles: number;
  readonly maxLandingCycles: number;
}

export interface SimTask {
  readonly root: number;
  readonly depth: number;
  readonly title: string;
  readonly agentType: AgentType;
  readonly priority: Priority;
  readonly reviewers: number;
  status: TaskStatus;
  blockedBy: BlockReason | null;
  admittedBy: 'policy' | 'person' | null;
  /** Whether a person has accepted in the reviewers' place. */
  acceptedByPerson: boolean;
  /** Cycles that the policy does not count: a person granted each. */
  granted: number;
  landingCycles: number;
  cycle: number;
  reviewNumber: number;
  readonly cycles: CycleRecord[];
  /** What the verdicts of the last reviewed cycle were meant to be. */
  meant: Meant[];
  /** Follow-ups filed by each review. */
  readonly filed: Map<number, number>;
  pending: { review: number; verdict: Verdict }[];
}

export type Meant = 'approving' | 'revision' | 'garbage';

export interface Recipe {
  readonly meant: Meant;
  readonly kind: VerdictKind;
  readonly spoil: (typeof SPOILS)[number];
  readonly garbage: unknown;
  readonly titles: readonly string[];
  readonly issues: number;
}

export interface Step {
  readonly pick: number;
  readonly luck: 'good' | 'bad';
  /** A person does this before the loop goes on; null: nobody does anything. */
  readonly verb: Verb | null;
  readonly policy: Policy<'auto-approve'>;
  readonly recipes: readonly Recipe[];
}

/** Each turns a verdict that would accept into one that must not. */
export const SPOILS = ['nonce', 'unknown-key', 'as-text', 'case', 'blocking', 'criterion'] as const;

const ACCEPTANCE = ['It works'];
const NONCE = 'the nonce';

/** One open task goes one step on, after whatever a person does to it. */
export function advance(world: World, step: Step): void {
  const task = world.tasks[step.pick % world.tasks.length];
  if (task === undefined) return;
  if (step.verb !== null) press(task, step.verb);
  switch (task.status) {
    case 'INBOX':
      admit(task, step.policy);
      return;
    case 'ASSIGNED':
      task.status = 'IN_PROGRESS';
      return;
    case 'IN_PROGRESS':
      if (step.luck === 'good') moveTo(task, 'REVIEW');
      else block(task, 'execution-failed');
      return;
    case 'REVIEW':
      review(world, task, step.recipes);
      return;
    case 'LANDING':
      land(world, task, step.luck);
      return;
    case 'BLOCKED':
    case 'DONE':
    case 'REJECTED':
    case 'CANCELLED':
      return;
    default:
      task.status satisfies never;
  }
}

/** A person presses a button: an illegal one does nothing. */
function press(task: SimTask, verb: Verb): void {
  if (!isLegal(verb, task.status, task.blockedBy)) return;
  if (verb === 'approve') {
    task.admittedBy = 'person';
    moveTo(task, 'ASSIGNED');
  } else if (verb === 'reject') moveTo(task, 'REJECTED');
  else if (verb === 'cancel') moveTo(task, 'CANCELLED');
  else if (verb === 'accept') {
    task.acceptedByPerson = true;
    moveTo(task, 'LANDING');
  } else if (verb === 'retry') {
    task.granted += 1;
    nextCycle(task);
  }
}

function admit(task: SimTask, policy: Policy<'auto-approve'>): void {
  const { priority, agentType } = task;
  const answer = decideAdmission({ priority, agentType, agentId: 'agent', policy });
  if (answer.kind !== 'admitted') return;
  task.admittedBy = 'policy';
  moveTo(task, 'ASSIGNED');
}

function review(world: World, task: SimTask, recipes: readonly Recipe[]): void {
  const earlier = openIssues(task.cycles);
  const expected = { nonce: NONCE, acceptance: ACCEPTANCE, earlier };
  const used = recipes.slice(0, task.reviewers);
  task.meant = used.map(({ meant }) => meant);
  const verdicts = used.map((recipe) => {
    const read = readVerdict(rawVerdict(recipe, earlier), expected);
    return read.ok ? read.verdict : null;
  });
  const reviews = verdicts.flatMap((verdict) => {
    task.reviewNumber += 1;
    return verdict === null ? [] : [{ number: task.reviewNumber, agent: 'reviewer', verdict }];
  });
  const execution = { number: task.cycle, agent: 'agent', report: 'done', superseded: false };
  task.cycles.push({ cycle: task.cycle, execution, reviews });
  task.acceptedByPerson = false;

  const asking = reviews
    .filter(({ verdict }) => spawns(verdict.kind))
    .map(({ number, verdict }) => ({ review: number, verdict }));
  const settled = settleReviews(verdicts);
  switch (settled.kind) {
    case 'accepted':
      task.pending = asking;
      moveTo(task, 'LANDING');
      return;
    case 'unreadable':
      block(task, 'review-failed');
      return;
    case 'revision':
      for (const each of asking) spawn(world, task, each);
      if (task.cycle >= allowedCycles(world, task)) block(task, 'revision-cap');
      else nextCycle(task);
      return;
    default:
      settled satisfies never;
  }
}

/** How many cycles policy and people have granted so far. */
export const allowedCycles = (world: World, task: SimTask): number =>
  world.maxCycles + task.granted + task.landingCycles;

function land(world: World, task: SimTask, luck: Step['luck']): void {
  if (luck === 'good') {
    for (const each of task.pending) spawn(world, task, each);
    moveTo(task, 'DONE');
  } else if (task.landingCycles >= world.maxLandingCycles) {
    block(task, 'landing-cap');
  } else {
    task.landingCycles += 1;
    nextCycle(task);
  }
}

function nextCycle(task: SimTask): void {
  task.cycle += 1;
  moveTo(task, 'IN_PROGRESS');
}

function spawn(world: World, task: SimTask, asked: { review: number; verdict: Verdict }): void {
  const tree = world.tasks.filter(({ root }) => root === task.root);
  const titles = tree.map(({ title }) => title);
  const facts = { depth: task.depth, treeSize: tree.length, titles };
  const { filed } = clampFollowUps(asked.verdict.followUps, world.caps, facts);
  task.filed.set(asked.review, filed.length);
  for (const { followUp } of filed) {
    world.tasks.push(newTask({ ...task, depth: task.depth + 1, title: followUp.title }));
  }
}

type Seed = Pick<SimTask, 'root' | 'depth' | 'title' | 'agentType' | 'priority' | 'reviewers'>;

/** A task as it is filed. */
export const newTask = (seed: Seed): SimTask => ({
  root: seed.root,
  depth: seed.depth,
  title: seed.title,
  agentType: seed.agentType,
  priority: seed.priority,
  reviewers: seed.reviewers,
  status: 'INBOX',
  blockedBy: null,
  admittedBy: null,
  acceptedByPerson: false,
  granted: 0,
  landingCycles: 0,
  cycle: 1,
  reviewNumber: 0,
  cycles: [],
  meant: [],
  filed: new Map(),
  pending: [],
});

function moveTo(task: SimTask, status: TaskStatus): void {
  task.status = status;
  task.blockedBy = null;
}

function block(task: SimTask, reason: BlockReason): void {
  task.status = 'BLOCKED';
  task.blockedBy = reason;
}

/** What a reviewer hands over: what it means, spoilt where the recipe says so. */
function rawVerdict(recipe: Recipe, earlier: readonly EarlierIssue[]): unknown {
  const accepting = recipe.meant !== 'revision';
  const spawning = recipe.kind.includes('SPAWN') && recipe.titles.length > 0;
  const good = {
    nonce: NONCE,
    verdict: accepting
      ? spawning
        ? 'SPAWN'
        : 'APPROVED'
      : spawning
        ? 'REVISION+SPAWN'
        : 'REVISION',
    summary: 'APPROVED, says this text',
    issues: Array.from({ length: accepting ? 0 : recipe.issues }, (_, index) => ({
      severity: 'blocking',
      text: `issue ${index}`,
    })),
    criteria: ACCEPTANCE.map((_, index) => ({
      criterion: `A${index + 1}`,
      result: accepting ? 'met' : 'not-met',
      evidence: 'seen',
    })),
    earlier: earlier.map(({ id }) => ({ issue: id, answer: 'fixed' })),
    spawn: spawning ? recipe.titles.map((title) => ({ title })) : [],
  };
  if (recipe.meant !== 'garbage') return good;
  const spoilt = {
    nonce: { ...good, nonce: 'another nonce' },
    'unknown-key': { ...good, approved: true },
    'as-text': JSON.stringify(good),
    case: { ...good, verdict: good.verdict.toLowerCase() },
    blocking: { ...good, issues: [{ severity: 'blocking', text: 'broken' }] },
    criterion: { ...good, criteria: [{ criterion: 'A1', result: 'not-verified', evidence: '?' }] },
  } satisfies Record<(typeof SPOILS)[number], unknown>;
  return recipe.garbage === undefined ? spoilt[recipe.spoil] : recipe.garbage;
}

/** Whether nothing can happen to it any more. */
export const ended = (task: SimTask): boolean => isTerminal(task.status);
