import { uuidv7 } from 'uuidv7';
import { applyVerb, cycleVerdicts, endTask, openRuns, settleCycle } from '../drizzle/steps.js';
import type { Steps, VerbAnswer, VerbMessage } from '../src/contract.js';
import { settleReviews } from '../src/domain/reviews.js';
import { isTerminal, legalVerbs, VERB_LEGAL_IN } from '../src/domain/task.js';
import { accepts } from '../src/domain/verdict.js';
import { reconsider, registerTask } from './begin-task.js';
import { type Deps, opening, withIds } from './deps.js';
import { fileFollowUpsOf } from './follow-ups.js';
import { wake } from './wake.js';

/** The small steps: one or two statements each, idempotent by (task, step). */
export const createSteps = (deps: Deps): Steps => ({
  beginTask: (input, execution) => registerTask(deps, input, execution),

  decideAgain: (taskId) => reconsider(deps, taskId),

  async openRuns(taskId, runs) {
    const answer = await openRuns(deps.database, taskId, withIds(runs));
    await wake(answer.wake);
    return answer.standing;
  },

  async settleReviews(taskId, cycle, step, then) {
    const reviews = await cycleVerdicts(deps.database, taskId, cycle);
    const settled = settleReviews(reviews.map(({ verdict }) => verdict));
    const outcome = {
      accepted: 'accepted',
      revision: cycle >= (reviews[0]?.bound ?? 0) ? 'atCap' : 'revision',
      unreadable: 'failed',
    } as const;
    const came = outcome[settled.kind];
    const detail = reviews
      .flatMap(({ verdict }) => (verdict && !accepts(verdict.kind) ? [verdict.summary] : []))
      .join('; ');
    const answer = await settleCycle(deps.database, taskId, step, opening(then[came]), detail);
    await wake(answer.wake);
    await fileFollowUpsOf(deps, taskId, 'REVISION+SPAWN');
    return { outcome: came, standing: answer.standing };
  },

  async applyVerb(taskId, message) {
    const refusal = notPermitted(message);
    const legalIn = refusal === null ? VERB_LEGAL_IN[message.verb] : [];
    const given = { ...message, task: taskId, legalIn, freshId: uuidv7() };
    const { answer, wake: promoted } = await applyVerb(deps.database, given);
    await wake(promoted);
    if (answer.error === null) return { ...answer, message: done(message) };
    if (refusal !== null) return { ...answer, error: 'NotPermitted', message: refusal };
    return { ...answer, message: whyNot(message, answer) };
  },

  async endTask(taskId, end) {
    const answer = await endTask(deps.database, { task: taskId, ...end });
    await wake(answer.wake);
    return answer.status;
  },
});

/** Agents never hold a right over a task's course; free text of theirs decides nothing. */
function notPermitted({ verb, by }: VerbMessage): string | null {
  if (/^person:\S/.test(by)) return null;
  return `${by} may not ${verb} a task: only a person may`;
}

const done = ({ verb, by }: VerbMessage) => `${verb}: done, by ${by}`;

function whyNot(message: VerbMessage, answer: Omit<VerbAnswer, 'message'>): string {
  const { status, blocked, admission } = answer;
  if (answer.error === 'AlreadyDecided' && admission.kind !== 'waits') {
    return `already ${admission.kind} by ${admission.by}; the first decision stands`;
  }
  const where = blocked === null ? status : `${status} (${blocked})`;
  if (isTerminal(status)) return `${message.verb} is not possible: the task is ${where}`;
  const legal = legalVerbs(status, blocked).filter((verb) => verb !== message.verb);
  return `${message.verb} is not possible while the task is ${where}; possible now: ${legal.join(', ')}`;
}
