/** Stories in which people, policies and faults do what they may at any time. */
import { expect } from 'vitest';
import { lookAgain, runPromoted } from '../../src/contract.js';
import { VERBS, type Verb } from '../../src/domain/task.js';
import { withLock } from '../../src/workspace/lock.js';
import { lockPath } from '../../src/workspace/names.js';
import type { House } from './house.js';
import { addRepository } from './repository.js';
import { setPolicy, setSquadPaused } from './settings.js';
import type { Story } from './stories.js';
import { approved, eventually, execution, type Filed, file, filed, revision } from './tasks.js';

const hangs = { faults: { hangAtTurn: 2, onlyAttempt: 1 } };
const twoTurns = {
  turns: [{ files: { 'a.txt': 'a' } }, { files: { 'b.txt': 'b' } }],
  report: 'two',
};
const asks = { faults: { ask: { turn: 1, question: '?' } } };

const inTheInbox = async (house: House): Promise<Filed> => {
  const task = await file(house, {}, { assignee: 'lead' });
  await task.until('INBOX');
  return task;
};
const told = (task: Filed, ...runs: string[]) =>
  eventually(async () => expect(await task.told()).toEqual(runs));
const checkpointed = ({ workflowId }: Filed, house: House, kind = 'EXECUTION') =>
  eventually(async () => {
    const [row] = await house.database.sql<{ turn: number | null }[]>`
      select max((a.checkpoint ->> 'turn')::integer) as turn from attempts a
      join runs r on r.id = a.run_id join tasks t on t.id = r.task_id
      where t.workflow_id = ${workflowId} and r.kind = ${kind}`;
    expect(row?.turn).toBeGreaterThanOrEqual(1);
  });
const cancelledAt =
  (reach: (house: House) => Promise<Filed>): Story =>
  async (house) => {
    const task = await reach(house);
    await task.say('cancel', { reason: 'enough' });
    return task;
  };
const limits = (maxConcurrentPerAgent: number) => ({
  value: {
    maxConcurrentPerAgent,
    maxDailyPerAgent: 500,
    maxDailyPerReviewer: 900,
    maxDailyTokens: 50_000_000,
    timeZone: 'UTC',
  },
});

/** What each verb needs to be sent with. */
const SENT: Readonly<Partial<Record<Verb, object>>> = {
  guide: { text: 'Mind the edges' },
  answer: { text: 'blue' },
  reassign: { executor: 'architect' },
  reprioritise: { priority: 'HIGH' },
};
const isEnd = (verb: Verb): boolean => ['approve', 'reject', 'cancel'].includes(verb);
/** The ends last: after them nothing is heard. */
const ORDERLY = VERBS.toSorted((left, right) => Number(isEnd(left)) - Number(isEnd(right)));

/** Every verb by signal, at one moment: what is not legal is ignored, and said in the record. */
async function everyVerbBySignal(house: House): Promise<Filed> {
  const task = await inTheInbox(house);
  await task.handle.signal('dance', {});
  for (const verb of ORDERLY) {
    await task.handle.signal(verb, { by: 'person:ann', ...SENT[verb] });
  }
  return task;
}

export const STORIES_OF_PEOPLE: Readonly<Record<string, Story>> = {
  rejected: async (house) => {
    const task = await inTheInbox(house);
    await task.say('reject', { reason: 'not now' });
    return task;
  },
  'every-verb-by-signal': everyVerbBySignal,
  /** Told again since signals are applied by an activity of their own, no longer a local one. */
  'signals-apart': everyVerbBySignal,
  /** Every verb by update; those that are not legal here are refused, and the ends come last. */
  'every-verb-by-update': async (house) => {
    const task = await inTheInbox(house);
    for (const verb of ORDERLY) await task.say(verb, SENT[verb]).catch(() => undefined);
    return task;
  },
  'an-agent-may-not': async (house) => {
    const task = await inTheInbox(house);
    await task.handle.signal('approve', { by: 'agent:lead' });
    await task.handle.signal('approve', { by: 'person:ann' });
    return task;
  },
  'the-inbox-is-decided-again': async (house) => {
    await setPolicy(house, 'auto-approve', { enabled: false });
    const task = await file(house, {});
    await task.until('INBOX');
    await setPolicy(house, 'auto-approve', { enabled: true });
    await task.handle.signal(lookAgain);
    return task;
  },
  'many-messages': async (house) => {
    const task = await inTheInbox(house);
    for (let again = 0; again < 10; again++) {
      await task.handle.signal('pause', { by: 'person:ann' });
      await task.handle.signal('resume', { by: 'person:ann' });
    }
    await task.say('approve');
    return task;
  },
  'reassigned-while-queued': async (house) => {
    await setSquadPaused(house, true);
    const task = await file(house, {});
    await told(task, 'EXECUTION 1 QUEUED');
    await task.say('reassign', { executor: 'writer', reviewers: ['tester'] });
    await told(task, 'EXECUTION 1 CANCELLED', 'EXECUTION 2 QUEUED');
    await setSquadPaused(house, false);
    return task;
  },
  'reassigned-to-a-lead': async (house) => {
    const task = await file(house, {
      executions: [{ ...execution('one'), ...asks }, execution('two')],
    });
    await task.until('BLOCKED', 'question');
    await task.say('reassign', { executor: 'lead' });
    await task.until('INBOX');
    await task.say('approve');
    return task;
  },
  'reassigned-beside-a-running-review': async (house) => {
    const slow = { turns: [{ say: 'a' }, { say: 'b', delayMs: 2000 }], ...approved };
    const task = await file(
      house,
      { executions: [execution('one'), execution('two')], reviews: [asks, slow] },
      { reviewers: ['reviewer', 'tester'] },
    );
    await task.until('BLOCKED', 'question');
    await checkpointed(task, house, 'REVIEW');
    await task.say('reassign', { executor: 'writer' });
    return task;
  },
  'waits-for-a-slot': async (house) => {
    await setPolicy(house, 'execution-limits', limits(0));
    const task = await file(house, {});
    await eventually(async () => expect(await task.state()).toMatchObject({ waitingFor: 'slot' }));
    await setPolicy(house, 'execution-limits', limits(5));
    return task;
  },
  'paused-at-work': async (house) => {
    const endless = { ...twoTurns, faults: { neverStop: true, onlyAttempt: 1 } };
    const task = await file(house, { executions: [endless] });
    await checkpointed(task, house);
    await task.say('pause');
    await told(task, 'EXECUTION 1 QUEUED');
    await task.say('resume');
    return task;
  },

  'cancelled-in-the-inbox': cancelledAt(inTheInbox),
  'cancelled-while-assigned': async (house) => {
    await setSquadPaused(house, true);
    const task = await file(house, {});
    await told(task, 'EXECUTION 1 QUEUED');
    await task.say('cancel');
    await task.result();
    await setSquadPaused(house, false);
    return task;
  },
  'cancelled-in-progress': cancelledAt(async (house) => {
    const task = await file(house, { executions: [{ ...twoTurns, ...hangs }] });
    await checkpointed(task, house);
    return task;
  }),
  'cancelled-in-review': cancelledAt(async (house) => {
    const task = await file(house, {
      reviews: [{ turns: [{ say: 'a' }, { say: 'b' }], ...hangs }],
    });
    await task.until('REVIEW');
    return task;
  }),
  'cancelled-while-landing': async (house) => {
    const { name: repository } = await addRepository(house, { landing: 'merge' });
    const [row] = await house.database.sql<{ id: string }[]>`
      select id from repositories where name = ${repository}`;
    const source = { kind: 'repository', repositoryId: row?.id ?? '' } as const;
    const script = { executions: [execution('work')], reviews: [asks] };
    const task = await file(house, script, { repository });
    await task.until('BLOCKED', 'question');
    await withLock(lockPath(house.home, source), {}, async () => {
      await task.say('answer', { text: 'yes' });
      await task.until('LANDING');
      await task.say('cancel');
      await task.result();
    });
    return task;
  },
  'cancelled-while-blocked': cancelledAt(async (house) => {
    const task = await file(house, { executions: [{ ...execution('one'), ...asks }] });
    await task.until('BLOCKED', 'question');
    return task;
  }),
  'cancelled-in-temporal': async (house) => {
    const task = await file(house, { executions: [{ ...twoTurns, ...hangs }] });
    await checkpointed(task, house);
    await task.handle.cancel();
    return task;
  },

  /** As after a reset, or in another store: the stored runs are its results. */
  're-entered': async (house) => {
    const script = { executions: [execution('one'), { ...twoTurns, ...hangs }] };
    const task = await file(house, { ...script, reviews: [revision('more'), approved] });
    await told(task, 'EXECUTION 1 SUCCEEDED', 'REVIEW 1 SUCCEEDED', 'EXECUTION 2 RUNNING');
    await task.handle.terminate();
    await again(house, task);
    return filed(house, task.workflowId);
  },
  'the-record-has-ended': async (house) => {
    const task = await file(house, {});
    await task.result();
    await again(house, task);
    return filed(house, task.workflowId);
  },
  'a-key-that-has-filed': async (house) => {
    const key = { source: 'ci', key: 'nightly' };
    await (await file(house, {}, key)).result();
    return file(house, {}, key);
  },
  'continued-in-a-new-history': (house) => flooded(house, 'first'),
  'the-new-history': (house) => flooded(house, 'last'),
  'bad-input': (house) => file(house, {}, { title: '' }),
  'unknown-type': async (house) => {
    const { client, taskQueue } = house;
    const workflowId = `${taskQueue}/unknown`;
    await client.workflow.start('dance', { taskQueue, workflowId });
    return filed(house, workflowId);
  },
};

/** So many messages that its history goes on in a new one: what the first held, and the last. */
async function flooded(house: House, whose: 'first' | 'last'): Promise<Filed> {
  const task = await inTheInbox(house);
  const { workflow } = house.client;
  const { runId } = await task.handle.describe();
  const nobody = { run: 'of nobody' };
  await Promise.all(Array.from({ length: 500 }, () => task.handle.signal(runPromoted, nobody)));
  await eventually(async () => expect((await task.handle.describe()).runId).not.toBe(runId));
  await task.say('approve');
  if (whose === 'last') return task;
  return { ...task, handle: workflow.getHandle(task.workflowId, runId, { followRuns: false }) };
}

const again = (house: House, { workflowId }: Filed) =>
  house.client.workflow.start('task', {
    taskQueue: house.taskQueue,
    workflowId,
    args: [{ title: 'whatever is said now' }],
  });
