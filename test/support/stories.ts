/** One story for each path through the loop: what the stored histories tell. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { House } from './house.js';
import { addRepository } from './repository.js';
import { setPolicy } from './settings.js';
import { approved, execution, type Filed, file, revision } from './tasks.js';

/** Brings a task from its filing to its end, by a certain path. */
export type Story = (house: House) => Promise<Filed>;

const spawning = (verdict: object, title: string) => ({
  verdict: { ...verdict, summary: 'and more', spawn: [{ title }] },
});
const failing = { report: 'none', faults: { fail: { turn: 1, message: 'no compiler here' } } };
const garbage = { faults: { garbageVerdict: 'looks good to me' } };
const asking = (question: string) => ({ faults: { ask: { turn: 1, question } } });
const both = { reviewers: ['reviewer', 'tester'] };
const works = { executions: [execution('one'), execution('two'), execution('three')] };

/** With a policy's value for a while: it is the house's own. */
async function under<T>(
  house: House,
  [name, value, after]: readonly [string, object, object],
  tell: () => Promise<T>,
): Promise<T> {
  await setPolicy(house, name, { value });
  try {
    return await tell();
  } finally {
    await setPolicy(house, name, { value: after });
  }
}
const ONE_CYCLE = ['review', { maxCycles: 1 }, { maxCycles: 5 }] as const;
const TWO_CYCLES = ['review', { maxCycles: 2 }, { maxCycles: 5 }] as const;
const NO_LANDING_CYCLE = ['landing', { maxLandingCycles: 0 }, { maxLandingCycles: 3 }] as const;

/** At the cap of revisions, where a person is waited for. */
const atTheCap = (house: House, input: object, ...reviews: object[]): Promise<Filed> =>
  under(house, ONE_CYCLE, async () => {
    const task = await file(house, { ...works, reviews }, input);
    await task.until('BLOCKED', 'revision-cap');
    return task;
  });

const conflicting = (path: string) =>
  `cd ${path} && echo theirs > shared.txt && ` +
  'git -c user.name=Ann -c user.email=a@b.invalid commit --quiet --all --message theirs';
const changes = (report: string, more: object = {}) => ({
  turns: [{ files: { 'shared.txt': `${report}\n` }, ...more }],
  report,
});
/** Its target moves while it is executed for the first time. */
async function withConflict(house: House): Promise<Filed> {
  const { name: repository, path } = await addRepository(house, { landing: 'merge' });
  const executions = [changes('ours', { commands: [conflicting(path)] }), changes('both')];
  return file(house, { executions }, { repository });
}
/** Its landing is refused, since the worktree of its target is dirty. */
async function refused(house: House) {
  const repository = await addRepository(house, { landing: 'merge' });
  const task = await file(house, works, { repository: repository.name });
  repository.write('shared.txt', 'dirty\n');
  await task.until('BLOCKED', 'landing-failed');
  return { task, clean: () => repository.git('checkout', '--quiet', 'shared.txt') };
}

export const LOOP_STORIES: Readonly<Record<string, Story>> = {
  'auto-approved': (house) => file(house, {}),

  revision: (house) =>
    file(house, {
      executions: [execution('page 1'), execution('page 2')],
      reviews: [revision('Add error handling'), approved],
    }),

  'lead-and-spawn': async (house) => {
    const reviews = [spawning({ verdict: 'SPAWN' }, 'Write the docs')];
    const task = await file(house, { reviews }, { assignee: 'lead' });
    await task.until('INBOX');
    await task.handle.signal('guide', { by: 'person:ann', text: 'Mind the edges' });
    await task.say('approve');
    return task;
  },

  'revision-and-spawn': (house) => {
    const first = spawning({ ...revision('wrong').verdict, verdict: 'REVISION+SPAWN' }, 'Tidy up');
    return file(house, { ...works, reviews: [first, approved] });
  },

  'revision-cap-retry': async (house) => {
    const task = await atTheCap(house, {}, revision('wrong'), approved);
    await task.say('retry');
    return task;
  },
  'revision-cap-accept': async (house) => {
    const task = await atTheCap(house, {}, revision('wrong'));
    await task.say('accept', { reason: 'good enough' });
    return task;
  },
  'revision-cap-reassign': async (house) => {
    const task = await atTheCap(house, {}, revision('wrong'), approved);
    await task.say('reassign', { executor: 'writer' });
    return task;
  },

  'several-reviewers': async (house) => {
    const reviews = [revision('wrong'), approved, garbage, approved, approved, approved];
    const task = await file(house, { ...works, reviews }, both);
    await task.until('BLOCKED', 'review-failed');
    await task.say('retry');
    return task;
  },
  'several-reviewers-at-the-cap': async (house) => {
    const task = await atTheCap(house, both, revision('wrong'), approved);
    await task.say('accept');
    return task;
  },

  'unreadable-review': async (house) => {
    const task = await file(house, { ...works, reviews: [garbage, approved] });
    await task.until('BLOCKED', 'review-failed');
    const [, first] = await task.runs();
    const other = first?.agent_id === 'reviewer' ? 'tester' : 'reviewer';
    await task.say('reassign', { reviewers: [other] });
    return task;
  },

  'execution-failed': async (house) => {
    const script = { executions: [failing, failing, execution('work')] };
    const task = await file(house, script, { assignee: 'intern' });
    await task.until('BLOCKED', 'execution-failed');
    await task.say('retry');
    await task.until('BLOCKED', 'execution-failed');
    await task.say('reassign', { executor: 'operator' });
    return task;
  },
  'execution-failed-accept': async (house) => {
    const script = { executions: [execution('first'), failing], reviews: [revision('no')] };
    const task = await file(house, script, { assignee: 'researcher' });
    await task.until('BLOCKED', 'execution-failed');
    await task.say('accept');
    return task;
  },

  'no-repository': async (house) => {
    const repository = await addRepository(house);
    const gone = `${repository.path}-moved`;
    renameSync(repository.path, gone);
    const script = { executions: [execution('x'), execution('work')] };
    const task = await file(house, script, { repository: repository.name });
    await task.until('BLOCKED', 'setup-failed');
    renameSync(gone, repository.path);
    await task.say('retry');
    return task;
  },
  'no-mirror-for-the-review': async (house) => {
    const task = await file(house, { ...works, reviews: [asking('which?'), approved] });
    await task.until('BLOCKED', 'question');
    rmSync(join(house.home, 'mirrors'), { recursive: true });
    await task.say('answer', { text: 'that' });
    await task.until('BLOCKED', 'setup-failed');
    await task.say('cancel', { reason: 'its work is gone' });
    return task;
  },

  question: async (house) => {
    const spent = { outOfBudget: { turn: 1, message: 'spent' } };
    const review = { ...approved, faults: spent };
    const task = await file(house, {
      executions: [{ ...execution('told {{answer}}'), ...asking('blue or red?') }],
      reviews: [review],
    });
    await task.until('BLOCKED', 'question');
    await task.say('answer', { text: 'blue' });
    await task.until('BLOCKED', 'budget-spent');
    await task.say('retry');
    return task;
  },

  checks: async (house) => {
    const { name: repository } = await addRepository(house, {
      recipe: { checks: ['test -e shared.txt', '! grep -e one -e two work.txt'] },
    });
    return under(house, TWO_CYCLES, async () => {
      const task = await file(house, works, { repository });
      await task.until('BLOCKED', 'revision-cap');
      await task.say('retry');
      await task.result();
      return task;
    });
  },

  'landing-branch': async (house) => {
    const { name: repository } = await addRepository(house);
    return file(house, works, { repository });
  },
  'landing-conflict': withConflict,
  'landing-cap-retry': (house) =>
    under(house, NO_LANDING_CYCLE, async () => {
      const task = await withConflict(house);
      await task.until('BLOCKED', 'landing-cap');
      await task.say('retry');
      return task;
    }),
  'landing-refused-retry': async (house) => {
    const { task, clean } = await refused(house);
    clean();
    await task.say('retry');
    return task;
  },
  'landing-refused-accept': async (house) => {
    const { task, clean } = await refused(house);
    clean();
    await task.say('accept');
    return task;
  },
  'landing-refused-reassign': async (house) => {
    const { task, clean } = await refused(house);
    clean();
    await task.say('reassign', { executor: 'writer' });
    return task;
  },
};
