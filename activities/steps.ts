import { endTask, openRuns, type ReviewOfRound, roundOf, settleCycle } from '../drizzle/steps.js';
import { ROUND_ENDS, type RoundEnd, type Steps } from '../src/contract.js';
import { asPrincipal } from '../src/domain/principal.js';
import { settleReviews } from '../src/domain/reviews.js';
import { accepts } from '../src/domain/verdict.js';
import { reconsider, registerTask } from './begin-task.js';
import { type Deps, opening, withIds } from './deps.js';
import { landWords } from './land-words.js';
import { apply, applyAll } from './verbs.js';
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

  async settleReviews(taskId, round, then) {
    const numbers = round.map(({ number }) => number);
    const reviews = await roundOf(deps.database, taskId, numbers);
    const outcome = cameTo(reviews, round[0]?.cycle ?? 1);
    const detail = reviews
      .flatMap(({ verdict }) => (verdict && !accepts(verdict.kind) ? [verdict.summary] : []))
      .join('; ');
    const unprepared =
      outcome === 'failed' && reviews.some(({ cause }) => cause === 'setup-failed');
    const course = opening(then[unprepared ? 'unprepared' : outcome]);
    const given = { task: taskId, specs: round, outcome, course, detail };
    const answer = await settleCycle(deps.database, given);
    await wake(answer.wake);
    return { outcome, standing: answer.standing };
  },

  landWords: (taskId, number, then) => landWords(deps, taskId, number, then),

  applyVerb: (taskId, message) => apply(deps, taskId, message),

  applyVerbs: (taskId, messages) => applyAll(deps, taskId, messages),

  async endTask(taskId, end) {
    const answer = await endTask(deps.database, { ...end, task: taskId, by: asPrincipal(end.by) });
    await wake(answer.wake);
    return answer.standing;
  },
});

/** What a round's verdicts come to; of a record that is re-entered, what they came to then. */
function cameTo(reviews: readonly ReviewOfRound[], cycle: number): RoundEnd {
  const recorded = ROUND_ENDS.find((end) =>
    reviews.some(({ verdict, outcome }) => verdict !== null && outcome === end),
  );
  if (recorded !== undefined) return recorded;
  const { kind } = settleReviews(reviews.map(({ verdict }) => verdict));
  switch (kind) {
    case 'accepted':
      return 'accepted';
    case 'unreadable':
      return 'failed';
    case 'revision':
      return cycle >= (reviews[0]?.bound ?? 0) ? 'atCap' : 'revision';
    default:
      return kind satisfies never;
  }
}
