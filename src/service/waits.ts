import type { AgentRow } from '../../drizzle/read-house.js';
import type { RunWait, TaskRow } from '../../drizzle/reads.js';
import type { AdmissionRule } from '../domain/admission.js';
import { taskLabel } from '../domain/ids.js';
import { type BlockReason, isTerminal, type WaitReason } from '../domain/task.js';
import { firstLine } from '../domain/text.js';
import { explainBlock, explainWait, verbCommand, type Wait } from '../domain/wait.js';

/** Why a task does not go on right now, with the commands that move it on. */
export interface Standstill {
  readonly kind: 'wait' | 'block';
  readonly reason: WaitReason | BlockReason;
  readonly sentence: string;
  readonly rule: string | null;
  readonly value: string | null;
  readonly since: string | null;
  readonly place: { readonly position: number; readonly of: number } | null;
  readonly commands: readonly string[];
}

/** What is known of the outside when a task is explained. */
interface Around {
  /** Null: not asked. */
  readonly workerLives: boolean | null;
  readonly agents: readonly AgentRow[];
}

type Asked = Pick<TaskRow, 'assignee' | 'reviewers'>;

/** Computed from its cause at this moment; null when the task goes on by itself. */
export function standstillOf(task: TaskRow, around: Around): Standstill | null {
  if (isTerminal(task.status)) return null;
  const label = taskLabel(task.number);
  if (task.blocked !== null) {
    const explained = explainBlock(task.blocked, task.blockedDetail, { label });
    const { sentence } = explained;
    const others = othersThan(task, around.agents);
    const commands = explained.commands.map((command) => withAgent(command, others));
    const { statusSince: since, blocked: reason } = task;
    return {
      kind: 'block',
      reason,
      sentence,
      rule: null,
      value: null,
      since,
      place: null,
      commands,
    };
  }
  const wait = waitOf(task, around);
  if (wait === null) return null;
  const { sentence, command } = explainWait(wait, { label });
  const { reason, since, place } = wait;
  const shown = reason === 'approval' ? approvalRule(task) : wait;
  const more = alsoNeeded(task, reason, around.agents);
  return {
    kind: 'wait',
    reason,
    sentence: reason === 'approval' && task.paused ? `${sentence}; it is paused, too` : sentence,
    rule: shown.rule,
    value: shown.value,
    since,
    place,
    commands: [...(command === null ? [] : [command]), ...more],
  };
}

/** What it takes besides, or instead. */
function alsoNeeded(task: TaskRow, reason: WaitReason, agents: readonly AgentRow[]): string[] {
  const label = taskLabel(task.number);
  if (reason === 'approval' && task.paused) return [verbCommand('resume', label)];
  return reason === 'no-reviewer' ? reviewElsewhere(task, agents) : [];
}

/** Another reviewer, where only those who were named may. */
export function reviewElsewhere(
  task: Asked & Pick<TaskRow, 'number'>,
  agents: readonly AgentRow[],
): string[] {
  const { reviewer } = othersThan(task, agents);
  if (task.reviewers.length === 0 || reviewer === null) return [];
  return [`mission task reassign ${taskLabel(task.number)} --reviewer ${reviewer}`];
}

/** Who could have it instead; no LEAD is proposed, since it needs an approval of its own. */
function othersThan({ assignee, reviewers }: Asked, agents: readonly AgentRow[]) {
  const able = agents.filter(({ id, canWork, type }) => {
    return canWork && type !== 'LEAD' && id !== assignee && !reviewers.includes(id);
  });
  return {
    executor: able.find(({ reviews }) => !reviews)?.id ?? null,
    reviewer: able.find(({ reviews }) => reviews)?.id ?? null,
  };
}

/** Who would review it, were it enabled: of those who were named, where some were. */
export const idleReviewer = (
  { assignee, reviewers }: Asked,
  agents: readonly AgentRow[],
): string | null =>
  agents.find((agent) => {
    const isAsked = reviewers.length === 0 || reviewers.includes(agent.id);
    return agent.reviews && isAsked && agent.id !== assignee && wouldWork(agent, agents);
  })?.id ?? null;

/** Whether it is off, and enabling it is all that it takes: who has no backend stays idle. */
export function wouldWork(agent: AgentRow, all: readonly AgentRow[]): boolean {
  const { backend, connectedAt, enabled, pausedReason } = agent;
  const rehearses = all.every((each) => each.connectedAt === null);
  const isBacked = backend === 'scripted' ? rehearses : connectedAt !== null;
  return isBacked && !(enabled && pausedReason === null);
}

/** A command with somebody who could really have the task runs as it is pasted. */
const withAgent = (command: string, others: ReturnType<typeof othersThan>): string =>
  command.replace(/--(executor|reviewer) AGENT$/, (whole, option: 'executor' | 'reviewer') => {
    const agent = others[option];
    return agent === null ? whole : `--${option} ${agent}`;
  });

/** A task that was filed this moment is about to be taken. */
const STARTING_MS = 5_000;

function waitOf(task: TaskRow, { workerLives, agents }: Around): Wait | null {
  const since = task.statusSince;
  if (!task.started) {
    if (Date.now() - Date.parse(task.createdAt) < STARTING_MS) return null;
    return wait('no-worker', { since: task.createdAt, detail: 'filed, and not started yet' });
  }
  if (task.status === 'INBOX') return wait('approval', { since, detail: task.admission.reason });
  const [queued] = task.queued;
  if (queued !== undefined) return asWait(queued, task, agents);
  if (task.paused && task.active === 0) return wait('task-paused', { since });
  if (workerLives === false) return wait('no-worker', { since });
  if (task.status === 'LANDING' && task.pullRequest !== null) {
    const { url, detail, trouble } = task.pullRequest;
    const says = trouble?.says ?? detail;
    const said = url === null ? says : `${url}${says === null ? '' : ` (${says})`}`;
    return wait('pull-request', { since, detail: said });
  }
  const { landingsAhead: ahead, granted } = task;
  if (ahead > 0) {
    return wait('landing-queue', { since, place: { position: ahead + 1, of: ahead + 1 } });
  }
  return granted === null ? null : wait('worker-slot', { since: granted });
}

const wait = (reason: WaitReason, known: Partial<Wait>): Wait => ({
  reason,
  rule: null,
  value: null,
  since: null,
  place: null,
  detail: null,
  ...known,
});

/** As people read it: a rule with its value and version, or the agent that it is about. */
export function asWait(run: RunWait, task: Asked, agents: readonly AgentRow[]): Wait {
  const { reason, since, place, detail, agent, enough } = run;
  switch (reason) {
    case 'agent-disabled': {
      const how = run.value === 'disabled' ? 'disabled' : `paused: ${detail}`;
      return wait(reason, { since, value: agent, detail: `${agent} is ${how}` });
    }
    case 'no-backend':
      return wait(reason, { since, value: agent, detail: detail ?? agent });
    case 'credential-paused':
      return wait(reason, { since, value: agent, detail });
    case 'no-reviewer':
      return wait(reason, {
        since,
        value: idleReviewer(task, agents),
        detail: task.reviewers.length === 0 ? null : `${task.reviewers.join(', ')} was named`,
      });
    case 'squad-paused':
      return wait(reason, { since, detail: byWhom(run.value, detail) });
    default: {
      const value = run.value === null ? null : `${run.value}, version ${run.policyVersion}`;
      return { reason, rule: run.rule, value, since, place, detail, enough };
    }
  }
}

/** As in `by person:ann: lunch`. */
export const byWhom = (who: string | null, why: string | null): string | null =>
  who === null ? null : `by ${who}${why === null ? '' : `: ${firstLine(why, 200)}`}`;

const ADMISSION_RULES = {
  lead: 'LEAD',
  'policy-disabled': 'auto-approve',
  priority: 'auto-approve.maxPriority',
  'agent-type': 'auto-approve.allowedAgentTypes',
} as const satisfies Record<AdmissionRule, string>;

/** The sentence of an approval has its reason in it; the rule is for those who sort by it. */
const approvalRule = ({ admissionRule, admission }: TaskRow) => ({
  rule: admissionRule === null ? null : ADMISSION_RULES[admissionRule],
  value: admission.reason,
});
