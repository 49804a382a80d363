import type { RunWait, TaskRow } from '../../drizzle/reads.js';
import type { AdmissionRule } from '../domain/admission.js';
import { taskLabel } from '../domain/ids.js';
import { type BlockReason, isTerminal, type WaitReason } from '../domain/task.js';
import { explainBlock, explainWait, type Wait } from '../domain/wait.js';

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
  /** An agent that reviews and cannot work now, when there is one. */
  readonly idleReviewer: string | null;
  /** To whom a blocked task may be given, by the option that names it. */
  readonly others?: { readonly executor: string | null; readonly reviewer: string | null };
}

/** Computed from its cause at this moment; null when the task goes on by itself. */
export function standstillOf(task: TaskRow, around: Around): Standstill | null {
  if (isTerminal(task.status)) return null;
  const label = taskLabel(task.number);
  if (task.blocked !== null) {
    const explained = explainBlock(task.blocked, task.blockedDetail, { label });
    const { sentence } = explained;
    const commands = explained.commands.map((command) => withAgent(command, around.others));
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
  return {
    kind: 'wait',
    reason,
    sentence,
    rule: shown.rule,
    value: shown.value,
    since,
    place,
    commands: command === null ? [] : [command],
  };
}

/** A command with somebody who could really have the task runs as it is pasted. */
const withAgent = (command: string, others: Around['others']): string =>
  command.replace(/--(executor|reviewer) AGENT$/, (whole, option: 'executor' | 'reviewer') => {
    const agent = others?.[option] ?? null;
    return agent === null ? whole : `--${option} ${agent}`;
  });

/** A task that was filed this moment is about to be taken. */
const STARTING_MS = 5_000;

function waitOf(task: TaskRow, { workerLives, idleReviewer }: Around): Wait | null {
  const since = task.statusSince;
  if (!task.started) {
    if (Date.now() - Date.parse(task.createdAt) < STARTING_MS) return null;
    return wait('no-worker', { since: task.createdAt, detail: 'filed, and not started yet' });
  }
  if (task.status === 'INBOX') return wait('approval', { since, detail: task.admission.reason });
  const [queued] = task.queued;
  if (queued !== undefined) return asWait(queued, idleReviewer);
  if (task.paused && task.active === 0) return wait('task-paused', { since });
  return workerLives === false ? wait('no-worker', { since }) : null;
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
function asWait(run: RunWait, idleReviewer: string | null): Wait {
  const { reason, since, place, detail, agent } = run;
  switch (reason) {
    case 'agent-disabled':
      return wait(reason, { since, value: agent, detail: `${agent}: ${detail}` });
    case 'no-backend':
      return wait(reason, { since, value: agent, detail: agent });
    case 'no-reviewer':
      return wait(reason, { since, value: idleReviewer });
    case 'squad-paused':
      return wait(reason, { since, detail: run.value === null ? null : `by ${run.value}` });
    default: {
      const value = run.value === null ? null : `${run.value}, version ${run.policyVersion}`;
      return { reason, rule: run.rule, value, since, place, detail };
    }
  }
}

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
